package command

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// Account is whom a program runs as.
type Account struct {
	Name     string
	Home     string
	uid, gid uint32
	groups   []uint32
}

// Lookup returns the account of a user; group is "" for the user's own. An
// account that is vipd's own is nil: a process without privileges may not even
// become itself.
func Lookup(name, group string) (*Account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	a := &Account{Name: name, Home: u.HomeDir}
	if a.uid, err = id(u.Uid); err != nil {
		return nil, err
	}
	gid := u.Gid
	if group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			return nil, err
		}
		gid = g.Gid
	}
	if a.gid, err = id(gid); err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		if a.uid == uint32(os.Geteuid()) {
			return nil, nil
		}
		return nil, fmt.Errorf("only root can run programs as %s", name)
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	for _, s := range ids {
		if g, err := id(s); err == nil {
			a.groups = append(a.groups, g)
		}
	}
	return a, nil
}

func id(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("user or group id %q: %w", s, err)
	}
	return uint32(n), nil
}

func (a *Account) credential() *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid, Groups: a.groups}
}
