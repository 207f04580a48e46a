package geodns

import (
	"errors"
	"fmt"
	"time"

	"github.com/geodns-vipd/geodns/internal/state"
)

// openState takes the lock of the state folder and reads the secrets in it. A
// secret that cannot be read or kept is told, and serving goes on.
func (s *Server) openState() error {
	if err := s.lockState(); err != nil {
		return err
	}
	s.openCookies()
	return nil
}

// lockState takes the lock of the state folder, from the process that has it if
// this one is to replace it.
func (s *Server) lockState() error {
	if s.Replace {
		if took, err := s.takeOver(); err != nil {
			return fmt.Errorf("replace the process that serves with state %s: %w", s.Config.State, err)
		} else if took {
			return nil
		}
	}
	dir, err := openFolder(s.Config.State)
	switch {
	case err == nil:
	case !state.DiskFault(err):
		return err
	default:
		dir, s.stateFault = state.Unlocked(s.Config.State), err
		s.Log.Error("the state folder cannot be used; serving goes on without it, and writing is tried again", "err", err)
	}
	s.dir = dir
	return nil
}

// lockGrace is how long a start waits for the lock of a process that was killed
// and that the kernel has not cleared away yet.
const lockGrace = time.Second

// openFolder opens the state folder. Another process that goes on holding it is
// an error.
func openFolder(path string) (*state.Dir, error) {
	for begin := time.Now(); ; time.Sleep(lockGrace / 20) {
		dir, err := state.Open(path)
		if !errors.Is(err, state.ErrLocked) || time.Since(begin) > lockGrace {
			return dir, err
		}
	}
}
