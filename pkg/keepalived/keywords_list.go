package keepalived

import (
	"cmp"
	"slices"
)

// Verdict says what vipd does with a keyword.
type Verdict string

const (
	CarriedOut Verdict = "carried out"
	Warned     Verdict = "warned of" // nothing that decides is lost without it
	Refused    Verdict = "refused"   // an error, with Options.Compat a warning
)

// Keyword is a word of the language in one kind of block.
type Keyword struct {
	Block   string // the kind of block that it stands in: "the file", "global_defs", …
	Word    string
	Verdict Verdict
	Why     string // of a word that is not carried out: why, or what to write instead
}

// servedLater are words that are read and checked in full, and told as refused
// by whoever runs the configuration.
var servedLater = map[string]string{
	"track_group": "track the interface instead: track_interface",
	"vrf":         "an interface that is in no VRF",
}

// ServedLater returns what to write instead of a word that is read and checked
// but not carried out.
func ServedLater(word string) string { return servedLater[word] }

// Keywords returns every word that is known, by block, then by word. Words of
// blocks that vipd does not look into are not among them.
func Keywords() []Keyword {
	var out []Keyword
	for block, b := range vocabulary {
		for word, k := range b.words {
			w := Keyword{Block: block, Word: word, Verdict: CarriedOut, Why: k.why}
			later, isLater := servedLater[word]
			switch {
			case isLater:
				w.Verdict, w.Why = Refused, later
			case !k.carried && k.weighty:
				w.Verdict = Refused
			case !k.carried:
				w.Verdict = Warned
			}
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(a, b Keyword) int {
		return cmp.Or(cmp.Compare(blockOrder(a.Block), blockOrder(b.Block)), cmp.Compare(a.Word, b.Word))
	})
	return out
}

// blockOrder is the place of a block in lists: the file itself, what is in
// every file, then the rest by name.
func blockOrder(block string) string {
	for i, name := range []string{topLevel, "global_defs", "vrrp_instance", "vrrp_sync_group", "vrrp_script"} {
		if name == block {
			return string(rune('0' + i))
		}
	}
	return block
}
