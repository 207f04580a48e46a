// Package state owns the folder of what must survive a restart: its lock, and
// the secrets and files in it. Nothing else in the program writes files.
//
// It does not know what they are for. The entry point is [Open].
package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// Dir is a state folder that this process holds the lock of, or means to hold
// once that is possible (see [Unlocked]).
type Dir struct {
	path string

	mu   sync.Mutex
	lock *os.File // nil: not yet
}

// ErrLocked says that another process serves with this state.
var ErrLocked = errors.New("another geodns serves with this state: serve --replace takes over from it")

// Open creates the folder if it is not there and takes its lock, which the
// kernel gives back however the process ends. The error is [ErrLocked], with
// the folder named, if another process holds it.
func Open(path string) (*Dir, error) {
	lock, err := takeLock(path)
	if err != nil {
		return nil, err
	}
	return &Dir{path: path, lock: lock}, nil
}

// Unlocked returns the folder although [Open] has failed: what is there is
// read, and [Dir.Store] tries each time whether the lock can be had by now.
func Unlocked(path string) *Dir { return &Dir{path: path} }

// errForbidden says that the folder is there and this process may not use it.
var errForbidden = errors.New("this process may not use the folder")

// DiskFault reports whether err is a fault of the disk, for which serving need
// not wait: it is full, broken or read-only, or the folder belongs to somebody
// else. That no folder could be made is a mistake in the configuration.
func DiskFault(err error) bool {
	for _, fault := range []error{unix.EROFS, unix.ENOSPC, unix.EDQUOT, unix.EIO, errForbidden} {
		if errors.Is(err, fault) {
			return true
		}
	}
	return false
}

func takeLock(path string) (*os.File, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	name := filepath.Join(path, "lock")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, unix.EROFS) {
		// A lock that an earlier run made can be held all the same.
		if ro, roErr := os.Open(name); roErr == nil {
			f, err = ro, nil
		}
	}
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("state: %w: %w", errForbidden, err)
	}
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("state folder %s: %w", path, ErrLocked)
		}
		return nil, fmt.Errorf("state: lock %s: %w", path, err)
	}
	return f, nil
}

// ready takes the lock if that was not possible before.
func (d *Dir) ready() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lock != nil {
		return nil
	}
	lock, err := takeLock(d.path)
	d.lock = lock
	return err
}

// Locked reports whether this process holds the lock.
func (d *Dir) Locked() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lock != nil
}

// Socket returns the path of the control socket in the folder.
func (d *Dir) Socket() string { return Socket(d.path) }

// Socket returns the path of the control socket in the state folder path.
func Socket(path string) string { return filepath.Join(path, "control.sock") }

// Close gives the lock back.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lock == nil {
		return nil
	}
	return d.lock.Close()
}

// writeAtomic replaces file by one with the given content: a reader, also
// after a crash, finds the old content or the new, never a part.
func writeAtomic(file string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	defer os.Remove(tmp.Name()) // gone already when all went well
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := os.Rename(tmp.Name(), file); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return syncFolder(filepath.Dir(file))
}

// Chown gives the folder and all in it to a user, so that a process that
// started as root can go on writing after it became that user.
func (d *Dir) Chown(uid, gid int) error {
	return filepath.WalkDir(d.path, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(p, uid, gid)
	})
}
