package daemon

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/stalltest"
)

// TestNotifyDoesNotWaitForAManagerThatHangs fills the queue of a socket that
// nobody reads.
func TestNotifyDoesNotWaitForAManagerThatHangs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	Notify(Ready, MainPID(7))
	b := make([]byte, 100)
	if n, err := c.Read(b); err != nil || string(b[:n]) != "READY=1\nMAINPID=7" {
		t.Errorf("got %q, %v", b[:n], err)
	}
	large := strings.Repeat("x", 60_000)
	stall, begin := stalltest.Start(t), time.Now()
	for time.Since(begin) < notifyTime/2 {
		Notify(large)
	}
	if took := time.Since(begin); took > 2*notifyTime+time.Second+stall.Lost() {
		t.Errorf("it waited for %v", took)
	}
	t.Setenv("NOTIFY_SOCKET", path+".gone")
	Notify(Ready)
}
