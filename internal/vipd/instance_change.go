package vipd

import (
	"net/netip"
	"slices"

	"github.com/geodns-vipd/geodns/internal/track"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// linkFacts is what the machine says of the interface of an instance.
type linkFacts struct {
	up    bool
	why   string     // if not
	index int        // of the interface; 0: none, or none is named
	local netip.Addr // source of adverts; invalid: none
	// prefixes are the connected subnets.
	prefixes []netip.Prefix
}

func (l linkFacts) connected(a netip.Addr) bool {
	for _, p := range l.prefixes {
		if p.Contains(a.WithZone("")) {
			return true
		}
	}
	return false
}

func (l linkFacts) source(p *plan) netip.Addr {
	if p.SrcAddr.IsValid() {
		return p.SrcAddr
	}
	if l.local.IsValid() {
		return l.local
	}
	return p.noAddress()
}

// applyLink takes what the machine says of the interface.
func (in *instance) applyLink() {
	up, why := in.facts.up, in.facts.why
	if up {
		if err := in.openWire(); err != nil {
			up, why = false, err.Error()
		}
	}
	if !up {
		in.closeWire()
	}
	in.step(vrrp.Link{At: bootNow(), Up: up, Why: why})
}

// setLink brings news of the interface.
func (in *instance) setLink(facts linkFacts) {
	old := in.facts
	in.facts = facts
	if facts.up && facts.source(in.plan).WithZone("") != in.router.Config().Local {
		in.restart("its source address changed")
		return
	}
	if facts.index != old.index {
		in.closeWire() // it was bound to an interface that is gone
	}
	if facts.up != old.up || facts.why != old.why || facts.up && in.wire == nil {
		in.applyLink()
	}
	if !slices.Equal(facts.prefixes, old.prefixes) { // which peers are on the link
		in.step(vrrp.Reload{At: bootNow(), Config: in.plan.router(in.router.Config().Local, facts.connected)})
	}
}

// restart begins anew with another router, as where its source address
// changed. The hooks of a stop do not run: the node goes on.
func (in *instance) restart(why string) {
	in.log.Info("begins anew", "reason", why)
	in.quiet(func() { in.step(vrrp.Stop{At: bootNow()}) })
	in.closeWire()
	in.router = vrrp.New(in.plan.router(in.facts.source(in.plan), in.facts.connected))
	in.clock.set(0)
	in.start()
}

// quiet runs f without hooks.
func (in *instance) quiet(f func()) {
	h := in.host
	in.host = noHooks{h}
	f()
	in.host = h
}

type noHooks struct{ host }

func (noHooks) notify(*plan, vrrp.Notify) {}

// reload takes a new plan over. A reload that changes nothing does not get
// here.
func (in *instance) reload(p *plan, facts linkFacts) {
	old := in.plan
	in.plan, in.facts = p, facts
	if err := in.claims.plan(p); err != nil {
		in.log.Error("routes and rules", "err", err)
	}
	in.voice.pauses = p.pauses
	cfg := p.router(facts.source(p), facts.connected)
	if !in.router.Config().SameRouter(cfg) || p.Interface != old.Interface || !sameMembers(p.Group, old.Group) {
		in.restart("its virtual router id, source address, kind of peers or sync group changed")
		return
	}
	if !p.sameSockets(old) {
		in.closeWire()
		in.applyLink()
	}
	in.step(vrrp.Reload{At: bootNow(), Config: cfg})
	for _, n := range in.news {
		in.step(trackEvent(n))
	}
}

// sameMembers reports whether a sync group can keep what it knows of its
// members.
func sameMembers(a, b *keepalived.SyncGroup) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Name == b.Name && slices.Equal(a.Members, b.Members)
}

// setNews takes news of a tracked thing.
func (in *instance) setNews(n track.News) {
	if old, known := in.news[[2]string{n.Kind, n.Name}]; known && old == n {
		return
	}
	in.news[[2]string{n.Kind, n.Name}] = n
	in.step(trackEvent(n))
}

func trackEvent(n track.News) vrrp.Event {
	return vrrp.Track{At: bootNow(), Kind: n.Kind, Name: n.Name, Up: n.Up, Value: n.Value, Text: n.Text}
}

// addressGone hears from the kernel that an address was removed by somebody.
func (in *instance) addressGone(index int, addr netip.Addr) {
	if in.claims.lost(index, addr) && in.router.State() == vrrp.Master {
		in.step(vrrp.AddressLost{At: bootNow(), Addr: addr})
	}
}

// addressDuplicate hears that another node on the link has an address of ours.
func (in *instance) addressDuplicate(index int, addr netip.Addr) {
	held, err := in.claims.duplicate(index, addr)
	if err != nil {
		in.log.Error("duplicate address not removed", "err", err)
	}
	if held {
		in.step(vrrp.AddressDuplicate{At: bootNow(), Addr: addr})
	}
}

// checkAddresses asks the kernel whether all addresses are still there, and
// sees to it that routes and rules are: a renewal may have put an address back
// already whose removal nobody was told of, but not what went with it.
func (in *instance) checkAddresses() {
	gone, err := in.claims.check()
	if err != nil {
		in.log.Error("addresses not looked at", "err", err)
	}
	for _, addr := range gone {
		in.step(vrrp.AddressLost{At: bootNow(), Addr: addr})
	}
	if len(gone) == 0 && in.router.State() == vrrp.Master {
		in.addAddresses()
	}
}
