package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/internal/goldentest"
)

// Each testdata/*.txt is a transcript: lines that begin with "$ " are commands
// whose output and exit code follow. Configurations are in testdata/*.conf.
func TestTranscripts(t *testing.T) { goldentest.Run(t, "testdata/*.txt", replay) }

// replay runs the commands of a transcript, and keeps what is said about them.
func replay(_ *testing.T, text string) string {
	var got strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "# ") {
			fmt.Fprintf(&got, "\n%s", line)
		}
		if cmd, ok := strings.CutPrefix(line, "$ vipd "); ok {
			out, code := command(strings.Fields(cmd))
			fmt.Fprintf(&got, "%s%sexit %d\n", line, out, code)
		}
	}
	return strings.TrimPrefix(got.String(), "\n")
}

// command runs vipd with these words.
func command(args []string) (string, int) {
	var out bytes.Buffer
	code := run(args, strings.NewReader(""), &out, &out)
	return out.String(), code
}
