package vipd

import (
	"time"

	"github.com/geodns-vipd/geodns/internal/netlink"
	"github.com/geodns-vipd/geodns/internal/track"
)

// linkEvent brings news of the kernel to those whom it concerns.
func (d *Daemon) linkEvent(ev netlink.Event) {
	d.links.take(ev)
	switch ev.Kind {
	case netlink.Synced:
		d.log.Warn("news of the kernel was lost: looks at all interfaces and addresses again")
		for _, in := range d.all() {
			in.mailbox.post((*instance).checkAddresses)
		}
	case netlink.AddressChanged, netlink.AddressGone:
		d.addressEvent(ev)
	}
	d.spreadLinks()
}

// addressEvent tells instances what happened to their addresses. One with a
// lifetime, of which duplicate detection finds that another node has it, the
// kernel takes away.
func (d *Daemon) addressEvent(ev netlink.Event) {
	a := ev.Address
	index, addr := a.Index, a.Prefix.Addr()
	for _, in := range d.all() {
		switch {
		case a.Tagged() && a.DADFailed():
			in.mailbox.post(func(in *instance) { in.addressDuplicate(index, addr) })
		case ev.Kind == netlink.AddressGone:
			in.mailbox.post(func(in *instance) { in.addressGone(index, addr) })
		}
	}
}

// spreadLinks tells instances what changed of their interfaces.
func (d *Daemon) spreadLinks() {
	for _, in := range d.all() {
		d.mu.RLock()
		p, old := d.plans[in.name], d.facts[in.name]
		d.mu.RUnlock()
		now := d.links.facts(p, old)
		if now.equal(old) {
			continue
		}
		d.mu.Lock()
		d.facts[in.name] = now
		d.mu.Unlock()
		in.mailbox.post(func(in *instance) { in.setLink(now) })
	}
	d.tellInterfaces()
	if in, held := d.links.delays.next(bootNow()); held && d.recheck != nil {
		d.recheck.Reset(in + time.Millisecond)
	}
}

// tellInterfaces tells the state of tracked interfaces where it changed.
func (d *Daemon) tellInterfaces() {
	d.mu.RLock()
	names := map[string]bool{}
	for _, p := range d.plans {
		for _, t := range p.Trackers {
			if t.Kind == track.KindInterface {
				names[t.Name] = true
			}
		}
	}
	d.mu.RUnlock()
	for name := range names {
		up, why := d.links.usable(name)
		n := track.News{Kind: track.KindInterface, Name: name, Up: up, Text: why}
		d.mu.RLock()
		old, known := d.news[[2]string{n.Kind, n.Name}]
		d.mu.RUnlock()
		if !known || old != n {
			d.tell(n)
		}
	}
}
