package geodns

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/internal/control"
	"github.com/geodns-vipd/geodns/internal/daemon"
	"github.com/geodns-vipd/geodns/internal/dnsserver"
	"github.com/geodns-vipd/geodns/internal/handover"
	"github.com/geodns-vipd/geodns/internal/metrics"
	"github.com/geodns-vipd/geodns/internal/state"
	"github.com/geodns-vipd/geodns/pkg/answer"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// Server is the daemon. Config and Log must be set.
type Server struct {
	Config config.Geodns
	// Reread reads the configuration again for a reload; nil keeps Config.
	Reread func() (config.Geodns, diag.List)
	// Replace takes over from the process that serves with the same state
	// folder, if there is one.
	Replace bool
	Log     *slog.Logger
	// Hangup asks for a reload with each value; may be nil.
	Hangup <-chan os.Signal
	// Upgrade asks, with each value, to start the program anew, which takes
	// over; may be nil.
	Upgrade <-chan os.Signal
	// Ready is called once everything is served; may be nil.
	Ready   func()
	Version string

	started time.Time
	account *daemon.Account // whom to become after binding; nil stays
	dir     *state.Dir
	cookies answer.Cookies
	metrics *metrics.Metrics
	checker *checker
	keeper  *keeper
	control *control.Server
	handler *handler
	loader  loader
	stale   func() bool // whether files changed since the first load began

	former     *predecessor       // whom this process follows; nil if nobody
	replace    *handover.Listener // for the process that follows; nil if that is not possible
	moving     sync.RWMutex       // held by a hand-over: nothing may be decided while state is on its way
	handedOver bool               // to that process; guarded by moving, and set before serve returns
	stateFault error              // why the state folder could not be used at the start, if serving went on
	serving    chan struct{}      // closed once every socket is read

	simulator simulator

	admin     string   // address of the admin listener
	listening []string // addresses of the DNS listeners

	live atomic.Pointer[live] // what is served now

	rates   config.Limits // that the limiter of responses was made for, if any
	limited bool

	mu     sync.Mutex // guards reload
	reload reloadResult
}

// live is one generation of what is served: the files as loaded, and the
// state that answers are made from.
type live struct {
	*Loaded
	state *answer.State
}

// reloadResult is how the last attempt to load went.
type reloadResult struct {
	OK       bool      `json:"ok"`
	At       time.Time `json:"at"`        // of the last attempt
	LoadedAt time.Time `json:"loaded_at"` // of the last good one
	Errors   []string  `json:"errors"`    // of the last attempt, if it was not good
	Warnings []string  `json:"warnings"`
}

// findingsError carries what is wrong with the files.
type findingsError struct{ list diag.List }

func (e *findingsError) Error() string { return e.list.Err().Error() }

// Findings returns what is wrong with the files, if that is what err says.
func Findings(err error) (diag.List, bool) {
	var f *findingsError
	if errors.As(err, &f) {
		return f.list, true
	}
	return nil, false
}

// Run serves until ctx ends. It returns before serving if the state folder is
// in use, the files hold an error (see [Findings]) or an address cannot be
// bound.
func (s *Server) Run(ctx context.Context) error {
	s.started = time.Now()
	if err := s.findUser(); err != nil {
		return err
	}
	if err := s.openState(); err != nil {
		s.former.end()
		return err
	}
	defer s.dir.Close()
	defer func() { s.former.end() }()
	s.stale = staleness(s.Config, s.dir.SecretPath(cookieSecret))
	loaded, list := s.loader.load(s.Config)
	if list.HasErrors() {
		return &findingsError{list}
	}
	s.logFindings(list)
	s.setUp()
	if s.former != nil {
		s.keeper.tell(true) // what is kept comes from the former process
		s.moving.Lock()     // until that has gone
	} else {
		s.keeper.restore(s.dir, s.checker.board)
	}
	if s.firstLoad(ctx, loaded, list); ctx.Err() != nil {
		return nil
	}
	dns, admin, err := s.bind()
	if err != nil {
		return err
	}
	if err := s.settle(); err != nil {
		dns.Close()
		admin.Close()
		return err
	}
	return s.serve(ctx, dns, admin)
}

// settle does what is between binding and serving.
func (s *Server) settle() error {
	if err := s.openReplace(); err != nil {
		return err
	}
	if err := s.becomeUser(); err != nil {
		return err
	}
	if s.former != nil {
		return s.inheritHealth()
	}
	return nil
}

// setUp makes the parts that live as long as the process.
func (s *Server) setUp() {
	workers := s.threads()
	s.metrics = metrics.New(workers, s.Version)
	s.handler = newHandler(workers, s.metrics.Counters)
	s.handler.queries = s.newQueryLog(workers)
	s.checker = newChecker(s.Log, s.metrics)
	s.keeper = &keeper{
		log:   s.Log,
		store: func(data []byte) error { return s.dir.Store(healthFile, data) },
		save:  s.checker.save,
		tell:  s.metrics.SetStateOK,
	}
	s.checker.changed = func() { s.keeper.dirty.Store(true) }
	s.keeper.begin(s.stateFault)
}

// firstLoad makes the first round of checks and puts the first generation
// into place: no answer is ever made from unknown health.
func (s *Server) firstLoad(ctx context.Context, loaded *Loaded, list diag.List) {
	unknown := loaded.targets
	if s.former != nil {
		unknown = unknownTo(s.former.checks, loaded.targets)
	}
	if n := len(unknown); n > 0 {
		s.Log.Info("first round of checks", "targets", n)
	}
	results := firstRound(ctx, unknown)
	if ctx.Err() != nil {
		return
	}
	if s.former != nil {
		s.former.checks.restore(s.checker.board, loaded.targets)
	}
	s.checker.configure(loaded.targets, unknown, results, loaded.boardRules(), s.swap(loaded))
	s.loadedWell(list)
	tidyUp()
}

// swap returns the function that publishes a snapshot of the board for a new
// generation. Its first call also puts the generation into place, with the
// snapshot, so that the two are never apart.
func (s *Server) swap(loaded *Loaded) func(*health.Board, []health.Subject) {
	next := &live{Loaded: loaded, state: loaded.State(s.cookies)}
	next.state.Reasons = func() func(health.ID) string { return s.reasons(loaded) }
	s.number(next)
	first := true
	return func(b *health.Board, subjects []health.Subject) {
		next.state.Health.Store(b.Snapshot(subjects, time.Now()))
		if first {
			first = false
			s.live.Store(next)
			s.handler.state.Store(next.state)
			s.setLimiter(loaded.Config.Limits)
		}
	}
}

// bind opens all listeners.
func (s *Server) bind() (*dnsserver.Server, *control.Server, error) {
	cfg := s.dnsConfig()
	adminCfg := control.Config{
		Addr: s.Config.Admin, Hosts: s.Config.AdminHosts, Socket: s.dir.Socket(), TokenFile: s.Config.AdminTokenFile, Log: s.Log,
	}
	if s.former != nil {
		cfg.Inherited, adminCfg.Inherited = s.former.dns, s.former.admin
	}
	dns, err := dnsserver.Listen(cfg)
	if err != nil {
		handover.CloseAll(adminCfg.Inherited)
		return nil, nil, err
	}
	admin, err := control.Listen(adminCfg)
	if err != nil {
		dns.Close()
		return nil, nil, err
	}
	return dns, admin, nil
}

// serve runs all goroutines until ctx ends or one of them fails.
func (s *Server) serve(ctx context.Context, dns *dnsserver.Server, admin *control.Server) error {
	g, ctx := errgroup.WithContext(ctx)
	s.admin, s.control = admin.Addr(), admin
	for _, a := range dns.Addrs() {
		s.listening = append(s.listening, a.String())
	}
	s.metrics.AddServer(func() []metrics.Sample { return append(samples(dns.Stats()), s.handler.querySamples()...) })
	s.metrics.AddHealth(func() metrics.Health { return s.healthMetrics(ctx) })
	s.serving = make(chan struct{})
	g.Go(func() error { return s.checker.Run(ctx) })
	g.Go(func() error { return dns.Run(ctx, s.handler) })
	if q := s.handler.queries; q != nil {
		g.Go(func() error { return q.Run(ctx) })
	}
	g.Go(func() error { return admin.Run(ctx, s.routes()) })
	g.Go(func() error { return s.succeed(ctx, dns, admin) })
	defer context.AfterFunc(ctx, func() {
		if !s.handedOver {
			daemon.Notify(daemon.Stopping)
		}
	})()
	err := g.Wait()
	if errors.Is(err, errHandedOver) {
		return nil
	}
	if s.replace != nil {
		s.replace.Close()
		if s.former == nil { // else the path is still the other process's
			_ = s.replace.Remove() // the next start replaces it
		}
	}
	return err
}

// succeed lets the former process go, says that this one is ready, and does
// what begins then: reloads, and waiting for the process that follows.
func (s *Server) succeed(ctx context.Context, dns *dnsserver.Server, admin *control.Server) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.serving:
	}
	if s.former != nil {
		if err := s.finishTakeOver(dns, admin); err != nil {
			return fmt.Errorf("take over: %w", err)
		}
		s.former.end()
		s.former = nil
		s.moving.Unlock()
		s.keeper.dirty.Store(true)
	}
	s.nowServing()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.keeper.Run(ctx) })
	g.Go(func() error { return s.reloadLoop(ctx) })
	g.Go(func() error { return s.cookieLoop(ctx) })
	g.Go(func() error { return s.handOverLoop(ctx, dns, admin) })
	g.Go(func() error { return s.watchdogLoop(ctx) })
	g.Go(func() error { return s.upgradeLoop(ctx) })
	return g.Wait()
}

// nowServing tells that this process answers, and no other.
func (s *Server) nowServing() {
	s.Log.Info("ready", "listen", strings.Join(s.listening, " "), "admin", s.admin, "zones", len(s.live.Load().Zones),
		"took", time.Since(s.started).Round(time.Millisecond))
	daemon.Notify(daemon.Ready)
	if s.Ready != nil {
		s.Ready()
	}
}

// watchdogLoop tells systemd, where it wants to know, that the goroutine which
// everything but answering hangs on is alive.
func (s *Server) watchdogLoop(ctx context.Context) error {
	every := daemon.WatchdogInterval()
	if every == 0 {
		return nil
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if s.checker.do(ctx, func(context.Context) {}) {
			daemon.Notify(daemon.Alive)
		}
	}
}
