package vipd

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/geodns-vipd/geodns/internal/command"
	"github.com/geodns-vipd/geodns/internal/hooks"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// notifier runs an operator's hooks: a queue for each instance and group.
type notifier struct {
	log *slog.Logger
	ctx context.Context // of hooks: it never ends, a hook that outlives vipd may go on

	readers     sync.WaitGroup
	stopReaders context.CancelFunc
	closing     atomic.Bool

	mu     sync.Mutex
	global *keepalived.Global
	queues map[string]*hooks.Queue // by "INSTANCE name" or "GROUP name"
	fifos  []*hooks.FIFO
}

// subject is whom a hook is about.
type subject struct {
	kind, name string // INSTANCE or GROUP
	hooks      keepalived.Notify
	env        []string
}

func instanceSubject(p *plan) subject {
	return subject{"INSTANCE", p.Name, p.Notify, []string{"VIPD_INTERFACE=" + p.Interface, "VIPD_VRID=" + strconv.Itoa(int(p.VRID))}}
}

// push queues the hooks of one event, and writes its line into the pipes at
// once.
func (n *notifier) push(s subject, hook vrrp.Hook, priority uint8, again bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	state := hook.String()
	if hook == vrrp.HookDeleted && !s.hooks.DeletedSet {
		state = vrrp.HookFault.String()
	}
	n.writeLocked(hooks.Line(s.kind, s.name, state, priority))
	ev := hooks.Event{
		State: state, Jobs: n.jobs(s, hook, state, priority, again),
		Must:  hook == vrrp.HookStop || hook == vrrp.HookDeleted,
		Aside: hook == vrrp.HookLowerMaster,
	}
	n.queue(s.kind + " " + s.name).Push(ev)
}

// write writes a line into the pipes.
func (n *notifier) write(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.writeLocked(line)
}

func (n *notifier) writeLocked(line string) {
	for _, f := range n.fifos {
		if err := f.Write(line); err != nil {
			n.log.Warn("notify_fifo", "err", err)
		}
	}
}

// jobs returns the programs of a hook in their order: that of the state, then
// notify.
func (n *notifier) jobs(s subject, hook vrrp.Hook, state string, priority uint8, again bool) []hooks.Job {
	env := append([]string{
		"VIPD_TYPE=" + s.kind, "VIPD_NAME=" + s.name, "VIPD_STATE=" + state, "VIPD_PRIORITY=" + strconv.Itoa(int(priority)),
	}, s.env...)
	if again {
		env = append(env, "VIPD_AGAIN=1")
	}
	var out []hooks.Job
	add := func(what string, c *keepalived.Command, args ...string) {
		if c != nil {
			out = append(out, hooks.Job{What: what, Argv: slices.Concat(c.Argv, args), Env: env, Run: n.runner(c.User)})
		}
	}
	switch hook {
	case vrrp.HookMaster:
		add("notify_master", s.hooks.Master)
	case vrrp.HookBackup:
		add("notify_backup", s.hooks.Backup)
	case vrrp.HookFault:
		add("notify_fault", s.hooks.Fault)
	case vrrp.HookStop:
		add("notify_stop", s.hooks.Stop)
	case vrrp.HookDeleted:
		if s.hooks.DeletedSet {
			add("notify_deleted", s.hooks.Deleted)
		} else {
			add("notify_fault", s.hooks.Fault)
		}
	case vrrp.HookLowerMaster:
		add("notify_master_rx_lower_pri", s.hooks.MasterRxLower)
		return out
	}
	add("notify", s.hooks.Any, s.kind, s.name, state, strconv.Itoa(int(priority)))
	return out
}

// runner returns how a hook of that user is run.
func (n *notifier) runner(u keepalived.User) func(context.Context, *hooks.Job) (string, error) {
	global := n.global
	return func(ctx context.Context, job *hooks.Job) (string, error) {
		account, err := accountFor(u, global)
		if err != nil {
			return "", err
		}
		r, err := command.Run(ctx, command.Spec{Argv: job.Argv, Account: account, Env: job.Env})
		if err != nil || r.Exit == 0 {
			return "", err
		}
		return r.Text(), nil
	}
}

// queue returns the queue of an instance or group, which runs from its first
// event on.
func (n *notifier) queue(key string) *hooks.Queue {
	q := n.queues[key]
	if q == nil {
		q = hooks.New(key, n.log)
		n.queues[key] = q
		go q.Run(n.ctx) // as long as the process
	}
	return q
}

// wait blocks until all hooks have run, or ctx ends.
func (n *notifier) wait(ctx context.Context) bool {
	n.mu.Lock()
	queues := make([]*hooks.Queue, 0, len(n.queues))
	for _, q := range n.queues {
		queues = append(queues, q)
	}
	n.mu.Unlock()
	done := true
	for _, q := range queues {
		done = q.Wait(ctx) && done
	}
	return done
}

// set takes the options of a configuration. Pipes are opened once: those who
// read them would notice.
func (n *notifier) set(g *keepalived.Global) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.global = g
	if n.stopReaders != nil {
		return nil
	}
	var ctx context.Context
	ctx, n.stopReaders = context.WithCancel(n.ctx)
	for _, f := range []keepalived.FIFO{g.NotifyFIFO, g.VRRPNotifyFIFO} {
		if f.Path == "" {
			continue
		}
		uid, gid := owner(f.User)
		fifo, err := hooks.OpenFIFO(f.Path, uid, gid)
		if err != nil {
			return err
		}
		n.fifos = append(n.fifos, fifo)
		if f.Script != nil {
			n.reader(ctx, f.Script, fifo.Path())
		}
	}
	return nil
}

// reader runs the script that reads a pipe for as long as vipd runs.
func (n *notifier) reader(ctx context.Context, c *keepalived.Command, path string) {
	run := n.runner(c.User)
	job := hooks.Job{What: "notify_fifo_script", Argv: append(slices.Clone(c.Argv), path)}
	n.readers.Go(func() {
		text, err := run(ctx, &job)
		if !n.closing.Load() {
			n.log.Error("notify_fifo_script ended", "end", text, "err", err)
		}
	})
}

// readerLimit is how long the scripts that read the pipes have at the end for
// the last lines.
const readerLimit = time.Second

// close closes the pipes, and ends the scripts that read them.
func (n *notifier) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closing.Store(true)
	for _, f := range n.fifos {
		f.Close()
	}
	done := make(chan struct{})
	go func() { n.readers.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(readerLimit):
	}
	n.stopReaders()
	<-done
}

// owner returns the numbers of a user and group, -1 for what is not given.
func owner(u keepalived.User) (uid, gid int) {
	uid, gid = -1, -1
	if account, err := user.Lookup(u.Name); err == nil {
		uid, _ = strconv.Atoi(account.Uid)
		gid, _ = strconv.Atoi(account.Gid)
	}
	if g, err := user.LookupGroup(u.Group); err == nil {
		gid, _ = strconv.Atoi(g.Gid)
	}
	return uid, gid
}

// accountFor returns whom a program runs as: the user it names, script_user,
// keepalived_script if there is such a user, else vipd's own. nil is vipd's own.
func accountFor(u keepalived.User, g *keepalived.Global) (*command.Account, error) {
	if u.Name == "" {
		u = g.ScriptUser
	}
	if u.Name != "" {
		a, err := command.Lookup(u.Name, u.Group)
		if err != nil {
			return nil, fmt.Errorf("as user %s: %w", u.Name, err)
		}
		return a, nil
	}
	if os.Geteuid() != 0 {
		return nil, nil
	}
	a, err := command.Lookup(keepalived.DefaultScriptUser, "")
	if err != nil {
		return nil, nil // there is none: as root, which `vipd check` warns of
	}
	return a, nil
}

// running returns the hook of a queue that runs now, "" if none does.
func (n *notifier) running(key string) string {
	n.mu.Lock()
	q := n.queues[key]
	n.mu.Unlock()
	if q == nil {
		return ""
	}
	return q.Running()
}
