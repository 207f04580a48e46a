package handover

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
)

// Listener waits for a process that wants to take over.
type Listener struct {
	unix *net.UnixListener
	path string
}

// Listen makes a socket at path that only this user, and root, may connect to.
// A file that an earlier run left behind is replaced; the caller makes sure, by
// a lock, that nobody listens at it.
func Listen(path string) (*Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // another process may have it by then
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return &Listener{l, path}, nil
}

// Inherit goes on with the socket of a former process. It takes the descriptor.
func Inherit(fd int, path string) (*Listener, error) {
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	u, ok := l.(*net.UnixListener)
	if !ok {
		l.Close()
		return nil, fmt.Errorf("%s: %v is no Unix socket", path, l.Addr())
	}
	return &Listener{u, path}, nil
}

// Accept waits for the next process of this user or of root; others are turned
// away.
func (l *Listener) Accept() (*Conn, error) {
	for {
		c, err := l.unix.AcceptUnix()
		if err != nil {
			return nil, err
		}
		cred, err := credentials(c)
		if err != nil || cred.Uid != 0 && int(cred.Uid) != os.Geteuid() {
			c.Close()
			continue
		}
		return newConn(c)
	}
}

// Descriptor calls f with the descriptor of the socket.
func (l *Listener) Descriptor(f func(fd int)) error {
	raw, err := l.unix.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { f(int(fd)) })
}

// Close ends waiting. The socket lives on in whoever has it.
func (l *Listener) Close() error { return l.unix.Close() }

// Remove takes the path away, at the end of a process that nobody followed.
func (l *Listener) Remove() error { return os.Remove(l.path) }
