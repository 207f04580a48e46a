package zone

import (
	"errors"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// typeWords are the mnemonics of types in order, the candidates for a misspelled
// one.
var typeWords = func() []string {
	words := slices.DeleteFunc(dnswire.TypeNames(), func(w string) bool {
		t, _ := dnswire.ParseType(w)
		return isMeta(t)
	})
	// The shorter ones first: of two that are as near, A is meant, not A6.
	slices.SortFunc(words, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		if a < b {
			return -1
		}
		return 1
	})
	return words
}()

var typesByWord = func() map[string]dnswire.Type {
	m := make(map[string]dnswire.Type)
	for _, w := range dnswire.TypeNames() {
		m[w], _ = dnswire.ParseType(w)
	}
	return m
}()

// typeOf returns the type that a word in any letter case names. It makes no
// garbage for mnemonics.
func typeOf(word []byte) (dnswire.Type, bool) {
	var upper [16]byte
	if len(word) > len(upper) {
		return 0, false
	}
	for i, c := range word {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper[i] = c
	}
	if t, ok := typesByWord[string(upper[:len(word)])]; ok {
		return t, true
	}
	return dnswire.ParseType(string(word))
}

// nearestType returns the type that a misspelled word may mean, "" if none.
func nearestType(word string) string {
	const longest = 16 // the search takes time by the length
	if len(word) > longest {
		return ""
	}
	return diag.Nearest(word, typeWords)
}

func isType(word []byte) bool {
	_, ok := typeOf(word)
	return ok
}

// isMeta reports whether t is a type of questions or of messages, which no zone
// can hold (RFC 6895, Section 3.1).
func isMeta(t dnswire.Type) bool {
	return t == 0 || t == dnswire.TypeOPT || dnswire.TypeTKEY <= t && t <= dnswire.TypeANY
}

// rightName says what would be right where appendName found err.
func rightName(err error) string {
	switch {
	case errors.Is(err, errEmptyLabel):
		return "one dot between two labels, and none at the start"
	case errors.Is(err, errLongLabel):
		return "at most 63 octets between two dots"
	case errors.Is(err, errLongName):
		return "at most 255 octets, the origin included"
	case errors.Is(err, errEscape):
		return `\. for a dot within a label, \032 for the octet 32`
	}
	return ""
}
