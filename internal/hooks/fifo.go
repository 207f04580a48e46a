package hooks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// FIFO is a named pipe into which every event goes as one line, in order:
// INSTANCE "VI_1" MASTER 150. A nil FIFO takes lines and drops them.
type FIFO struct {
	path string
	fd   int
	made bool
}

// OpenFIFO opens the pipe at path and makes it if it does not exist, for the
// user and group given by number (-1: as it is). Something else by that name is
// an error.
func OpenFIFO(path string, uid, gid int) (*FIFO, error) {
	made := false
	if err := unix.Mkfifo(path, 0o600); err == nil {
		made = true
		if err := os.Chown(path, uid, gid); err != nil {
			return nil, errors.Join(err, os.Remove(path))
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the pipe %s: %w", path, err)
	}
	// Both ends, so that it can be opened while nobody reads, and a reader that
	// comes and goes closes nothing.
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("open the pipe %s: %w", path, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		unix.Close(fd)
		return nil, fmt.Errorf("%s is no named pipe", path)
	}
	return &FIFO{path, fd, made}, nil
}

// Line returns what is written for an event. kind is INSTANCE or GROUP.
func Line(kind, name, state string, priority uint8) string {
	return fmt.Sprintf("%s \"%s\" %s %d\n", kind, strings.ReplaceAll(name, `"`, `\"`), state, priority)
}

// Write writes a whole line or nothing; it never blocks. A pipe that nobody
// reads is full one day, and then lines are lost.
func (f *FIFO) Write(line string) error {
	if f == nil {
		return nil
	}
	if _, err := unix.Write(f.fd, []byte(line)); err != nil {
		return fmt.Errorf("pipe %s: %q lost: %w", f.path, strings.TrimSuffix(line, "\n"), err)
	}
	return nil
}

// Path returns where the pipe is.
func (f *FIFO) Path() string { return f.path }

// Close closes the pipe, and removes it if this process made it.
func (f *FIFO) Close() {
	if f == nil {
		return
	}
	unix.Close(f.fd)
	if f.made {
		os.Remove(f.path)
	}
}
