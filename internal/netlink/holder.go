package netlink

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
	"golang.org/x/sys/unix"
)

// Holder holds the addresses of one instance on this node. It belongs to one
// goroutine. It touches only addresses that it added itself.
type Holder struct {
	c        *Conn
	lifetime time.Duration // 0: for ever
	held     []held
	until    time.Duration // when the kernel takes them away, at the earliest

	now func() time.Duration // [Now], but in tests
}

// held is one address, on the interface that it is for. Two are equal if they
// are the same to the kernel, with the same options: a has no place in a file.
type held struct {
	a     keepalived.Address
	index int
}

type heldSet map[held]bool

func setOf(list []held) heldSet {
	set := make(heldSet, len(list))
	for _, t := range list {
		set[t] = true
	}
	return set
}

// Hold returns a Holder that holds nothing yet. Its addresses live for
// lifetime (whole seconds; the kernel takes up to half a second longer) unless
// they are renewed; 0 is for ever.
func (c *Conn) Hold(lifetime time.Duration) *Holder {
	return &Holder{c: c, lifetime: lifetime, now: Now}
}

// Result says what [Holder.Apply] did.
type Result struct {
	Added   []netip.Prefix // not there before, or left behind by a process that is gone
	Removed []netip.Prefix // held, but no longer wanted
	// Kept are addresses that were there for good, put there by somebody else.
	// They are left as they are and not held.
	Kept []netip.Prefix
}

// Held returns the addresses that are held.
func (h *Holder) Held() []netip.Prefix {
	out := make([]netip.Prefix, len(h.held))
	for i := range h.held {
		out[i] = h.held[i].a.Prefix
	}
	return out
}

// Apply makes want what is held: it removes what is held and not wanted, adds
// what is missing and renews the rest, all in one call to the kernel. An
// address with our mark or a finite lifetime that another process left behind
// is replaced. The error joins an [OpError] for each address that failed; the
// others are done.
func (h *Holder) Apply(want []keepalived.Address) (Result, error) {
	h.expire()
	var res Result
	todo, err := h.c.locate(want)
	errs := []error{err, h.removeOthers(want, &res)}
	had, since := setOf(h.held), h.now()
	answers, err := h.c.newAddresses(todo, h.lifetime, func(t *held) uint16 {
		if had[*t] {
			return unix.NLM_F_CREATE | unix.NLM_F_REPLACE
		}
		return unix.NLM_F_CREATE | unix.NLM_F_EXCL
	}, nil)
	if err != nil {
		return res, errors.Join(append(errs, err)...)
	}
	var present []held // there already, and not by us
	for i, ans := range answers {
		switch {
		case ans.err == nil && !had[todo[i]]:
			h.added(todo[i], &res)
		case ans.err == unix.EEXIST:
			present = append(present, todo[i])
		case ans.err != nil:
			errs = append(errs, opError("add", &todo[i], ans))
		}
	}
	errs = append(errs, h.takeOver(present, &res))
	h.until = since + h.lifetime
	return res, errors.Join(errs...)
}

func (h *Holder) added(t held, res *Result) {
	h.held = append(h.held, t)
	res.Added = append(res.Added, t.a.Prefix)
}

// Refresh renews every held address, in one call to the kernel. It does
// nothing and returns [ErrLate] if before, or the end of their lifetime, has
// gone by; if that happens during the call, all are removed again and ErrLate
// is returned. Without a lifetime there is nothing to do.
func (h *Holder) Refresh(before time.Duration) error {
	if h.lifetime == 0 || len(h.held) == 0 {
		return nil
	}
	deadline := min(before, h.until)
	alive := func() bool { return h.now() < deadline }
	since := h.now()
	answers, err := h.c.newAddresses(h.held, h.lifetime, func(*held) uint16 { return unix.NLM_F_CREATE | unix.NLM_F_REPLACE }, alive)
	if err == nil && !alive() {
		err = ErrLate // stopped between the last look at the clock and the call
	}
	if err != nil {
		if errors.Is(err, ErrLate) {
			return errors.Join(err, h.Remove())
		}
		return err
	}
	h.until = since + h.lifetime
	var errs []error
	for i, ans := range answers {
		if ans.err != nil {
			errs = append(errs, opError("renew", &h.held[i], ans))
		}
	}
	return errors.Join(errs...)
}

// Remove takes every held address away. One that is gone already is no error.
func (h *Holder) Remove() error { return h.remove(slices.Clone(h.held)) }

// Lost tells the Holder that an address is said to be gone, and reports whether
// that is so and it was held. The address is then no longer renewed: who
// removed it may add it for good. The kernel is asked, since such news also
// comes of removals of our own, after which the address may be back already.
func (h *Holder) Lost(index int, a netip.Addr) bool {
	gone, err := h.forgetGone(func(t *held) bool { return t.index == index && t.a.Addr() == a })
	return err == nil && len(gone) > 0
}

// Duplicate takes an address away of which the kernel has found that another
// node has it (see [Address.DADFailed]), and reports whether it was held. The
// next Apply adds it anew, and the kernel looks anew.
func (h *Holder) Duplicate(index int, a netip.Addr) (bool, error) {
	i := slices.IndexFunc(h.held, func(t held) bool { return t.index == index && t.a.Addr() == a })
	if i < 0 {
		return false, nil
	}
	return true, h.remove([]held{h.held[i]})
}

// Check asks the kernel which of the held addresses are gone, or have become
// somebody else's, and holds them no longer. It is for when news may have been
// missed, see [Synced].
func (h *Holder) Check() (gone []netip.Addr, err error) {
	return h.forgetGone(func(*held) bool { return true })
}

// forgetGone looks for those held addresses that which chooses.
func (h *Holder) forgetGone(which func(*held) bool) (gone []netip.Addr, err error) {
	if !slices.ContainsFunc(h.held, func(t held) bool { return which(&t) }) {
		return nil, nil
	}
	all, err := h.c.Addresses()
	if err != nil {
		return nil, err
	}
	h.held = slices.DeleteFunc(h.held, func(t held) bool {
		if !which(&t) || slices.ContainsFunc(all, func(a Address) bool { return h.stillOurs(&t, a) }) {
			return false
		}
		gone = append(gone, t.a.Addr())
		return true
	})
	return gone, nil
}

// stillOurs reports whether a is a held address as we added it: with our mark,
// or on a kernel without marks with the end, or none, that we gave it.
func (h *Holder) stillOurs(t *held, a Address) bool {
	return a.Index == t.index && a.Prefix.Addr() == t.a.Addr() && a.matches(&t.a) &&
		(a.Tagged() || a.Permanent() == (h.lifetime == 0))
}

// expire forgets addresses whose lifetime has gone by: the kernel has taken
// them away or is about to.
func (h *Holder) expire() {
	if h.lifetime > 0 && len(h.held) > 0 && h.now() >= h.until {
		h.held = nil
	}
}

// removeOthers removes what is held and not wanted.
func (h *Holder) removeOthers(want []keepalived.Address, res *Result) error {
	wanted := make(map[keepalived.Address]bool, len(want))
	for _, a := range want {
		wanted[unplaced(a)] = true
	}
	var others []held
	for _, t := range h.held {
		if !wanted[t.a] {
			others = append(others, t)
			res.Removed = append(res.Removed, t.a.Prefix)
		}
	}
	return h.remove(others)
}

func unplaced(a keepalived.Address) keepalived.Address {
	a.Pos = diag.Pos{}
	return a
}

// remove takes some of the held addresses away.
func (h *Holder) remove(list []held) error {
	if len(list) == 0 {
		return nil
	}
	m := &h.c.out
	m.reset()
	for i := range list {
		m.delAddress(&list[i].a, list[i].index)
	}
	answers, err := h.c.send(nil)
	if err != nil {
		return err
	}
	var errs []error
	removed := make(heldSet, len(list))
	for i, ans := range answers {
		if ans.err != nil && !gone(ans.err) {
			errs = append(errs, opError("remove", &list[i], ans))
			continue
		}
		removed[list[i]] = true
	}
	h.held = slices.DeleteFunc(h.held, func(t held) bool { return removed[t] })
	return errors.Join(errs...)
}

// takeOver looks at addresses that the kernel has already: those of vipd or
// with an end are replaced, those that are there for good are kept.
func (h *Holder) takeOver(list []held, res *Result) error {
	if len(list) == 0 {
		return nil
	}
	all, err := h.c.Addresses()
	if err != nil {
		return err
	}
	var ours []held
	for _, t := range list {
		i := slices.IndexFunc(all, func(a Address) bool { return a.Index == t.index && a.Prefix.Addr() == t.a.Addr() && a.matches(&t.a) })
		if i >= 0 && !all[i].Leftover() {
			res.Kept = append(res.Kept, t.a.Prefix)
			continue
		}
		if i >= 0 {
			if err := h.c.RemoveAddress(all[i]); err != nil {
				return err
			}
		}
		ours = append(ours, t)
	}
	answers, err := h.c.newAddresses(ours, h.lifetime, func(*held) uint16 { return unix.NLM_F_CREATE | unix.NLM_F_EXCL }, nil)
	if err != nil {
		return err
	}
	var errs []error
	for i, ans := range answers {
		if ans.err != nil {
			errs = append(errs, opError("add", &ours[i], ans))
			continue
		}
		h.added(ours[i], res)
	}
	return errors.Join(errs...)
}

// matches reports whether the kernel takes want for the address a: IPv6 looks
// at the address alone, IPv4 at the length too.
func (a Address) matches(want *keepalived.Address) bool {
	if want.Addr().Is6() {
		return true
	}
	bits, has := want.Prefix.Bits(), a.Prefix.Bits()
	if want.Peer.IsValid() {
		bits = want.Peer.Bits()
	}
	if a.Peer.IsValid() {
		has = a.Peer.Bits()
	}
	return bits == has
}

// locate finds the interface of each address.
func (c *Conn) locate(want []keepalived.Address) ([]held, error) {
	var errs []error
	out := make([]held, 0, len(want))
	indexes := map[string]int{}
	for _, a := range want {
		index, known := indexes[a.Dev]
		if !known {
			index, _ = c.Index(a.Dev)
			indexes[a.Dev] = index
		}
		t := held{unplaced(a), index}
		if index == 0 {
			errs = append(errs, opError("add", &t, answer{err: ErrNoInterface}))
			continue
		}
		out = append(out, t)
	}
	return out, errors.Join(errs...)
}

// newAddresses sends one message for each address.
func (c *Conn) newAddresses(list []held, lifetime time.Duration, flags func(*held) uint16, alive func() bool) ([]answer, error) {
	c.out.reset()
	for i := range list {
		c.out.newAddress(flags(&list[i]), &list[i].a, list[i].index, lifetime)
	}
	return c.send(alive)
}

func opError(op string, t *held, ans answer) *OpError {
	return &OpError{Op: op, What: fmt.Sprintf("%v dev %s", t.a.Prefix, t.a.Dev), Err: ans.err, Said: ans.said}
}
