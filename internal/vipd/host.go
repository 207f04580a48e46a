package vipd

import (
	"net/netip"

	"github.com/geodns-vipd/geodns/internal/hooks"
	"github.com/geodns-vipd/geodns/internal/track"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// tell takes news of a tracked thing from whoever watches it.
func (d *Daemon) tell(n track.News) {
	d.mu.Lock()
	d.news[[2]string{n.Kind, n.Name}] = n
	d.mu.Unlock()
	d.log.Debug("tracked", "kind", n.Kind, "name", n.Name, "up", n.Up, "value", n.Value, "text", n.Text)
	for _, in := range d.all() {
		in.mailbox.post(func(in *instance) { in.setNews(n) })
	}
}

// priority implements host.
func (d *Daemon) priority(p *plan, state vrrp.State, priority uint8) {
	if p.NotifyPriority {
		d.notifier.write(hooks.Line("INSTANCE", p.Name, state.String()+"_PRIORITY", priority))
	}
}

// notify implements host.
func (d *Daemon) notify(p *plan, n vrrp.Notify) {
	d.notifier.push(instanceSubject(p), n.Hook, n.Priority, n.Again)
}

// report implements host.
func (d *Daemon) report(r vrrp.Report) { d.groups.report(r) }

// order delivers what a sync group orders.
func (d *Daemon) order(o vrrp.Order) {
	if in := d.named(o.Member); in != nil {
		in.mailbox.post(func(in *instance) { in.step(vrrp.GroupOrder{At: bootNow(), Order: o}) })
	}
}

// groupHook runs the hooks of a group. A group has no priority: 0, as in
// keepalived.
func (d *Daemon) groupHook(g *keepalived.SyncGroup, hook vrrp.Hook) {
	d.notifier.push(subject{kind: "GROUP", name: g.Name, hooks: g.Notify}, hook, 0, false)
}

// floating implements host.
func (d *Daemon) floating(name string, state vrrp.State, late bool) {
	d.floats.tell(name, state == vrrp.Master, late)
}

// peerHeard implements host.
func (d *Daemon) peerHeard(name string) { d.floats.peerHeard(name) }

// hear implements host.
func (d *Daemon) hear(in *instance, source netip.Addr) { d.messages.listen(in, source) }

// collect implements host.
func (d *Daemon) collect(in *instance) { d.messages.collect(in) }

// send implements host.
func (d *Daemon) send(in *instance, message []byte, to netip.Addr) error {
	return d.messages.send(in, message, to)
}
