// Package control owns the admin listener: HTTP over TCP and over a Unix
// socket, who may call it, and the client that the commands use.
//
// It does not know what it serves: the runtime hands in a function for each
// route. The entry points are [Listen] and [Client].
package control

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/internal/httpjson"
)

// Config says where the admin listener is and who may call it.
type Config struct {
	Addr   string   // host:port; "" for none
	Hosts  []string // further host names by which it may be called
	Socket string   // path of the Unix socket; "" for none
	// TokenFile holds the token for changes over TCP; "" for none.
	TokenFile string
	// Inherited are descriptors of a former process's listeners, as
	// [Server.Descriptors] returned them. Those of Addr and Socket are taken;
	// Listen closes the others. The path of a Unix socket that was taken is the
	// other process's until [Server.HandOver] says otherwise.
	Inherited []int
	Log       *slog.Logger
}

// Routes are what the listener serves. A nil field is not found.
type Routes struct {
	// Status returns what GET /api/v1/status prints as JSON, given the query of
	// the URL; it may be a [httpjson.Streamer].
	Status func(url.Values) (any, error)
	// Policies returns what GET /api/v1/policies prints as JSON.
	Policies func() any
	// Explain returns what GET /api/v1/explain prints as JSON. A mistake in
	// the question is a [BadRequest].
	Explain func(ExplainRequest) (any, error)
	// Simulate returns what GET /api/v1/simulate prints as JSON. A mistake in
	// the question is a [BadRequest].
	Simulate func(SimulateRequest) (any, error)
	// Change carries out a POST below /api/v1/sites and returns what is
	// printed as JSON.
	Change func(ChangeRequest) (any, error)
	// Report takes a report for a push check.
	Report func(context.Context, ReportRequest) error
	// Load takes the report of a site's load.
	Load func(site string, load float64) error
	// Metrics serves GET /metrics.
	Metrics http.Handler
	// Page serves GET /.
	Page http.Handler
}

// ExplainRequest is a question for a decision, as its parameters stand in the
// URL.
type ExplainRequest struct {
	Name   string
	Type   string   // "" means A
	Client string   // address or prefix; "" for none known
	Down   []string // sites to take as down
}

// SimulateRequest asks who would be served where after a change, as its
// parameters stand in the URL.
type SimulateRequest struct {
	Policy string   // or a name that it steers; "" for all
	Type   string   // A or AAAA; "" means A
	Down   []string // sites to take as down
	Drain  []string // sites to take as drained: SITE, or SITE=PERCENT
}

// BadRequest is an error of whoever asked; its text is told to them.
type BadRequest struct{ Text string }

func (e *BadRequest) Error() string { return e.Text }

// Server is a bound admin listener.
type Server struct {
	cfg       Config
	listeners []net.Listener
	token     atomic.Pointer[[sha256.Size]byte] // hash of the token; nil for none
	// theirs says that the path of the Unix socket is another process's.
	theirs atomic.Bool
}

// Listen binds the TCP address and the Unix socket. A socket file that an
// earlier run left behind is replaced; the caller makes sure, by the lock in
// the state folder, that no other process serves it.
func Listen(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg}
	if err := s.ReadToken(); err != nil {
		return nil, err
	}
	former := inherit(cfg.Inherited)
	defer func() { former.close() }()
	if cfg.Addr != "" {
		ln := former.take("tcp", cfg.Addr)
		if ln == nil {
			var err error
			if ln, err = net.Listen("tcp", cfg.Addr); err != nil {
				return nil, fmt.Errorf("admin: %w", err)
			}
		}
		s.listeners = append(s.listeners, ln)
	}
	if cfg.Socket != "" {
		if ln := former.take("unix", cfg.Socket); ln != nil {
			s.theirs.Store(true)
			s.listeners = append(s.listeners, ln)
			return s, nil
		}
		ln, err := httpjson.ListenUnix(cfg.Socket)
		if slices.ContainsFunc([]error{unix.EROFS, unix.ENOSPC, unix.EACCES, unix.EPERM}, func(fault error) bool { return errors.Is(err, fault) }) {
			// Serving matters more than being told.
			cfg.Log.Error("no control socket: commands reach this server over TCP alone", "err", err)
			return s, nil
		}
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("admin: %w", err)
		}
		ln.SetUnlinkOnClose(false) // another process may have the path by then
		s.listeners = append(s.listeners, ln)
	}
	return s, nil
}

// Addr returns the TCP address that is listened at, or "".
func (s *Server) Addr() string {
	for _, ln := range s.listeners {
		if ln.Addr().Network() == "tcp" {
			return ln.Addr().String()
		}
	}
	return ""
}

// Close releases the listeners of a server that is not run.
func (s *Server) Close() {
	for _, ln := range s.listeners {
		ln.Close()
	}
	s.removeSocket()
}

// removeSocket takes the path of the Unix socket away, unless it is another
// process's.
func (s *Server) removeSocket() {
	if s.cfg.Socket != "" && !s.theirs.Load() {
		_ = os.Remove(s.cfg.Socket) // the next start replaces it
	}
}

// Run serves r until ctx ends; requests under way get a second to finish.
func (s *Server) Run(ctx context.Context, r Routes) error {
	srv := httpjson.NewServer(s.guard(s.mux(r)), s.cfg.Log)
	srv.ConnContext = withPeer
	var wg sync.WaitGroup
	for _, ln := range s.listeners {
		wg.Go(func() {
			if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
				s.cfg.Log.Error("admin listener stopped", "addr", ln.Addr().String(), "err", err)
			}
		})
	}
	<-ctx.Done()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if srv.Shutdown(end) != nil {
		srv.Close()
	}
	wg.Wait()
	s.removeSocket()
	return nil
}

func (s *Server) mux(r Routes) *http.ServeMux {
	mux := http.NewServeMux()
	if r.Status != nil {
		mux.HandleFunc("GET /api/v1/status", func(w http.ResponseWriter, req *http.Request) {
			out, err := r.Status(req.URL.Query())
			reply(w, out, err)
		})
	}
	if r.Policies != nil {
		mux.HandleFunc("GET /api/v1/policies", func(w http.ResponseWriter, _ *http.Request) {
			httpjson.Write(w, http.StatusOK, r.Policies())
		})
	}
	if r.Explain != nil {
		mux.HandleFunc("GET /api/v1/explain", func(w http.ResponseWriter, req *http.Request) {
			q := req.URL.Query()
			out, err := r.Explain(ExplainRequest{q.Get("name"), q.Get("type"), q.Get("client"), q["down"]})
			reply(w, out, err)
		})
	}
	if r.Simulate != nil {
		mux.HandleFunc("GET /api/v1/simulate", func(w http.ResponseWriter, req *http.Request) {
			q := req.URL.Query()
			out, err := r.Simulate(SimulateRequest{q.Get("policy"), q.Get("type"), q["down"], q["drain"]})
			reply(w, out, err)
		})
	}
	if r.Change != nil {
		s.change(mux, r.Change)
	}
	if r.Report != nil {
		mux.HandleFunc("POST /api/v1/checks/{check}/report", s.handleReport(r.Report))
	}
	if r.Load != nil {
		s.report(mux, r.Load)
	}
	if r.Metrics != nil {
		mux.Handle("GET /metrics", r.Metrics)
	}
	if r.Page != nil {
		mux.Handle("GET /{$}", r.Page)
	}
	return mux
}
