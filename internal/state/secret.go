package state

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// SecretLen is the length of a secret in octets.
const SecretLen = 16

// Secrets are one or two secrets kept in a file: one to use, and one that is
// still, or already, believed. If there is one only, both are the same.
type Secrets struct {
	Current, Other [SecretLen]byte
}

// maxSecretFile bounds what is read of a file of secrets, in octets.
const maxSecretFile = 4096

// ParseSecrets reads the content of a file of secrets: 16 octets, or lines of 32
// hexadecimal digits each, one or two; empty lines and what follows a # are
// left out.
func ParseSecrets(data []byte) (Secrets, error) {
	if len(data) == SecretLen {
		one := [SecretLen]byte(data)
		return Secrets{one, one}, nil
	}
	var found [][SecretLen]byte
	for line := range bytes.Lines(data) {
		line, _, _ = bytes.Cut(line, []byte("#"))
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var one [SecretLen]byte
		if len(line) != hex.EncodedLen(SecretLen) {
			return Secrets{}, fmt.Errorf("a line of %d characters: %d hexadecimal digits", len(line), hex.EncodedLen(SecretLen))
		}
		if _, err := hex.Decode(one[:], line); err != nil {
			return Secrets{}, fmt.Errorf("a line that is not of hexadecimal digits") // without the line: it may be most of a secret
		}
		found = append(found, one)
	}
	switch len(found) {
	case 1:
		return Secrets{found[0], found[0]}, nil
	case 2:
		return Secrets{found[0], found[1]}, nil
	}
	return Secrets{}, fmt.Errorf("%d secrets where one or two are expected", len(found))
}

// format returns the content of a file of secrets.
func (s Secrets) format() []byte {
	return fmt.Appendf(nil, "%x\n%x\n", s.Current, s.Other)
}

// SecretPath returns where the secrets of a name are kept.
func (d *Dir) SecretPath(name string) string { return filepath.Join(d.path, name) }

// Secrets returns what is kept under name, making one at the first call. If they
// cannot be read or written there is a new one of this process alone, and the
// error says why: serving can go on with it.
func (d *Dir) Secrets(name string) (Secrets, error) {
	s, found, err := d.readSecrets(name)
	if found {
		return s, err
	}
	var one [SecretLen]byte
	_, _ = rand.Read(one[:]) // never fails; the program ends if the kernel has no randomness
	s = Secrets{one, one}
	if err != nil {
		return s, err
	}
	return s, d.Store(name, one[:])
}

// ReadSecrets returns what is kept under name now.
func (d *Dir) ReadSecrets(name string) (Secrets, error) {
	s, found, err := d.readSecrets(name)
	if err == nil && !found {
		return s, fmt.Errorf("state: %s: the file is gone", d.SecretPath(name))
	}
	return s, err
}

func (d *Dir) readSecrets(name string) (s Secrets, found bool, err error) {
	data, err := d.Load(name)
	if err != nil || data == nil {
		return s, false, err
	}
	if len(data) > maxSecretFile {
		return s, false, fmt.Errorf("state: %s: more than %d octets", d.SecretPath(name), maxSecretFile)
	}
	if s, err = ParseSecrets(data); err != nil {
		return s, false, fmt.Errorf("state: %s: %w", d.SecretPath(name), err)
	}
	return s, true, nil
}

// RollSecrets makes a new secret under name if the file is at least as old as age,
// and reports whether it did. What was current is still believed.
func (d *Dir) RollSecrets(name string, age time.Duration, now time.Time) (bool, error) {
	info, err := os.Stat(d.SecretPath(name))
	if err != nil {
		return false, fmt.Errorf("state: %w", err)
	}
	if now.Sub(info.ModTime()) < age {
		return false, nil
	}
	s, err := d.ReadSecrets(name)
	if err != nil {
		return false, err
	}
	s.Other = s.Current
	_, _ = rand.Read(s.Current[:])
	return true, d.Store(name, s.format())
}
