package vipd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// drainFile keeps what is drained over restarts and reboots.
type drainFile struct {
	path string
	mu   *sync.Mutex
	by   map[string]drainOrder // by instance
}

// openDrains reads the orders of a folder. The folder is made if need be.
func openDrains(dir string) (drainFile, error) {
	f := drainFile{mu: &sync.Mutex{}, by: map[string]drainOrder{}}
	if dir == "" {
		return f, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return f, err
	}
	f.path = filepath.Join(dir, "drained.json")
	data, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &f.by)
	}
	if err != nil {
		return f, fmt.Errorf("what is drained is not known: %s: %w", f.path, err)
	}
	return f, nil
}

func (f *drainFile) get(instance string) (drainOrder, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o, ok := f.by[instance]
	return o, ok
}

// set writes an order, or with nil takes it away, before it is carried out.
func (f *drainFile) set(instance string, o *drainOrder) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if o == nil {
		delete(f.by, instance)
	} else {
		f.by[instance] = *o
	}
	if f.path == "" {
		return nil
	}
	data, err := json.MarshalIndent(f.by, "", "  ")
	if err != nil {
		return err
	}
	return writeWhole(f.path, append(data, '\n'))
}

// writeWhole writes a file so that after a crash it holds either the old or
// the new text.
func writeWhole(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// monotonicMicros is what systemd wants to be told with RELOADING=1.
func monotonicMicros() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano() / 1000
}
