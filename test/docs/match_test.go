package docs

import (
	"regexp"
	"strings"
	"testing"
)

var (
	blanks = regexp.MustCompile(`[ \t]+`)
	// oldTable is a warning that comes with time and goes with new data.
	oldTable = regexp.MustCompile(`the builtin geo database is \d+ days old`)
)

// plain brings output into the form in which it is compared.
func plain(output string) string {
	var out strings.Builder
	for _, line := range strings.Split(strings.Trim(output, "\n"), "\n") {
		if oldTable.MatchString(line) {
			continue
		}
		out.WriteString(strings.TrimSpace(blanks.ReplaceAllString(line, " ")) + "\n")
	}
	return strings.Trim(out.String(), "\n") + "\n"
}

// matches reports whether output is what is shown. With prefix it may go on.
func matches(shown, output string, prefix bool) bool {
	var re strings.Builder
	re.WriteString(`\A`)
	for _, line := range strings.Split(strings.TrimSuffix(plain(shown), "\n"), "\n") {
		if line == "…" {
			re.WriteString(`(?:.*\n)*?`)
			continue
		}
		re.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*") + `\n`)
	}
	if !prefix {
		re.WriteString(`\z`)
	}
	return regexp.MustCompile(re.String()).MatchString(plain(output))
}

func TestOutputIsComparedLineByLine(t *testing.T) {
	for _, c := range []struct {
		shown, output string
		want          bool
	}{
		{"a\nb\n", "a\nb\n", true},
		{"a\n", "a\nb\n", false},
		{"a\nb\n", "a\n", false},
		{"", "", true},
		{"", "a\n", false},
		{"a  b\n", "a\tb \n", true},
		{"up …s ago.\n", "up 12s ago.\n", true},
		{"up …s ago.\n", "up 12s ago!\n", false},
		{"a\n…\nd\n", "a\nb\nc\nd\n", true},
		{"a\n…\nd\n", "a\nd\n", true},
		{"a\n…\nd\n", "a\nb\nc\n", false},
		{"a\n", "x: warning: the builtin geo database is 156 days old: set geo.database\na\n", true},
	} {
		if got := matches(c.shown, c.output, false); got != c.want {
			t.Errorf("shown %q, output %q: got %v, want %v", c.shown, c.output, got, c.want)
		}
	}
	if !matches("a\n", "a\nb\n", true) {
		t.Error("a prefix: got false, want true")
	}
}

func TestCommentsAreUnderstood(t *testing.T) {
	steps, err := parse("<!-- folder -->\n<!-- hidden file: a.yaml\nx: 1\n-->\n<!-- file: b.zone -->\n```zone\n@ SOA\n```\n" +
		"<!-- exit: 1 -->\n```console\n$ a\nb\n$ c\n```\n<!-- stop: n -->\n<!-- not run: it would hurt -->\n```console\n$ d\n```\n```text\nfree\n```\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) != 5 || steps[1].text != "x: 1\n" || steps[2].text != "@ SOA\n" || steps[3].marks["exit"] != "1" || steps[4].name != "n" {
		t.Errorf("got %+v", steps)
	}
	cmds, err := steps[3].commands()
	if err != nil || len(cmds) != 2 || cmds[0].output != "b\n" || cmds[1].text != "c" || cmds[1].line != 13 {
		t.Errorf("got %+v, %v", cmds, err)
	}
	for _, bad := range []string{"```yaml\na: 1\n```\n", "<!-- fold -->\n", "```console\n$ a\n", "<!-- not run -->\n```console\n$ a\n```\n"} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
