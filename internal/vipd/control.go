package vipd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/geodns-vipd/geodns/internal/httpjson"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// DefaultControl is where the control socket is unless told otherwise.
const DefaultControl = "/run/vipd/vipd.sock"

// DefaultState is the folder of what must survive a restart.
const DefaultState = "/var/lib/vipd"

// servers are the listeners: the control socket, which may change things, and
// http_listen, which only shows.
type servers struct {
	log  *slog.Logger
	list []*http.Server
	lns  []net.Listener
}

// listen binds the listeners. A socket at which another vipd answers is an
// error; one that an earlier run left behind is replaced.
func (d *Daemon) listen(cfg *keepalived.Config) (*servers, error) {
	s := &servers{log: d.log}
	if d.Control != "" {
		ln, err := listenControl(d.Control)
		if err != nil {
			return nil, err
		}
		s.add(ln, d.controlRoutes())
	}
	if cfg.Global.HTTPListen != "" {
		ln, err := net.Listen("tcp", cfg.Global.HTTPListen)
		if err != nil {
			s.close()
			return nil, fmt.Errorf("http_listen: %w", err)
		}
		s.add(ln, d.publicRoutes())
	}
	return s, nil
}

func listenControl(path string) (net.Listener, error) {
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		conn.Close()
		return nil, fmt.Errorf("another vipd answers at %s: stop it first, or give each its own --control", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return httpjson.ListenUnix(path)
}

func (s *servers) add(ln net.Listener, h http.Handler) {
	s.lns = append(s.lns, ln)
	s.list = append(s.list, httpjson.NewServer(h, s.log))
}

// run serves until ctx ends.
func (s *servers) run(ctx context.Context) {
	var wg sync.WaitGroup
	for i, srv := range s.list {
		wg.Go(func() {
			if err := srv.Serve(s.lns[i]); !errors.Is(err, http.ErrServerClosed) {
				s.log.Error("listener stopped", "addr", s.lns[i].Addr().String(), "err", err)
			}
		})
	}
	<-ctx.Done()
	s.close()
	wg.Wait()
}

func (s *servers) close() {
	for _, srv := range s.list {
		srv.Close()
	}
	for _, ln := range s.lns {
		ln.Close()
	}
}

// publicRoutes only show.
func (d *Daemon) publicRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/status", func(w http.ResponseWriter, r *http.Request) {
		httpjson.Write(w, http.StatusOK, d.Status(r.Context()))
	})
	mux.HandleFunc("GET /healthz", d.healthz)
	mux.Handle("GET /metrics", d.metrics())
	return mux
}

// controlRoutes may change things: the mode of the socket says who may.
func (d *Daemon) controlRoutes() *http.ServeMux {
	mux := d.publicRoutes()
	mux.HandleFunc("GET /api/v1/why", d.serveWhy)
	mux.HandleFunc("POST /api/v1/drain", d.serveDrain)
	mux.HandleFunc("POST /api/v1/undrain", d.serveDrain)
	mux.HandleFunc("POST /api/v1/reload", d.serveReload)
	return mux
}

// healthz answers 200 while the daemon works; with role=master only while this
// node is master of every instance, or of the one that instance= names.
func (d *Daemon) healthz(w http.ResponseWriter, r *http.Request) {
	role, name := r.URL.Query().Get("role"), r.URL.Query().Get("instance")
	if role != "" && role != "master" {
		http.Error(w, "role must be master", http.StatusBadRequest)
		return
	}
	found, ok := false, true
	for _, in := range d.all() {
		if name != "" && in.name != name {
			continue
		}
		found = true
		if role == "master" && !in.isMaster() {
			ok = false
		}
	}
	switch {
	case !found && (name != "" || role != ""):
		http.Error(w, "no such instance", http.StatusNotFound)
	case !ok:
		http.Error(w, "not master", http.StatusServiceUnavailable)
	default:
		fmt.Fprintln(w, "ok")
	}
}

// isMaster reports whether the instance is master and has run of late: one that
// hangs has lost its addresses whatever it thinks.
func (in *instance) isMaster() bool {
	return vrrp.State(in.state.Load()) == vrrp.Master && bootNow()-time.Duration(in.lastLoop.Load()) < vrrp.AddressLifetime
}

func (d *Daemon) serveWhy(w http.ResponseWriter, r *http.Request) {
	names := r.URL.Query()["instance"]
	list, err := d.pick(names)
	if err != nil {
		fail(w, http.StatusNotFound, err)
		return
	}
	out := []Why{}
	for _, in := range list {
		why, err := d.Why(r.Context(), in)
		if err != nil {
			fail(w, http.StatusInternalServerError, err)
			return
		}
		out = append(out, why)
	}
	httpjson.Write(w, http.StatusOK, out)
}

// drainRequest is the body of drain and undrain.
type drainRequest struct {
	Instances  []string `json:"instances"` // none: all
	Force      bool     `json:"force"`
	LastResort bool     `json:"last_resort"`
}

func (d *Daemon) serveDrain(w http.ResponseWriter, r *http.Request) {
	var req drainRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&req); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	list, err := d.pick(req.Instances)
	if err != nil {
		fail(w, http.StatusNotFound, err)
		return
	}
	on := strings.HasSuffix(r.URL.Path, "/drain")
	out := []drainReply{}
	for _, in := range list {
		out = append(out, d.drainOne(r.Context(), in, on, req))
	}
	httpjson.Write(w, http.StatusOK, out)
}

// drainOne drains or undrains an instance. The order is written down once the
// instance has taken it: a drain that was refused must not come true at the
// next start.
func (d *Daemon) drainOne(ctx context.Context, in *instance, on bool, req drainRequest) drainReply {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	order := drainOrder{LastResort: req.LastResort}
	reply := make(chan drainReply, 1)
	err := in.ask(ctx, func(in *instance) {
		if on {
			in.drain(order, req.Force, reply)
		} else {
			in.undrain(reply)
		}
	})
	if err != nil {
		return drainReply{in.name, false, err.Error()}
	}
	got := <-reply
	if !got.OK {
		return got
	}
	var keep *drainOrder
	if on {
		keep = &order
	}
	if err := d.drains.set(in.name, keep); err != nil {
		d.log.Error("drain not written down", "instance", in.name, "err", err)
		got.Text += "; but it will not outlive a restart: " + err.Error()
	}
	return got
}

func (d *Daemon) serveReload(w http.ResponseWriter, r *http.Request) {
	reply := make(chan error, 1)
	select {
	case d.reloads <- reply:
	case <-r.Context().Done():
		return
	}
	var findings *FindingsError
	switch err := <-reply; {
	case errors.As(err, &findings):
		var lines []string
		for _, f := range findings.List {
			lines = append(lines, f.String())
		}
		httpjson.Write(w, http.StatusUnprocessableEntity, httpjson.Error{Error: "the file has mistakes; nothing was changed", Findings: lines})
	case err != nil:
		fail(w, http.StatusInternalServerError, err)
	default:
		d.mu.RLock()
		st := d.reloaded
		d.mu.RUnlock()
		httpjson.Write(w, http.StatusOK, st)
	}
}

// pick returns the named instances, all if none are named.
func (d *Daemon) pick(names []string) ([]*instance, error) {
	if len(names) == 0 {
		return d.all(), nil
	}
	var out []*instance
	for _, name := range names {
		in := d.named(name)
		if in == nil {
			return nil, fmt.Errorf("there is no instance %s", name)
		}
		out = append(out, in)
	}
	return out, nil
}

func fail(w http.ResponseWriter, code int, err error) { httpjson.Fail(w, code, err.Error()) }
