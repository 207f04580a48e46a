package handover

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const soon = 5 * time.Second

// pair returns both ends of a connection.
func pair(t *testing.T) (old, next *Conn) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if next, err = Dial(path); err != nil {
		t.Fatal(err)
	}
	if old, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { old.Close(); next.Close() })
	if old.PID != os.Getpid() || next.PID != os.Getpid() {
		t.Fatalf("the other process is %d and %d", old.PID, next.PID)
	}
	return old, next
}

// TestMessagesKeepTheirDescriptors sends several messages in a row, with more
// descriptors than go at once, and looks through each of them.
func TestMessagesKeepTheirDescriptors(t *testing.T) {
	old, next := pair(t)
	go func() {
		for round := range 3 {
			var m Message
			var fds []int
			for i := range 250*round + 1 {
				fd, err := unix.MemfdCreate("t", unix.MFD_CLOEXEC)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = unix.Write(fd, []byte{byte(round), byte(i)})
				fds = append(fds, fd)
				m.Files = append(m.Files, File{Role: "x", Received: []byte{byte(i)}})
			}
			m.Kind, m.State = "k", []byte(`{"a":"`+strings.Repeat("x", 300_000)+`"}`)
			if err := old.Send(m, fds, soon); err != nil {
				t.Error(err)
			}
			CloseAll(fds)
		}
	}()
	for round := range 3 {
		m, fds, err := next.Receive(soon, "k")
		if err != nil || len(fds) != 250*round+1 || len(m.State) < 300_000 {
			t.Fatalf("round %d: %d descriptors, %v", round, len(fds), err)
		}
		for i, fd := range fds {
			var b [2]byte
			if _, err := unix.Pread(fd, b[:], 0); err != nil || b != [2]byte{byte(round), byte(i)} || m.Files[i].Received[0] != byte(i) {
				t.Fatalf("round %d, descriptor %d: %v, %v", round, i, b, err)
			}
			if flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); flags&unix.FD_CLOEXEC == 0 {
				t.Fatal("a descriptor would go to programs that are started")
			}
		}
		CloseAll(fds)
	}
}

func TestWhatDoesNotFitIsAnError(t *testing.T) {
	for want, m := range map[string]Message{
		`message "other"`:     {Kind: "other"},
		"no, since":           {Kind: "k", Refused: "no, since"},
		"the other process (": {Kind: "k", Version: "9"},
	} {
		old, next := pair(t)
		if want[0] == 't' { // as a later version would: Send fills in ours
			text := `{"protocol": 99, "kind": "k", "version": "9"}`
			_, _ = old.unix.Write(append([]byte{0, 0, 0, byte(len(text))}, text...))
		} else if err := old.Send(m, nil, soon); err != nil {
			t.Fatal(err)
		}
		if _, _, err := next.Receive(soon, "k"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	old, next := pair(t)
	old.Close()
	if _, _, err := next.Receive(soon, "k"); err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("got %v", err)
	}
	_, next = pair(t)
	if _, _, err := next.Receive(10*time.Millisecond, "k"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestOnlyTheUserMayConnect looks at the rights of the socket, and that a
// socket that nobody reads is told.
func TestOnlyTheUserMayConnect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if _, err := Dial(path); !errors.Is(err, ErrNobody) {
		t.Errorf("no socket: %v", err)
	}
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
	var dup int
	if err := l.Descriptor(func(fd int) { dup, _ = unix.Dup(fd) }); err != nil {
		t.Fatal(err)
	}
	l.Close()
	heir, err := Inherit(dup, path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the path is gone with the first owner: %v", err)
	}
	c.Close()
	heir.Close()
	if _, err := Dial(path); !errors.Is(err, ErrNobody) {
		t.Errorf("nobody listens: %v", err)
	}
	if _, err := Listen(path); err != nil {
		t.Errorf("a left-over keeps from listening: %v", err)
	}
}
