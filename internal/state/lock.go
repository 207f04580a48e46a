package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ReplaceSocket returns the path of the socket, in the state folder path, at
// which a running process hands over to the next.
func ReplaceSocket(path string) string { return filepath.Join(path, "replace.sock") }

// Adopt takes the folder over with the lock of the process that has it: fd is a
// duplicate of that lock's descriptor, and belongs to the folder from now on.
// The kernel frees the lock when both have closed it, so that there is no
// moment at which a third could take it.
func Adopt(path string, fd int) (*Dir, error) {
	f := os.NewFile(uintptr(fd), filepath.Join(path, "lock"))
	if f == nil {
		return nil, errors.New("state: no lock was handed over")
	}
	handed, err := f.Stat()
	if err == nil {
		var there os.FileInfo
		if there, err = os.Stat(f.Name()); err == nil && !os.SameFile(handed, there) {
			err = fmt.Errorf("%s is not the file that the other process has locked: was the folder replaced?", f.Name())
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("state: %w", err)
	}
	return &Dir{path: path, lock: f}, nil
}

// Lock calls f with the descriptor of the lock.
func (d *Dir) Lock(f func(fd int)) error {
	if !d.Locked() {
		return errors.New("state: the lock is not held")
	}
	raw, err := d.lock.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { f(int(fd)) })
}
