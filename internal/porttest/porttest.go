// Package porttest finds ports for servers that are told where to listen before
// they run. A port that is merely free now may be somebody else's by then: the
// kernel hands it out to the next who asks for any, and so may the same tests,
// run a second time beside this one.
package porttest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Ports come from below those that Linux hands out by itself (32768 and up).
const first, last = 11000, 31999

// Free returns a port that is free for UDP and TCP at every address of this
// machine, for TCP also at the given distances from it. It and these are the
// test's until it ends: no other test gets them, in whatever process.
func Free(t testing.TB, also ...int) int {
	t.Helper()
	for range 500 {
		port := first + rand.IntN(last-first-1000)
		if claim(t, port, append([]int{0}, also...)) {
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// claim takes the ports at the given distances, or none.
func claim(t testing.TB, port int, distances []int) bool {
	var held []*os.File
	giveBack := func() {
		for _, f := range held {
			f.Close()
		}
	}
	for _, d := range distances {
		f, ok := lock(port + d)
		if !ok {
			giveBack()
			return false
		}
		held = append(held, f)
	}
	if !isFree(port, distances) {
		giveBack()
		return false
	}
	t.Cleanup(giveBack)
	return true
}

// lock claims a port among tests. The lock ends with its process, at the latest;
// the file stays, since to remove it would be to remove another's claim.
func lock(port int) (*os.File, bool) {
	dir := filepath.Join(os.TempDir(), "geodns-test-ports")
	if os.MkdirAll(dir, 0o777) == nil {
		_ = os.Chmod(dir, 0o777) // for other users too, whatever the umask; it may be theirs
	}
	f, err := os.OpenFile(filepath.Join(dir, fmt.Sprint(port)), os.O_CREATE|os.O_RDONLY, 0o666)
	if err != nil {
		return nil, false
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		f.Close()
		return nil, false
	}
	return f, true
}

// isFree reports whether nobody listens there now. An address of all is tried,
// which is refused where any one is taken.
func isFree(port int, distances []int) bool {
	udp, err := net.ListenPacket("udp4", fmt.Sprintf("0.0.0.0:%d", port))
	if err != nil {
		return false
	}
	defer udp.Close()
	for _, d := range distances {
		ln, err := net.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", port+d))
		if err != nil {
			return false
		}
		defer ln.Close()
	}
	return true
}
