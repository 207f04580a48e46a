package vipd

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/geodns-vipd/geodns/internal/machine"
	"github.com/geodns-vipd/geodns/internal/netlink"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// addresses is what an instance brings up on this node: addresses with a
// lifetime, and the routes and rules that go with them. It belongs to the
// goroutine of the instance; only renewals run beside it.
type addresses struct {
	want   []keepalived.Address
	routes []keepalived.Route
	rules  []keepalived.Rule
	active bool
	placed placed // routes and rules that were added

	renewals renewals
	mu       sync.Mutex // guards what follows
	conn     *netlink.Conn
	holder   *netlink.Holder
	life     uint64 // counts how often the addresses were added or removed
}

type placed struct {
	routes []keepalived.Route
	rules  []keepalived.Rule
}

// newAddresses returns the addresses of an instance; nothing is added yet.
func newAddresses(p *plan) (*addresses, error) {
	conn, err := netlink.Open()
	if err != nil {
		return nil, err
	}
	a := &addresses{conn: conn, holder: conn.Hold(vrrp.AddressLifetime)}
	return a, a.plan(p)
}

// plan says what is to be there from the next add on.
func (a *addresses) plan(p *plan) error {
	var errs []error
	a.want = p.addresses()
	a.routes, a.rules = nil, nil
	for _, r := range p.Routes {
		errs = append(errs, resolveTable(&r.Table))
		a.routes = append(a.routes, r)
	}
	for _, r := range p.Rules {
		errs = append(errs, resolveTable(&r.Table))
		a.rules = append(a.rules, r)
	}
	return errors.Join(errs...)
}

// resolveTable turns a name of /etc/iproute2/rt_tables into its number.
func resolveTable(t *keepalived.Table) error {
	if t.Name == "" {
		return nil
	}
	id, ok := machine.TableID(t.Name)
	if !ok {
		return fmt.Errorf("there is no routing table %s", t.Name)
	}
	*t = keepalived.Table{ID: id}
	return nil
}

// add brings everything up, and returns the addresses that are not there after
// it.
func (a *addresses) add() (missing []netip.Addr, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.active = true
	a.life++
	errs := []error{a.clearRoutes(false)}
	res, err := a.holder.Apply(a.want)
	errs = append(errs, err, a.conn.AddRoutes(a.routes), a.conn.AddRules(a.rules))
	a.placed = placed{a.routes, a.rules}
	there := append(a.holder.Held(), res.Kept...)
	for _, w := range a.want {
		if !slices.Contains(there, w.Prefix) {
			missing = append(missing, w.Addr())
		}
	}
	return missing, errors.Join(errs...)
}

// clearRoutes removes routes and rules that were added: all, or those that are
// no longer wanted.
func (a *addresses) clearRoutes(all bool) error {
	routes, rules := a.placed.routes, a.placed.rules
	if !all {
		routes = slices.DeleteFunc(slices.Clone(routes), func(r keepalived.Route) bool {
			return slices.ContainsFunc(a.routes, func(o keepalived.Route) bool { return same(r, o) })
		})
		rules = slices.DeleteFunc(slices.Clone(rules), func(r keepalived.Rule) bool {
			return slices.ContainsFunc(a.rules, func(o keepalived.Rule) bool { return same(r, o) })
		})
	}
	return errors.Join(a.conn.RemoveRules(rules), a.conn.RemoveRoutes(routes))
}

// refresh orders that the lifetimes be renewed, and does not wait for it. failed
// is told on another goroutine what went wrong, [netlink.ErrLate] if they had
// ended, unless the addresses were added anew or removed meanwhile.
func (a *addresses) refresh(before time.Duration, failed func(life uint64, err error)) {
	a.renewals.order(renewal{before, a.life}, func(r renewal) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if r.life != a.life {
			return
		}
		if err := a.holder.Refresh(r.before); err != nil {
			failed(r.life, err)
		}
	})
}

// remove takes everything down.
func (a *addresses) remove() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.active && len(a.holder.Held()) == 0 {
		return nil
	}
	a.active = false
	a.life++
	// The addresses first: it is they that must not be on two nodes.
	err := a.holder.Remove()
	err = errors.Join(err, a.clearRoutes(true))
	a.placed = placed{}
	return err
}

// lost tells that an address is gone, and reports whether that matters. News of
// other addresses do not make it wait for a renewal.
func (a *addresses) lost(index int, addr netip.Addr) bool {
	if !a.wanted(addr) {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.holder.Lost(index, addr) && a.tracked(addr)
}

// check returns the addresses that are gone and matter.
func (a *addresses) check() ([]netip.Addr, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	gone, err := a.holder.Check()
	return slices.DeleteFunc(gone, func(addr netip.Addr) bool { return !a.tracked(addr) }), err
}

// duplicate removes an address that another node on the link has too, and
// reports whether it was held.
func (a *addresses) duplicate(index int, addr netip.Addr) (held bool, err error) {
	if !a.wanted(addr) {
		return false, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.holder.Duplicate(index, addr)
}

func (a *addresses) wanted(addr netip.Addr) bool {
	return slices.ContainsFunc(a.want, func(w keepalived.Address) bool { return w.Addr() == addr })
}

// tracked reports whether it matters that an address is gone.
func (a *addresses) tracked(addr netip.Addr) bool {
	return !slices.ContainsFunc(a.want, func(w keepalived.Address) bool { return w.Addr() == addr && w.NoTrack })
}

func (a *addresses) close() {
	a.renewals.wait()
	a.conn.Close()
}
