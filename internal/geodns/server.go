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
	Log    *slog.Logger
	// Hangup asks for a reload with each value; may be nil.
	Hangup <-chan os.Signal
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

	admin     string   // address of the admin listener
	listening []string // addresses of the DNS listeners

	live atomic.Pointer[live] // what is served now

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
		return err
	}
	defer s.dir.Close()
	s.stale = staleness(s.Config)
	loaded, list := s.loader.load(s.Config)
	if list.HasErrors() {
		return &findingsError{list}
	}
	s.logFindings(list)
	s.setUp()
	s.keeper.restore(s.dir, s.checker.board)
	if s.firstLoad(ctx, loaded, list); ctx.Err() != nil {
		return nil
	}
	dns, admin, err := s.bind()
	if err != nil {
		return err
	}
	if err := s.becomeUser(); err != nil {
		return err
	}
	return s.serve(ctx, dns, admin)
}

// openState takes the lock of the state folder and reads the secrets in it. A
// secret that cannot be read or kept is told, and serving goes on.
func (s *Server) openState() error {
	dir, err := state.Open(s.Config.State)
	if err != nil {
		return err
	}
	s.dir = dir
	secret, err := dir.Secret("cookie-secret")
	if err != nil {
		s.Log.Error("DNS cookies will change with the next restart", "err", err)
	}
	s.cookies = answer.Cookies{Current: secret, Previous: secret, Enabled: true}
	return nil
}

// setUp makes the parts that live as long as the process.
func (s *Server) setUp() {
	workers := s.threads()
	s.metrics = metrics.New(workers, s.Version)
	s.handler = newHandler(workers, s.metrics.Counters)
	s.checker = newChecker(s.Log, s.metrics.ObserveCheck)
	s.keeper = &keeper{
		log:   s.Log,
		store: func(data []byte) error { return s.dir.Store(healthFile, data) },
		save:  s.checker.save,
		tell:  s.metrics.SetStateOK,
	}
	s.checker.changed = func() { s.keeper.dirty.Store(true) }
}

// firstLoad makes the first round of checks and puts the first generation
// into place: no answer is ever made from unknown health.
func (s *Server) firstLoad(ctx context.Context, loaded *Loaded, list diag.List) {
	if n := len(loaded.targets); n > 0 {
		s.Log.Info("first round of checks", "targets", n)
	}
	results := firstRound(ctx, loaded.targets)
	if ctx.Err() != nil {
		return
	}
	s.checker.configure(loaded.targets, loaded.targets, results, loaded.Steering.Rules(), s.swap(loaded))
	s.loadedWell(list)
}

// swap returns the function that publishes a snapshot of the board for a new
// generation. Its first call also puts the generation into place, with the
// snapshot, so that the two are never apart.
func (s *Server) swap(loaded *Loaded) func(*health.Board) {
	next := &live{Loaded: loaded, state: loaded.State(s.cookies)}
	next.state.Reasons = func() func(health.ID) string { return s.reasons(loaded) }
	subjects := loaded.Sites.Subjects()
	s.number(next)
	first := true
	return func(b *health.Board) {
		next.state.Health.Store(b.Snapshot(subjects, time.Now()))
		s.publishHealth(next, b)
		if first {
			first = false
			s.live.Store(next)
			s.handler.state.Store(next.state)
		}
	}
}

// bind opens all listeners.
func (s *Server) bind() (*dnsserver.Server, *control.Server, error) {
	dns, err := dnsserver.Listen(s.dnsConfig())
	if err != nil {
		return nil, nil, err
	}
	admin, err := control.Listen(control.Config{
		Addr: s.Config.Admin, Hosts: s.Config.AdminHosts, Socket: s.dir.Socket(), TokenFile: s.Config.AdminTokenFile, Log: s.Log,
	})
	if err != nil {
		dns.Close()
		return nil, nil, err
	}
	return dns, admin, nil
}

// becomeUser drops privileges, once everything that needs them is open.
func (s *Server) becomeUser() error {
	if s.account == nil {
		return nil
	}
	if err := s.dir.Chown(s.account.UID, s.account.GID); err != nil {
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

// serve runs all goroutines until ctx ends or one of them fails.
func (s *Server) serve(ctx context.Context, dns *dnsserver.Server, admin *control.Server) error {
	g, ctx := errgroup.WithContext(ctx)
	s.admin, s.control = admin.Addr(), admin
	for _, a := range dns.Addrs() {
		s.listening = append(s.listening, a.String())
	}
	s.metrics.AddServer(func() []metrics.Sample { return samples(dns.Stats()) })
	g.Go(func() error { return s.checker.Run(ctx) })
	g.Go(func() error { return s.keeper.Run(ctx) })
	g.Go(func() error { return dns.Run(ctx, s.handler) })
	g.Go(func() error { return admin.Run(ctx, s.routes()) })
	g.Go(func() error { return s.reloadLoop(ctx) })
	return g.Wait()
}

// nowServing tells that every socket takes queries.
func (s *Server) nowServing() {
	s.Log.Info("ready", "listen", strings.Join(s.listening, " "), "admin", s.admin, "zones", len(s.live.Load().Zones),
		"took", time.Since(s.started).Round(time.Millisecond))
	if s.Ready != nil {
		s.Ready()
	}
}
