package vipd

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/geodns-vipd/geodns/internal/command"
	"github.com/geodns-vipd/geodns/internal/track"
	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/health/probe"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
)

// tracking watches everything that some instance tracks, each thing once
// however many instances do.
type tracking struct {
	log  *slog.Logger
	tell track.Tell

	running map[[2]string]*tracked
}

// tracked is one thing that is watched.
type tracked struct {
	thing  any // *keepalived.Script, *keepalived.Process or *keepalived.TrackFile
	cancel context.CancelFunc
	done   chan struct{}
}

// set watches exactly what the plans track. What is unchanged goes on
// undisturbed.
func (t *tracking) set(global *keepalived.Global, plans []*plan) {
	want := map[[2]string]any{}
	for _, p := range plans {
		for _, s := range p.Commands {
			want[[2]string{scriptKind(s), s.Name}] = s
		}
		for _, s := range p.Processes {
			want[[2]string{track.KindProcess, s.Name}] = s
		}
		for _, f := range p.Files {
			want[[2]string{track.KindFile, f.Name}] = f
		}
	}
	for key, r := range t.running {
		if !sameThing(r.thing, want[key]) {
			r.cancel()
			<-r.done
			delete(t.running, key)
		}
	}
	for key, thing := range want {
		if r := t.running[key]; r != nil {
			r.thing = thing
			continue
		}
		run, err := t.start(thing, global)
		if err != nil {
			t.log.Error("cannot be tracked", "kind", key[0], "name", key[1], "err", err)
			t.tell(track.News{Kind: key[0], Name: key[1], Text: err.Error()})
			continue
		}
		t.run(key, thing, run)
	}
}

func (t *tracking) run(key [2]string, thing any, run func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	r := &tracked{thing, cancel, make(chan struct{})}
	t.running[key] = r
	go func() {
		defer close(r.done)
		run(ctx)
	}()
}

// stop ends all watching.
func (t *tracking) stop() {
	for _, r := range t.running {
		r.cancel()
	}
	for _, r := range t.running {
		<-r.done
	}
	t.running = map[[2]string]*tracked{}
}

func sameThing(a, b any) bool {
	switch a := a.(type) {
	case *keepalived.Script:
		b, ok := b.(*keepalived.Script)
		return ok && same(a, b)
	case *keepalived.Process:
		b, ok := b.(*keepalived.Process)
		return ok && same(a, b)
	case *keepalived.TrackFile:
		b, ok := b.(*keepalived.TrackFile)
		return ok && same(a, b)
	}
	return false
}

// start returns what watches a thing.
func (t *tracking) start(thing any, global *keepalived.Global) (func(context.Context), error) {
	switch s := thing.(type) {
	case *keepalived.Script:
		attempt, err := attemptOf(s, global)
		if err != nil {
			return nil, err
		}
		c := &track.Check{
			Kind: scriptKind(s), Name: s.Name, Interval: s.Interval, Timeout: s.Timeout, Rise: s.Rise, Fall: s.Fall,
			InitFail: s.InitFail, Attempt: attempt,
		}
		return func(ctx context.Context) { c.Run(ctx, t.tell) }, nil
	case *keepalived.Process:
		p := &track.Process{
			Name: s.Name, Args: s.Args, Full: s.FullCommand, Match: s.ParamMatch, Quorum: s.Quorum, QuorumMax: s.QuorumMax,
			ForkDelay: s.ForkDelay, LeaveDelay: s.TerminateDelay,
			Thread: func() (release func()) { return t.ownThread(s.Name, global) },
		}
		return func(ctx context.Context) { p.Run(ctx, t.tell) }, nil
	case *keepalived.TrackFile:
		f := &track.File{Name: s.Name, Path: s.Path, Init: s.Init, InitValue: s.InitValue, Overwrite: s.Overwrite}
		if err := f.Prepare(); err != nil {
			return nil, err
		}
		return func(ctx context.Context) { f.Run(ctx, t.tell) }, nil
	}
	return nil, fmt.Errorf("unknown kind %T", thing)
}

// ownThread makes the end of a process known on time on a busy machine too. The
// instances' own threads go before it where there is room below them.
func (t *tracking) ownThread(name string, global *keepalived.Global) (release func()) {
	release, err := ownThread(below(rtPriority(global.Process.RTPriority)))
	if err != nil {
		t.log.Debug("no real-time priority", "process", name, "err", err)
	}
	return release
}

// attemptOf returns one try of a script or probe.
func attemptOf(s *keepalived.Script, global *keepalived.Global) (func(context.Context) health.Result, error) {
	if s.Command != nil {
		return scriptAttempt(s, global)
	}
	if s.Probe.Kind == keepalived.ProbeTCP {
		ap, err := netip.ParseAddrPort(s.Probe.Target)
		if err != nil {
			return nil, err
		}
		prober := probe.NewTCP(probe.TCPConfig{Port: ap.Port()})
		return func(ctx context.Context) health.Result { return prober.Probe(ctx, ap.Addr()) }, nil
	}
	return httpAttempt(s.Probe.Target)
}

func scriptAttempt(s *keepalived.Script, global *keepalived.Global) (func(context.Context) health.Result, error) {
	account, err := accountFor(s.Command.User, global)
	if err != nil {
		return nil, err
	}
	spec := command.Spec{Argv: s.Command.Argv, Account: account, Hard: true}
	return func(ctx context.Context) health.Result {
		start := time.Now()
		r, err := command.Run(ctx, spec)
		res := health.Result{Verdict: health.Pass, At: time.Now(), Latency: time.Since(start)}
		switch {
		case err == command.ErrTime:
			res.Verdict, res.Err = health.Fail, fmt.Sprintf("no result within %v", s.Timeout)
		case err != nil && ownFault(err):
			res.Verdict, res.Err = health.NoVerdict, err.Error()
		case err != nil:
			res.Verdict, res.Err = health.Fail, err.Error()
		case r.Exit != 0:
			res.Verdict, res.Err = health.Fail, r.Text()
		}
		return res
	}, nil
}

// httpAttempt makes a GET and wants a status of 200 to 399. A host that is a
// name is looked up anew each time.
func httpAttempt(target string) (func(context.Context) health.Result, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	cfg := probe.HTTPConfig{Scheme: u.Scheme, Path: u.RequestURI(), Host: u.Host, Status: []probe.StatusRange{{Low: 200, High: 399}}}
	if text := u.Port(); text != "" {
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("port %s: %w", text, err)
		}
		cfg.Port = uint16(port)
	}
	prober, err := probe.NewHTTP(cfg)
	if err != nil {
		return nil, err
	}
	host := u.Hostname()
	return func(ctx context.Context) health.Result {
		addr, err := resolve(ctx, host)
		if err != nil {
			return health.Result{Verdict: health.Fail, Err: err.Error(), At: time.Now()}
		}
		return prober.Probe(ctx, addr)
	}, nil
}
