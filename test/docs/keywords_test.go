package docs

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/pkg/keepalived"
)

var writeKeywords = flag.Bool("write-keywords", false, "rewrite the table of keywords in docs/vipd-reference.md")

// keywordsHead begins the table of keywords; an empty line ends it.
const keywordsHead = "| keyword | in | what vipd does |\n|---|---|---|\n"

// TestEveryKeywordIsTold holds the table of keywords to the program: a row for
// each word in each block, with what vipd does and why.
func TestEveryKeywordIsTold(t *testing.T) {
	const name = "docs/vipd-reference.md"
	text := read(t, name)
	head, rest, ok := strings.Cut(text, keywordsHead)
	told, tail, _ := strings.Cut(rest, "\n\n")
	told += "\n"
	if !ok {
		t.Fatalf("%s has no table of keywords", name)
	}
	want := keywordTable()
	if strings.Count(want, "\n") < 250 {
		t.Fatalf("only %d rows", strings.Count(want, "\n"))
	}
	if *writeKeywords {
		if err := os.WriteFile("../../"+name, []byte(head+keywordsHead+want+"\n"+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if told == want {
		return
	}
	rows := func(s string) map[string]bool {
		out := map[string]bool{}
		for _, row := range strings.Split(s, "\n") {
			out[row] = true
		}
		return out
	}
	for row := range rows(want) {
		if !rows(told)[row] {
			t.Errorf("missing: %s", row)
		}
	}
	for row := range rows(told) {
		if !rows(want)[row] {
			t.Errorf("not so: %s", row)
		}
	}
}

// keywordTable writes the rows. What stands behind a verdict is the reason.
func keywordTable() string {
	var b strings.Builder
	for _, k := range keepalived.Keywords() {
		does := string(k.Verdict)
		if k.Why != "" {
			does += ": " + k.Why
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k.Word, blockWord(k.Block), does)
	}
	return b.String()
}

func blockWord(block string) string {
	if strings.Contains(block, " ") {
		return block
	}
	return "`" + block + "`"
}
