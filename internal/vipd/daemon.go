package vipd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/internal/hooks"
	"github.com/geodns-vipd/geodns/internal/netlink"
	"github.com/geodns-vipd/geodns/internal/track"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
)

// stopLimit is how long an instance may take to hand over at the end.
const stopLimit = 2 * time.Second

// Daemon is a vipd. Its fields are set before [Daemon.Run].
type Daemon struct {
	File    string // configuration
	Load    LoadOptions
	Control string // path of the control socket; "" for none
	State   string // folder for what must survive a restart
	Log     slog.Handler
	Hangup  <-chan os.Signal // each makes it reload
	Version string

	log      *slog.Logger
	started  time.Time
	conn     *netlink.Conn // of the goroutine of Run
	static   staticThings
	links    linkTable
	recheck  *time.Timer // when a change of an interface that is held back counts
	notifier *notifier
	groups   groups
	messages *messenger
	tracking tracking
	floats   floats
	reloads  chan chan error
	drains   drainFile

	mu        sync.RWMutex
	cfg       *keepalived.Config
	instances []*instance // in the order of the file
	plans     map[string]*plan
	facts     map[string]linkFacts
	news      map[[2]string]track.News // the last of each tracked thing
	reloaded  reloadStatus
}

// reloadStatus says what became of the last attempt to load.
type reloadStatus struct {
	OK     bool      `json:"ok"`
	At     time.Time `json:"at"`
	Errors []string  `json:"errors,omitempty"`
	// Notes name what is read at the start only.
	Notes []string `json:"notes,omitempty"`
}

// FindingsError carries the findings that forbid to run or to reload.
type FindingsError struct{ List diag.List }

func (e *FindingsError) Error() string { return e.List.Err().Error() }

// Run runs the daemon until ctx ends; then every instance hands over. It
// returns nil after an orderly end.
func (d *Daemon) Run(ctx context.Context) error {
	cfg, list := LoadConfig(d.File, d.Load)
	if list.HasErrors() {
		return &FindingsError{list}
	}
	var flush func()
	d.log, flush = newAsyncLog(d.Log)
	defer flush()
	for _, f := range list {
		d.log.Warn(f.String())
	}
	if err := d.open(ctx, cfg); err != nil {
		return err
	}
	defer d.conn.Close()
	monitor, err := netlink.OpenMonitor()
	if err != nil {
		return err
	}
	watching, stopWatching := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stopWatching()
	wg.Go(func() {
		if err := monitor.Run(watching); err != nil {
			d.log.Error("interfaces are not watched", "err", err)
		}
	})
	wg.Go(func() { keepRaised(watching, d.log, below(rtPriority(cfg.Global.Process.RTPriority))) })
	d.links.take(<-monitor.Events()) // the first brings all
	// The socket first: if another vipd runs, its addresses must stay.
	servers, err := d.listen(cfg)
	if err != nil {
		return err
	}
	if err := d.clean(cfg); err != nil {
		servers.close()
		return err
	}
	if err := d.begin(cfg); err != nil {
		servers.close()
		return err
	}
	serving, stopServing := context.WithCancel(watching)
	defer stopServing()
	wg.Go(func() { servers.run(serving) })
	return d.serve(ctx, monitor.Events())
}

// open makes ready what everything else needs.
func (d *Daemon) open(ctx context.Context, cfg *keepalived.Config) error {
	// Little is allocated and nothing may stand still for long: collect rarely.
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(256 << 20)
	d.started = time.Now()
	d.process(&cfg.Global.Process, cfg.Global.Umask)
	var err error
	if d.conn, err = netlink.Open(); err != nil {
		return err
	}
	hookCtx := context.WithoutCancel(ctx)
	d.notifier = &notifier{log: d.log, ctx: hookCtx, queues: map[string]*hooks.Queue{}}
	d.messages = newMessenger(d.log)
	d.groups = groups{order: d.order, hook: d.groupHook}
	d.tracking = tracking{log: d.log, tell: d.tell, running: map[[2]string]*tracked{}}
	d.floats = floats{log: d.log, loops: map[string][]*floating{}}
	d.reloads = make(chan chan error)
	d.facts, d.news = map[string]linkFacts{}, map[[2]string]track.News{}
	d.plans = map[string]*plan{}
	d.drains, err = openDrains(d.State)
	if err != nil {
		return err
	}
	return d.notifier.set(&cfg.Global)
}

// process asks for what the file says of the process itself. What is not
// permitted is logged: vipd runs without.
func (d *Daemon) process(p *keepalived.ProcessOptions, umask int) {
	if umask >= 0 {
		unix.Umask(umask)
	}
	if p.HasPriority {
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, p.Priority); err != nil {
			d.log.Warn("vrrp_priority", "err", err)
		}
	}
	if p.NoSwap {
		if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
			d.log.Warn("vrrp_no_swap", "err", err)
		}
	}
}

// begin starts everything that the configuration asks for.
func (d *Daemon) begin(cfg *keepalived.Config) error {
	if err := d.apply(cfg); err != nil {
		return errors.Join(err, d.end())
	}
	d.setReloaded(nil)
	d.log.Info("ready", "file", d.File, "instances", len(cfg.Instances), "version", d.Version)
	_, _ = daemon.SdNotify(false, daemon.SdNotifyReady)
	return nil
}

// serve is the loop of the daemon.
func (d *Daemon) serve(ctx context.Context, events <-chan netlink.Event) error {
	watchdog := time.NewTicker(watchdogEvery())
	defer watchdog.Stop()
	d.recheck = time.NewTimer(time.Hour)
	defer d.recheck.Stop()
	for {
		select {
		case <-ctx.Done():
			return d.end()
		case <-d.Hangup:
			_ = d.reload() // it is logged and shown
		case reply := <-d.reloads:
			reply <- d.reload()
		case ev, ok := <-events:
			if !ok {
				return errors.Join(errors.New("the kernel's news of interfaces ended"), d.end())
			}
			d.linkEvent(ev)
		case <-d.recheck.C:
			d.spreadLinks()
		case <-watchdog.C:
			if d.alive() {
				_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog)
			}
		}
	}
}

func watchdogEvery() time.Duration {
	if every, err := daemon.SdWatchdogEnabled(false); err == nil && every > 0 {
		return every / 3
	}
	return time.Minute
}

// alive reports whether every instance has run of late. One that hangs must
// make systemd start us anew; its addresses end by themselves.
func (d *Daemon) alive() bool {
	for _, in := range d.all() {
		if quiet := bootNow() - time.Duration(in.lastLoop.Load()); quiet > 10*idleLimit {
			d.log.Error("instance hangs", "instance", in.name, "since", quiet)
			return false
		}
	}
	return true
}

// end hands every instance over and waits for the hooks.
func (d *Daemon) end() error {
	_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
	d.groups.end()
	all := d.all()
	for _, in := range all {
		in.mailbox.post(func(in *instance) { in.stop(false) })
	}
	limit := time.After(stopLimit)
	var late []string
	for _, in := range all {
		select {
		case <-in.done:
		case <-limit:
			late = append(late, in.name)
		}
	}
	d.groups.stopped()
	d.floats.stop()
	d.tracking.stop()
	d.static.remove(d)
	ctx, cancel := context.WithTimeout(context.Background(), hooks.StopLimit)
	defer cancel()
	if !d.notifier.wait(ctx) {
		d.log.Warn("hooks still run at the end", "limit", hooks.StopLimit)
	}
	d.notifier.close()
	if len(late) > 0 {
		return fmt.Errorf("did not hand over in time: %v", late)
	}
	d.log.Info("ended")
	return nil
}

// all returns the instances in the order of the file.
func (d *Daemon) all() []*instance {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.Clone(d.instances)
}

// named returns an instance, nil if there is none by that name.
func (d *Daemon) named(name string) *instance {
	d.mu.RLock()
	defer d.mu.RUnlock()
	i := slices.IndexFunc(d.instances, func(in *instance) bool { return in.name == name })
	if i < 0 {
		return nil
	}
	return d.instances[i]
}
