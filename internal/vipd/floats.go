package vipd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/geodns-vipd/geodns/internal/command"
	"github.com/geodns-vipd/geodns/internal/floatip"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// floats runs a loop for each floating address.
type floats struct {
	log *slog.Logger

	mu    sync.Mutex
	loops map[string][]*floating // by instance
}

type floating struct {
	cfg    keepalived.FloatingIP
	loop   *floatip.Loop
	cancel context.CancelFunc
	done   chan struct{}
}

// set makes the loops those of the plans; unchanged ones go on.
func (f *floats) set(all []*instance, plans map[string]*plan, global *keepalived.Global) error {
	want := map[string]*instance{}
	for _, in := range all {
		want[in.name] = in
	}
	// To end a loop may take a while, and instances must not wait for it.
	waitFor(f.take(func(name string, list []*floating) bool {
		return want[name] == nil || !sameFloats(list, plans[name].FloatingIPs)
	}))
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for name, in := range want {
		if f.loops[name] != nil {
			continue
		}
		for _, cfg := range plans[name].FloatingIPs {
			one, err := f.start(in, plans[name], cfg, global)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: floating_ip %s: %w", name, cfg.Address, err))
				continue
			}
			if vrrp.State(in.state.Load()) == vrrp.Master {
				one.loop.Master(true)
			}
			f.loops[name] = append(f.loops[name], one)
		}
	}
	return errors.Join(errs...)
}

func sameFloats(list []*floating, want []keepalived.FloatingIP) bool {
	if len(list) != len(want) {
		return false
	}
	for i := range list {
		if !same(list[i].cfg, want[i]) {
			return false
		}
	}
	return true
}

func (f *floats) start(in *instance, p *plan, cfg keepalived.FloatingIP, global *keepalived.Global) (*floating, error) {
	provider, err := providerOf(in, cfg, global)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	one := &floating{cfg: cfg, cancel: cancel, done: make(chan struct{})}
	one.loop = floatip.New(floatip.Config{
		Instance: p.Name, Address: cfg.Address.String(), Provider: provider, Lease: in.leaseLeft,
		Lower:    func() bool { return uint32(p.Priority) < in.peerPriority.Load() },
		Interval: cfg.Interval, Timeout: cfg.Timeout, Log: f.log,
		Tell: func(what string) { in.remember("floating", "floating address "+cfg.Address.String()+": "+what) },
	})
	go func() {
		defer close(one.done)
		if do, ok := provider.(*floatip.DigitalOcean); ok {
			f.prepare(ctx, p.Name, do)
		}
		one.loop.Run(ctx)
	}()
	return one, nil
}

// prepare asks once for what a claim will need; the claim asks again if it
// must.
func (f *floats) prepare(ctx context.Context, instance string, do *floatip.DigitalOcean) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := do.Prepare(ctx); err != nil && ctx.Err() == nil {
		f.log.Warn("floating address", "instance", instance, "address", do.Address, "err", err)
	}
}

func providerOf(in *instance, cfg keepalived.FloatingIP, global *keepalived.Global) (floatip.Provider, error) {
	switch cfg.Provider {
	case "digitalocean":
		return &floatip.DigitalOcean{
			Address: cfg.Address, TokenFile: cfg.TokenFile, DropletID: cfg.DropletID,
			APIURL: cfg.APIURL, MetadataURL: cfg.MetadataURL, Lease: in.leaseLeft,
		}, nil
	case "exec":
		c := &floatip.Commands{
			ObserveArgv: cfg.Observe.Argv, ClaimArgv: cfg.Claim.Argv, Instance: in.name, Address: cfg.Address.String(),
			Run: func(ctx context.Context, argv []string) (int, string, error) {
				account, err := accountFor(cfg.Observe.User, global)
				if err != nil {
					return 0, "", err
				}
				r, err := command.Run(ctx, command.Spec{Argv: argv, Account: account, Hard: true})
				return r.Exit, r.Text(), err
			},
		}
		if cfg.Confirm != nil {
			c.ConfirmArgv = cfg.Confirm.Argv
		}
		return c, nil
	}
	return nil, fmt.Errorf("unknown provider %s", cfg.Provider)
}

// tell says whether an instance is master. It does not block.
func (f *floats) tell(instance string, master, late bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.loops[instance] {
		if master {
			one.loop.Master(late)
		} else {
			one.loop.Backup()
		}
	}
}

func (f *floats) peerHeard(instance string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.loops[instance] {
		one.loop.PeerHeard()
	}
}

// statuses returns what is known of the addresses of an instance.
func (f *floats) statuses(instance string) []floatip.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []floatip.Status
	for _, one := range f.loops[instance] {
		out = append(out, one.loop.Status())
	}
	return out
}

// stop ends all loops.
func (f *floats) stop() { waitFor(f.take(func(string, []*floating) bool { return true })) }

// take cancels the loops of the instances that which picks, and returns them.
func (f *floats) take(which func(instance string, list []*floating) bool) []*floating {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []*floating
	for name, list := range f.loops {
		if !which(name, list) {
			continue
		}
		for _, one := range list {
			one.cancel()
		}
		out = append(out, list...)
		delete(f.loops, name)
	}
	return out
}

func waitFor(list []*floating) {
	for _, one := range list {
		<-one.done
	}
}
