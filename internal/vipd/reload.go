package vipd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/geodns-vipd/geodns/internal/hooks"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
)

// reload reads the file anew and applies what changed. A file with a mistake
// changes nothing; the mistakes are logged, shown, and returned as a
// [FindingsError].
func (d *Daemon) reload() error {
	_, _ = daemon.SdNotify(false, fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, monotonicMicros()))
	defer func() { _, _ = daemon.SdNotify(false, daemon.SdNotifyReady) }()
	cfg, list := LoadConfig(d.File, d.Load)
	if list.HasErrors() {
		err := &FindingsError{list}
		d.setReloaded(err)
		for _, f := range list {
			d.log.Error("reload refused", "finding", f.String())
		}
		return err
	}
	for _, f := range list {
		d.log.Warn(f.String())
	}
	d.mu.RLock()
	notes := fixed(&d.cfg.Global, &cfg.Global)
	d.mu.RUnlock()
	for _, n := range notes {
		d.log.Warn(n)
	}
	err := d.notifier.set(&cfg.Global)
	if err == nil {
		err = d.apply(cfg)
	}
	d.setReloaded(err, notes...)
	if err != nil {
		d.log.Error("reloaded, but not all of it", "err", err)
		return err
	}
	if cfg.Global.StatesOnReload {
		d.writeStates()
	}
	d.log.Info("reloaded", "file", d.File)
	return nil
}

// fixed names what changed but is read at the start only.
func fixed(old, now *keepalived.Global) []string {
	var out []string
	for _, c := range []struct {
		word string
		same bool
	}{
		{"http_listen", old.HTTPListen == now.HTTPListen},
		{"notify_fifo", same(old.NotifyFIFO, now.NotifyFIFO)},
		{"vrrp_notify_fifo", same(old.VRRPNotifyFIFO, now.VRRPNotifyFIFO)},
		{"vrrp_rt_priority, vrrp_priority or vrrp_no_swap", same(old.Process, now.Process)},
		{"umask", old.Umask == now.Umask},
	} {
		if !c.same {
			out = append(out, c.word+" changed: that takes effect when vipd is started anew")
		}
	}
	return out
}

func (d *Daemon) setReloaded(err error, notes ...string) {
	st := reloadStatus{OK: err == nil, At: time.Now(), Notes: notes}
	var f *FindingsError
	if errors.As(err, &f) {
		for _, one := range f.List {
			st.Errors = append(st.Errors, one.String())
		}
	} else if err != nil {
		st.Errors = []string{err.Error()}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reloaded = st
}

// apply brings what runs to a configuration: instances that it no longer has
// hand over and end, those that are unchanged are not touched.
func (d *Daemon) apply(cfg *keepalived.Config) error {
	plans := map[string]*plan{}
	var order []*plan
	for _, v := range cfg.Instances {
		p := newPlan(cfg, v)
		plans[p.Name] = p
		order = append(order, p)
	}
	d.links.delays.set(cfg.InterfaceDelays)
	d.retire(plans)
	d.groups.set(cfg)
	errs := []error{d.static.set(d, cfg), d.promote(order)}
	var all, fresh []*instance
	for _, p := range order {
		if in := d.named(p.Name); in != nil {
			d.change(in, p)
			all = append(all, in)
			continue
		}
		in, err := d.create(p)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.Name, err))
			delete(plans, p.Name)
			continue
		}
		all, fresh = append(all, in), append(fresh, in)
	}
	d.mu.Lock()
	d.cfg, d.instances, d.plans = cfg, all, plans
	d.mu.Unlock()
	errs = append(errs, d.floats.set(all, plans, &cfg.Global))
	for _, in := range fresh {
		go in.run()
	}
	d.resendNews(fresh) // what came while they were made
	d.tracking.set(&cfg.Global, order)
	d.tellInterfaces()
	return errors.Join(errs...)
}

// retire ends the instances that are not among plans.
func (d *Daemon) retire(plans map[string]*plan) {
	for _, in := range d.all() {
		if plans[in.name] != nil {
			continue
		}
		in.mailbox.post(func(in *instance) { in.stop(true) })
		select {
		case <-in.done:
		case <-time.After(stopLimit):
			d.log.Error("did not hand over in time", "instance", in.name)
		}
	}
}

// change brings an instance to its new plan, unless it is the same.
func (d *Daemon) change(in *instance, p *plan) {
	d.mu.Lock()
	old, facts := d.plans[in.name], d.facts[in.name]
	facts = d.links.facts(p, facts)
	d.facts[in.name] = facts
	news := maps.Clone(d.news)
	d.mu.Unlock()
	if p.sameAs(old) {
		return
	}
	d.log.Info("instance changed", "instance", in.name)
	in.mailbox.post(func(in *instance) {
		in.news = news
		in.reload(p, facts)
	})
}

// create returns an instance that waits to be run.
func (d *Daemon) create(p *plan) (*instance, error) {
	facts := d.links.facts(p, linkFacts{})
	in, err := newInstance(p, facts, d, d.log, p.Global.Process.RTPriority)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.facts[p.Name] = facts
	in.news = maps.Clone(d.news)
	if o, ok := d.drains.get(p.Name); ok {
		in.drained = &o
	}
	return in, nil
}

// resendNews tells instances all that is known of tracked things.
func (d *Daemon) resendNews(to []*instance) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, in := range to {
		for _, n := range d.news {
			in.mailbox.post(func(in *instance) { in.setNews(n) })
		}
	}
}

// writeStates writes the state of every instance and group into the pipes
// (fifo_write_vrrp_states_on_reload).
func (d *Daemon) writeStates() {
	st := d.Status(context.Background())
	for _, i := range st.Instances {
		d.notifier.write(hooks.Line("INSTANCE", i.Name, i.State, i.EffectivePriority))
	}
	for _, g := range st.Groups {
		d.notifier.write(hooks.Line("GROUP", g.Name, g.State, 0))
	}
}
