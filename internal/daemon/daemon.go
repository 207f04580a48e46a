// Package daemon owns what a daemon asks of its process: becoming another
// user, keeping to the memory there is, and the log on standard error.
package daemon

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// Account is a user that the process can become.
type Account struct {
	Name     string
	UID, GID int
	groups   []int
}

// Lookup returns the account named by a user name or number.
func Lookup(name string) (Account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		var byID *user.User
		if byID, _ = user.LookupId(name); byID == nil {
			return Account{}, fmt.Errorf("user %q: %w", name, err)
		}
		u = byID
	}
	a := Account{Name: u.Username}
	if a.UID, err = strconv.Atoi(u.Uid); err == nil {
		a.GID, err = strconv.Atoi(u.Gid)
	}
	if err != nil {
		return Account{}, fmt.Errorf("user %q: %w", name, err)
	}
	ids, err := u.GroupIds()
	if err != nil {
		return Account{}, fmt.Errorf("user %q: %w", name, err)
	}
	for _, id := range ids {
		if g, err := strconv.Atoi(id); err == nil {
			a.groups = append(a.groups, g)
		}
	}
	return a, nil
}

// Become makes the whole process run as a, without a way back: groups first,
// since the user may no longer set them. All capabilities go with it.
func Become(a Account) error {
	if os.Getuid() == a.UID && os.Geteuid() == a.UID {
		return nil
	}
	if err := syscall.Setgroups(a.groups); err != nil {
		return fmt.Errorf("become %s: set groups: %w", a.Name, err)
	}
	if err := syscall.Setresgid(a.GID, a.GID, a.GID); err != nil {
		return fmt.Errorf("become %s: set group: %w", a.Name, err)
	}
	if err := syscall.Setresuid(a.UID, a.UID, a.UID); err != nil {
		return fmt.Errorf("become %s: set user: %w", a.Name, err)
	}
	return nil
}

// Logger returns a log of level (debug, info, warn, error) in format (text or
// json).
func Logger(w io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, err
	}
	opts := &slog.HandlerOptions{Level: l}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return slog.New(slog.NewTextHandler(w, opts)), nil
}
