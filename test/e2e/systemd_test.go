package e2e

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestTellsSystemd reads what the server tells a service manager: when it is
// ready, reloads, is alive, ends, and which process follows it.
func TestTellsSystemd(t *testing.T) {
	dir := folder(t, files{"zones/example.com.zone": zoneText("www A 192.0.2.1\n")})
	path := filepath.Join(dir, "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "400000")
	t.Setenv("WATCHDOG_PID", "1")
	told := make(chan string, 1000) // read at once, as systemd does
	go func() {
		for b := make([]byte, 4096); ; {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			told <- string(b[:n])
		}
	}()
	expect := func(what, want string) {
		t.Helper()
		for late := machine.After(notice); ; {
			select {
			case text := <-told:
				if regexp.MustCompile("^" + want + "$").MatchString(text) {
					return
				}
				if text != "WATCHDOG=1" {
					t.Fatalf("%s: %q is told, want %q", what, text, want)
				}
			case <-late:
				t.Fatalf("%s: nothing like %q is told", what, want)
			}
		}
	}
	s := start(t, dir)
	expect("start", "READY=1")
	expect("time goes by", "WATCHDOG=1")
	s.signal(syscall.SIGHUP)
	expect("reload", `RELOADING=1\nMONOTONIC_USEC=\d+\n?`)
	expect("reloaded", "READY=1")
	next := s.replaceBy()
	expect("replaced", fmt.Sprintf("MAINPID=%d", next.cmd.Process.Pid))
	expect("the next one is ready", "READY=1")
	expect("the next one is alive", "WATCHDOG=1")
	if err := next.stop(); err != nil {
		t.Error(err)
	}
	expect("end", "STOPPING=1")
	if strings.Contains(s.log.String(), "level=ERROR") {
		t.Error(s.log.String())
	}
}
