package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxFile bounds what is read of a file, in octets.
const maxFile = 64 << 20

// Load returns the content of a file in the folder, or nil if there is none.
func (d *Dir) Load(name string) ([]byte, error) {
	f, err := os.Open(filepath.Join(d.path, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("state: %s has more than %d octets", f.Name(), maxFile)
	}
	return data, nil
}

// Store replaces a file in the folder. Once it returns without an error the
// content is on the disk: also after a crash of the machine a reader finds it,
// and at no time a part of it.
func (d *Dir) Store(name string, data []byte) error {
	if err := d.ready(); err != nil {
		return err
	}
	return writeAtomic(filepath.Join(d.path, name), data)
}

// SetAside renames a file that cannot be used, in the place of an earlier one
// of its kind, and returns its new path.
func (d *Dir) SetAside(name string) (string, error) {
	to := filepath.Join(d.path, name+".unusable")
	if err := os.Rename(filepath.Join(d.path, name), to); err != nil {
		return "", fmt.Errorf("state: %w", err)
	}
	return to, nil
}

// syncFolder brings the names in a folder to the disk.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}
