// Package goldentest runs transcripts: text files that hold what is done and
// what came of it, which a test replays and compares, or rewrites with -update.
package goldentest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata; commit only changes whose cause is understood")

// Updating reports whether transcripts are rewritten, for a test that compares
// by itself.
func Updating() bool { return *update }

// Run replays every file that matches pattern as a subtest. replay gets the
// text of a file and returns it as it should be.
func Run(t *testing.T, pattern string, replay func(t *testing.T, text string) string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts match %s: %v", pattern, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			Compare(t, file, string(text), replay(t, string(text)))
		})
	}
}

// Compare fails the test at the first line in which got differs from want, the
// content of file; with -update it writes got instead.
func Compare(t *testing.T, file, want, got string) {
	t.Helper()
	if got == want {
		return
	}
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		if a, b := line(g, i), line(w, i); a != b {
			t.Fatalf("%s:%d:\n got %q\nwant %q\nIf the change is right, run the test with -update.", file, i+1, a, b)
		}
	}
}

func line(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(end of text)"
}
