package vipd

import (
	"errors"
	"fmt"
	"slices"

	"github.com/geodns-vipd/geodns/internal/netlink"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// clean takes away what an earlier process left behind: our own addresses,
// which end by themselves anyway, VIPs that keepalived left for good, routes
// and rules.
func (d *Daemon) clean(cfg *keepalived.Config) error {
	present, err := d.conn.Addresses()
	if err != nil {
		return err
	}
	var errs []error
	for _, v := range cfg.Instances {
		for _, a := range slices.Concat(v.VIPs, v.Excluded) {
			for _, p := range present {
				if p.Prefix.Addr() == a.Addr() {
					errs = append(errs, d.cleanAddress(v, p))
				}
			}
		}
	}
	routes, err := d.conn.CleanRoutes(netlink.RouteProto)
	errs = append(errs, err)
	rules, err := d.conn.CleanRules(netlink.RouteProto)
	errs = append(errs, err)
	if routes+rules > 0 {
		d.log.Info("left-over routes and rules removed", "routes", routes, "rules", rules)
	}
	return errors.Join(errs...)
}

// cleanAddress decides about an address of ours that is there at the start. An
// owner's own address stays; that it is the last one of the interface or the
// source of adverts was found by the check of the machine already.
func (d *Daemon) cleanAddress(v *keepalived.Instance, p netlink.Address) error {
	left := p.Leftover()
	if !left && v.Priority == vrrp.PriorityOwner {
		return nil
	}
	if err := d.conn.RemoveAddress(p); err != nil {
		return fmt.Errorf("%s: left-over address: %w", v.Name, err)
	}
	why := "a vipd that ended without removing it"
	if !left {
		why = "there for good: a leftover of keepalived, or a mistake"
	}
	d.log.Warn("left-over address removed", "instance", v.Name, "address", p.Prefix.String(), "reason", why)
	return nil
}

// promote makes interfaces keep a node's own address when a VIP of the same
// subnet ends: the kernel would take it along where the VIP came first.
func (d *Daemon) promote(plans []*plan) error {
	var errs []error
	done := map[string]bool{}
	for _, p := range plans {
		for _, a := range p.addresses() {
			if done[a.Dev] || !a.Addr().Is4() || !p.PromoteSecondaries && !d.sharesSubnet(a) {
				continue
			}
			done[a.Dev] = true
			l, ok := d.links.named(a.Dev)
			if !ok || l.PromoteSecondaries {
				continue
			}
			if err := d.conn.SetPromoteSecondaries(a.Dev, true); err != nil {
				errs = append(errs, err)
				continue
			}
			d.log.Info("promote_secondaries set: other addresses of a subnet outlive the VIP", "interface", a.Dev, "instance", p.Name)
		}
	}
	if err := errors.Join(errs...); err != nil {
		d.log.Warn("promote_secondaries: the end of a VIP may take other addresses of its subnet along", "err", err)
	}
	return nil
}

// sharesSubnet reports whether an address is in a subnet of its interface.
func (d *Daemon) sharesSubnet(a keepalived.Address) bool {
	l, ok := d.links.named(a.Dev)
	if !ok {
		return false
	}
	for _, o := range d.links.addrs[l.Index] {
		if o.Prefix.Addr() != a.Addr() && o.Prefix.Addr().Is4() && o.Prefix.Masked() == a.Prefix.Masked() {
			return true
		}
	}
	return false
}

// staticThings are the static addresses, routes and rules: there as long as
// vipd runs.
type staticThings struct {
	holder *netlink.Holder
	routes []keepalived.Route
	rules  []keepalived.Rule
}

// set brings the static things to a configuration. One that the kernel refuses
// does not keep VRRP from running.
func (s *staticThings) set(d *Daemon, cfg *keepalived.Config) error {
	if s.holder == nil {
		s.holder = d.conn.Hold(0)
	}
	routes, rules := slices.Clone(cfg.StaticRoutes), slices.Clone(cfg.StaticRules)
	var errs []error
	for i := range routes {
		errs = append(errs, resolveTable(&routes[i].Table))
	}
	for i := range rules {
		errs = append(errs, resolveTable(&rules[i].Table))
	}
	if !same(s.routes, routes) {
		errs = append(errs, d.conn.RemoveRoutes(s.routes))
	}
	if !same(s.rules, rules) {
		errs = append(errs, d.conn.RemoveRules(s.rules))
	}
	_, err := s.holder.Apply(cfg.StaticAddresses)
	errs = append(errs, err)
	if !same(s.routes, routes) {
		errs = append(errs, d.conn.AddRoutes(routes))
	}
	if !same(s.rules, rules) {
		errs = append(errs, d.conn.AddRules(rules))
	}
	s.routes, s.rules = routes, rules
	if err := errors.Join(errs...); err != nil {
		d.log.Error("static addresses, routes and rules", "err", err)
	}
	return nil
}

// remove takes the static things away at the end.
func (s *staticThings) remove(d *Daemon) {
	if s.holder == nil {
		return
	}
	err := errors.Join(d.conn.RemoveRules(s.rules), d.conn.RemoveRoutes(s.routes), s.holder.Remove())
	if err != nil {
		d.log.Warn("static addresses, routes and rules not removed", "err", err)
	}
}
