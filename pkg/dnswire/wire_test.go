package dnswire

import (
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/internal/goldentest"
)

// assemble turns a readable form of octets into octets: hexadecimal digits,
// 'text' for itself, and N*token for a token N times over.
func assemble(t testing.TB, text string) []byte {
	t.Helper()
	var b []byte
	for token := range strings.FieldsSeq(text) {
		times := 1
		if n, rest, ok := strings.Cut(token, "*"); ok {
			var err error
			if times, err = strconv.Atoi(n); err != nil {
				t.Fatalf("bad count in %q", token)
			}
			token = rest
		}
		octets := []byte(strings.Trim(token, "'"))
		if token[0] != '\'' {
			var err error
			if octets, err = hex.DecodeString(token); err != nil {
				t.Fatalf("bad octets %q: %v", token, err)
			}
		}
		for range times {
			b = append(b, octets...)
		}
	}
	return b
}

// wire returns the wire form of a name with its letter case.
func wire(t testing.TB, text string) []byte {
	t.Helper()
	var b []byte
	for label := range strings.SplitSeq(strings.TrimSuffix(text, "."), ".") {
		if label != "" {
			b = append(append(b, byte(len(label))), label...)
		}
	}
	return append(b, 0)
}

// transcript runs each block of a file in testdata through run. A block is
// comment lines (#), input lines (>) and what run returned for the input, up to
// a blank line. With -update the file is rewritten instead of compared.
func transcript(t *testing.T, path string, run func(t *testing.T, input string) string) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for block := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n\n") {
		var head, input []string
		for line := range strings.SplitSeq(block, "\n") {
			text, isInput := strings.CutPrefix(line, ">")
			if isInput {
				input = append(input, text)
			}
			if isInput || strings.HasPrefix(line, "#") {
				head = append(head, line)
			}
		}
		if len(input) == 0 {
			out = append(out, block)
			continue
		}
		got := run(t, strings.Join(input, "\n"))
		out = append(out, strings.Join(append(head, got), "\n"))
	}
	goldentest.Compare(t, path, string(data), strings.Join(out, "\n\n")+"\n")
}
