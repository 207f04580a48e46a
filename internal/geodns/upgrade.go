package geodns

import (
	"context"

	"github.com/geodns-vipd/geodns/internal/daemon"
)

// upgradeLoop starts the program's file anew whenever it is asked to; the new
// process takes over by itself.
func (s *Server) upgradeLoop(ctx context.Context) error {
	program, err := daemon.ThisProgram()
	if err != nil {
		s.Log.Warn("an upgrade by signal will not be possible", "err", err)
		return nil
	}
	var ended <-chan error // of the process that was started; nil if there is none
	var pid int            // its number
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			ended = nil
			s.Log.Error("the process that was to take over has ended; this one goes on serving", "err", err)
		case <-s.Upgrade:
			if ended != nil {
				s.Log.Warn("an upgrade is under way already", "pid", pid)
				continue
			}
			started, done, err := program.Start("--replace")
			if err != nil {
				s.Log.Error("the program cannot be started anew; this process goes on serving", "err", err)
				continue
			}
			s.Log.Info("started the program anew, to take over", "pid", started)
			pid, ended = started, done
		}
	}
}
