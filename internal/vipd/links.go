package vipd

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/internal/netlink"
)

// linkTable is what the kernel has told of interfaces and addresses. It
// belongs to the goroutine of the daemon.
type linkTable struct {
	links map[int]netlink.Link
	addrs map[int][]netlink.Address // by index of the interface, in the kernel's order

	delays linkDelays
}

// take brings the table up to date.
func (t *linkTable) take(ev netlink.Event) {
	switch ev.Kind {
	case netlink.Synced:
		t.links, t.addrs = map[int]netlink.Link{}, map[int][]netlink.Address{}
		for _, l := range ev.Links {
			t.links[l.Index] = l
		}
		for _, a := range ev.Addrs {
			t.addrs[a.Index] = append(t.addrs[a.Index], a)
		}
	case netlink.LinkChanged:
		t.links[ev.Link.Index] = ev.Link
	case netlink.LinkGone:
		delete(t.links, ev.Link.Index)
		delete(t.addrs, ev.Link.Index)
	case netlink.AddressChanged:
		t.setAddress(ev.Address)
	case netlink.AddressGone:
		a := ev.Address
		t.addrs[a.Index] = slices.DeleteFunc(t.addrs[a.Index], func(o netlink.Address) bool { return o.Prefix == a.Prefix && o.Peer == a.Peer })
	}
}

func (t *linkTable) setAddress(a netlink.Address) {
	for i, o := range t.addrs[a.Index] {
		if o.Prefix == a.Prefix && o.Peer == a.Peer {
			t.addrs[a.Index][i] = a
			return
		}
	}
	t.addrs[a.Index] = append(t.addrs[a.Index], a)
}

// named returns the interface of that name.
func (t *linkTable) named(name string) (netlink.Link, bool) {
	for _, l := range t.links {
		if l.Name == name {
			return l, true
		}
	}
	return netlink.Link{}, false
}

// usable reports whether an interface counts as up, and what is wrong if not.
func (t *linkTable) usable(name string) (up bool, why string) {
	l, ok := t.named(name)
	up, why = true, "up"
	switch {
	case !ok:
		up, why = false, fmt.Sprintf("there is no interface %s", name)
	case !l.Up():
		up, why = false, name+" is down"
	case !l.Running() && !l.Loopback():
		up, why = false, name+" has no carrier"
	}
	return t.delays.settle(name, up, why, bootNow())
}

// facts returns what an instance must know of its interface. old is what it
// was told last: a source address that is still there is kept.
func (t *linkTable) facts(p *plan, old linkFacts) linkFacts {
	f := linkFacts{}
	if p.Interface != "" {
		l, ok := t.named(p.Interface)
		if !ok {
			f.why = fmt.Sprintf("there is no interface %s", p.Interface)
			return f
		}
		f.index = l.Index
		f.prefixes = t.prefixes(l.Index)
		if up, why := t.usable(p.Interface); !up && !p.DontTrackPrimary {
			f.why = why
		}
	}
	f.local = t.source(p, f.index, old.local)
	switch {
	case f.why != "":
	case p.SrcAddr.IsValid() && !f.local.IsValid():
		f.why = fmt.Sprintf("%s is not an address of this machine", p.SrcAddr)
	case !f.local.IsValid():
		f.why = fmt.Sprintf("%s has no address to send adverts from", p.Interface)
	case p.FaultNoPeer && p.Unicast && len(p.Peers) == 0:
		f.why = "there is no unicast peer (unicast_fault_no_peer)"
	default:
		f.up = true
	}
	if p.Interface == "" {
		f.prefixes = t.prefixes(t.holder(p.SrcAddr))
	}
	return f
}

// source returns the address that adverts come from, invalid if there is none.
func (t *linkTable) source(p *plan, index int, old netip.Addr) netip.Addr {
	if p.SrcAddr.IsValid() {
		if t.holder(p.SrcAddr) == 0 {
			return netip.Addr{}
		}
		return p.SrcAddr
	}
	var first netip.Addr
	for _, a := range t.addrs[index] {
		ip := a.Prefix.Addr()
		if !t.maySend(p, a) {
			continue
		}
		if ip == old {
			return old
		}
		if !first.IsValid() {
			first = ip
		}
	}
	return first
}

// maySend reports whether adverts may come from an address that the interface
// has: of the family, not a VIP, and for IPv6 multicast link-local (RFC 9568,
// Section 5.1.2.1).
func (t *linkTable) maySend(p *plan, a netlink.Address) bool {
	ip := a.Prefix.Addr()
	if ip.Is6() != p.IPv6 || a.Tagged() || a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) != 0 {
		return false
	}
	if p.IPv6 && !p.Unicast && !ip.IsLinkLocalUnicast() {
		return false
	}
	for _, v := range p.addresses() {
		if v.Addr() == ip {
			return p.Priority == 255
		}
	}
	return true
}

// holder returns the interface that has an address, 0 if none has.
func (t *linkTable) holder(ip netip.Addr) int {
	for _, index := range slices.Sorted(maps.Keys(t.addrs)) {
		for _, a := range t.addrs[index] {
			if a.Prefix.Addr() == ip && a.Flags&unix.IFA_F_TENTATIVE == 0 {
				return index
			}
		}
	}
	return 0
}

// prefixes returns the subnets of an interface. Its VIPs' are not among them.
func (t *linkTable) prefixes(index int) []netip.Prefix {
	var out []netip.Prefix
	for _, a := range t.addrs[index] {
		if a.Tagged() {
			continue
		}
		p := a.Prefix
		if a.Peer.IsValid() {
			p = a.Peer
		}
		out = append(out, p.Masked())
	}
	return out
}

// equal reports whether nothing that an instance acts on changed.
func (l linkFacts) equal(o linkFacts) bool {
	return l.up == o.up && l.why == o.why && l.index == o.index && l.local == o.local && slices.Equal(l.prefixes, o.prefixes)
}
