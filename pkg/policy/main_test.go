package policy

import (
	"flag"
	"os"
	"testing"
)

// The properties are cheap to try and their corner cases rare, so they are
// tried more often than rapid does by itself.
func TestMain(m *testing.M) {
	flag.Parse()
	byUser := false
	flag.Visit(func(f *flag.Flag) { byUser = byUser || f.Name == "rapid.checks" })
	if !byUser {
		if err := flag.Set("rapid.checks", "2000"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
