package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// Each testdata/*.txt is a transcript: lines that begin with "$ " are commands
// whose output and exit code follow. Configurations are in testdata/*.conf.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) { replay(t, f) })
	}
}

func replay(t *testing.T, file string) {
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir("testdata")
	var got bytes.Buffer
	for line := range strings.Lines(string(want)) {
		if strings.HasPrefix(line, "# ") {
			got.WriteString(line)
		}
		cmd, ok := strings.CutPrefix(line, "$ vipd ")
		if !ok {
			continue
		}
		if got.Len() > 0 && !strings.HasPrefix(lastLine(got.String()), "#") {
			got.WriteString("\n")
		}
		got.WriteString(line)
		var out bytes.Buffer
		code := run(strings.Fields(cmd), strings.NewReader(""), &out, &out)
		got.Write(out.Bytes())
		got.WriteString("exit " + string(rune('0'+code)) + "\n")
	}
	if *update {
		if err := os.WriteFile(filepath.Base(file), got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got.String() != string(want) {
		t.Errorf("%s differs (rewrite with -update):\n%s", file, got.String())
	}
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	return lines[len(lines)-1]
}
