package geodns

import (
	"fmt"
	"os"

	"github.com/geodns-vipd/geodns/internal/daemon"
	"github.com/geodns-vipd/geodns/internal/state"
)

// becomeUser drops privileges, once everything that needs them is open.
func (s *Server) becomeUser() error {
	if s.account == nil {
		return nil
	}
	if err := s.dir.Chown(s.account.UID, s.account.GID); err != nil && !state.DiskFault(err) {
		return fmt.Errorf("state: %w", err)
	}
	return daemon.Become(*s.account)
}

// findUser looks up whom to become, before anything slow is done. Only root
// can become somebody else.
func (s *Server) findUser() error {
	if s.Config.User == "" {
		return nil
	}
	account, err := daemon.Lookup(s.Config.User)
	switch {
	case err != nil:
		return err
	case os.Geteuid() == 0:
		s.account = &account
	case os.Geteuid() != account.UID:
		return fmt.Errorf("user %q: only root can become another user: start as root, as that user, or leave user out", s.Config.User)
	}
	return nil
}
