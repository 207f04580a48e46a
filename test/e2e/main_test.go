// Package e2e tests geodns from outside: the real binary, real sockets on
// loopback, real files. What a test says of an answer it works out by means of
// its own, never by the code under test.
//
// Tests that measure time run one by one, and the others in parallel. Ports are
// whatever is free.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/geodns-vipd/geodns/internal/stalltest"
)

// program is the program under test.
var program string

// machine counts what the machine stood still while these tests ran: no time
// that is waited for includes it.
var machine *stalltest.Watch

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "geodns-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	// Others must be able to run it too: a test becomes another user.
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	program = filepath.Join(dir, "geodns")
	build := exec.Command("go", "build", "-o", program, "github.com/geodns-vipd/geodns/cmd/geodns")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build geodns:", err)
		return 1
	}
	watch, stop := stalltest.StartAlways()
	defer stop()
	machine = watch
	return m.Run()
}
