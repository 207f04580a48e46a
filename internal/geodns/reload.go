package geodns

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/internal/daemon"
	"github.com/geodns-vipd/geodns/internal/watch"
	"github.com/geodns-vipd/geodns/pkg/answer"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

const (
	// restAfterReload is the least time between two reloads; a reload that took
	// longer is followed by a rest as long as it took. So a storm of signals or
	// changes costs half of one processor at most, and ends in one reload.
	restAfterReload = 100 * time.Millisecond
	// secondLook is when the files are compared with what was read once more: a
	// write in the same tick of the file system's clock leaves no trace in its
	// times, and the looks by name and time do not see it.
	secondLook = 4 * time.Second
	// thirdLook is how much later that look is repeated if it found something:
	// a change of this moment is reported in the usual way by then.
	thirdLook = 3 * time.Second
)

// reloadLoop reloads when files change and on a hangup.
func (s *Server) reloadLoop(ctx context.Context) error {
	changes := make(chan struct{}, 1)
	w := &watch.Watcher{Paths: s.watched, Stale: s.stale, Log: s.Log}
	var g errgroup.Group
	g.Go(func() error {
		return w.Run(ctx, func() {
			select {
			case changes <- struct{}{}:
			default: // one is waiting already
			}
		})
	})
	again := time.NewTimer(secondLook)
	defer again.Stop()
	suspect := false // the second look has found something
	for {
		cause, byLook := "changed files", false
		select {
		case <-ctx.Done():
			return g.Wait()
		case <-s.Hangup:
			cause = "hangup"
			if q := s.handler.queries; q != nil {
				q.Reopen()
			}
		case <-changes:
		case <-again.C:
			if s.loader.unchanged() && s.cookiesUnchanged() {
				continue
			}
			if !suspect {
				suspect = true
				again.Reset(thirdLook)
				continue
			}
			byLook = true
		}
		suspect = false
		begin := time.Now()
		daemon.Notify(daemon.Reloading())
		s.reloadNow(ctx, cause)
		daemon.Notify(daemon.Ready)
		if !byLook { // what it finds and the reload refuses is not tried for ever
			again.Reset(secondLook)
		}
		select {
		case <-ctx.Done():
		case <-time.After(max(restAfterReload, time.Since(begin))):
		}
	}
}

// staleness returns a function that tells whether any file of a configuration, or
// one of others, has changed since now. The first round of checks can take seconds between
// the first load and the first look of the watcher.
func staleness(cfg config.Geodns, others ...string) func() bool {
	inv, _ := takeInventory(cfg)
	paths := slices.Concat(inv.watched, cfg.Databases, others)
	if cfg.File != "" {
		paths = append(paths, cfg.File)
	}
	before := watch.Fingerprint(paths)
	return func() bool { return watch.Fingerprint(paths) != before }
}

// watched returns the files whose change calls for a reload: those that are
// served, and those of an attempt that was refused.
func (s *Server) watched() []string {
	all := slices.Concat(s.live.Load().Watched, s.loader.lastWatched(), []string{s.dir.SecretPath(cookieSecret)})
	slices.Sort(all)
	return slices.Compact(all)
}

// reloadNow loads everything anew and swaps it in, or keeps what is served and
// says why. Health carries over; a new target is probed first.
func (s *Server) reloadNow(ctx context.Context, why string) {
	begin := time.Now()
	if err := s.control.ReadToken(); err != nil {
		s.Log.Error("the token stays as it was", "err", err)
	}
	s.readCookies()
	loaded, list := s.loadAgain()
	s.logFindings(list)
	if list.HasErrors() {
		s.loadedBadly(list)
		s.Log.Error("reload refused, the old configuration keeps serving", "cause", why, "errors", len(errorsOf(list)))
		return
	}
	var fresh []target
	if !s.checker.do(ctx, func(context.Context) { fresh = s.checker.unknown(loaded.targets) }) {
		return
	}
	results := firstRound(ctx, fresh)
	if ctx.Err() != nil {
		return
	}
	s.checker.do(ctx, func(context.Context) {
		s.checker.configure(loaded.targets, fresh, results, loaded.boardRules(), s.swap(loaded))
	})
	s.loadedWell(list)
	s.Log.Info("reloaded", "cause", why, "zones", len(loaded.Zones), "read", loaded.fresh, "took", time.Since(begin).Round(time.Millisecond))
	tidyUp()
}

// tidyUp gives what a load has left behind back to the system. Reading files
// takes several times the memory of what comes of them, and nothing else does
// that would need it again.
func tidyUp() { debug.FreeOSMemory() }

// loadAgain reads the configuration and all files again. What can only be set
// at the start is taken over from what runs, and that is said.
func (s *Server) loadAgain() (*Loaded, diag.List) {
	cfg := s.Config
	var list diag.List
	if s.Reread != nil {
		var next config.Geodns
		if next, list = s.Reread(); list.HasErrors() {
			return s.loader.loadChecked(next, list)
		}
		s.warnFixed(next)
		cfg.Folders, cfg.ZoneFiles, cfg.Databases = next.Folders, next.ZoneFiles, next.Databases
		cfg.DatabaseAt = next.DatabaseAt
		cfg.NSID, cfg.Version, cfg.ExplainTo = next.NSID, next.Version, next.ExplainTo
		cfg.ReportAgent = next.ReportAgent
		cfg.Limits.UDPSize = next.Limits.UDPSize
		cfg.Limits.RRLRate, cfg.Limits.RRLWindow = next.Limits.RRLRate, next.Limits.RRLWindow
		cfg.Limits.RRLSlip, cfg.Limits.RRLExempt = next.Limits.RRLSlip, next.Limits.RRLExempt
	}
	return s.loader.loadChecked(cfg, list)
}

// warnFixed names the settings that changed in the file and need a restart.
func (s *Server) warnFixed(next config.Geodns) {
	now := s.Config
	for _, f := range []struct {
		key     string
		changed bool
	}{
		{"listen", !slices.Equal(now.Listen, next.Listen)},
		{"admin", now.Admin != next.Admin},
		{"admin_hosts", !slices.Equal(now.AdminHosts, next.AdminHosts)},
		{"admin_token_file", now.AdminTokenFile != next.AdminTokenFile},
		{"state", now.State != next.State},
		{"user", now.User != next.User},
		{"cookie_roll", now.CookieRoll != next.CookieRoll},
		{"log", now.Log != next.Log},
		{"limits.workers", now.Limits.Workers != next.Limits.Workers},
		{"limits.tcp_connections", now.Limits.TCPConnections != next.Limits.TCPConnections},
		{"limits.tcp_connections_per_client", now.Limits.TCPConnectionsPer != next.Limits.TCPConnectionsPer},
		{"limits.tcp_idle", now.Limits.TCPIdle != next.Limits.TCPIdle},
	} {
		if f.changed {
			s.Log.Warn("this setting changes with a restart only", "key", f.key)
		}
	}
}

// maxFindings is how many mistakes, and how many warnings, of the files are
// logged and shown; geodns check prints all.
const maxFindings = 100

// logFindings logs each mistake and warning of the files once.
func (s *Server) logFindings(list diag.List) {
	for _, line := range lines(errorsOf(list)) {
		s.Log.Error("file", "finding", line)
	}
	for _, line := range lines(warningsOf(list)) {
		s.Log.Warn("file", "finding", line)
	}
}

// loadedWell notes a good load.
func (s *Server) loadedWell(list diag.List) {
	now := time.Now()
	l := s.live.Load()
	built := map[string]time.Time{}
	for _, src := range l.Databases {
		built[src.Name] = src.Built
	}
	s.metrics.SetDatabases(built)
	s.metrics.SetLoad(true, now)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reload = reloadResult{OK: true, At: now, LoadedAt: now, Errors: []string{}, Warnings: lines(warningsOf(list))}
}

// loadedBadly notes a load that was refused.
func (s *Server) loadedBadly(list diag.List) {
	s.metrics.SetLoad(false, time.Now())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reload.OK, s.reload.At, s.reload.Errors = false, time.Now(), lines(errorsOf(list))
}

func errorsOf(list diag.List) diag.List {
	return slices.DeleteFunc(slices.Clone(list), func(d diag.Diag) bool { return d.Severity != diag.Error })
}

// warningsOf returns all that is no error.
func warningsOf(list diag.List) diag.List {
	return slices.DeleteFunc(slices.Clone(list), func(d diag.Diag) bool { return d.Severity == diag.Error })
}

// lines returns a line for each finding, and one for those that are too many.
func lines(list diag.List) []string {
	out := []string{}
	for _, d := range list[:min(len(list), maxFindings)] {
		out = append(out, d.String())
	}
	if more := len(list) - len(out); more > 0 {
		out = append(out, fmt.Sprintf("and %d more: geodns check prints all", more))
	}
	return out
}

// number gives every zone and every pair of policy and site of a generation
// the slots by which they are counted. What is kept from the generation before
// has them already, and is being answered from.
func (s *Server) number(l *live) {
	slots := map[*policy.Policy]*answer.Slots{} // many names may be steered by one policy
	for _, z := range l.bound {
		if z.AnswerSlots != nil {
			continue
		}
		z.Slot = s.metrics.ZoneBase(z.Origin.String())
		z.AnswerSlots = make([]*answer.Slots, len(z.Policies))
		for i, p := range z.Policies {
			if slots[p] == nil {
				slots[p] = s.slotsOf(p)
			}
			z.AnswerSlots[i] = slots[p]
		}
	}
}

// slotsOf returns the slots by which the answers of a policy are counted.
func (s *Server) slotsOf(p *policy.Policy) *answer.Slots {
	names := sitesOf(p.Spec())
	of := make([]answer.SlotOf, 0, len(names))
	for i, slot := range s.metrics.AnswerSlots(p.Spec().String(), names) {
		site, _ := p.Sites().Find(names[i])
		of = append(of, answer.SlotOf{Site: site, Slot: slot})
	}
	return answer.NewSlots(of)
}
