package health

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Target is what an operator overrides: an address of a site, or with an
// invalid Addr the site as a whole; with Policy set, the target named Site (a
// site or a policy) of that policy alone.
type Target struct {
	Policy string
	Site   string
	Addr   netip.Addr
}

// String returns "fra", "fra 192.0.2.1" or "fra in policy web".
func (t Target) String() string {
	s := t.Site
	if t.Addr.IsValid() {
		s += " " + t.Addr.String()
	}
	if t.Policy != "" {
		s += " in policy " + t.Policy
	}
	return s
}

// Compare orders targets by policy, site and address.
func (t Target) Compare(o Target) int {
	return cmp.Or(strings.Compare(t.Policy, o.Policy), strings.Compare(t.Site, o.Site), t.Addr.Compare(o.Addr))
}

// Kind says what an override does.
type Kind uint8

// Kinds of overrides. A target may have a force, and beside it a drain or a
// return.
const (
	Drain  Kind = iota // its share goes to nothing
	Return             // its share comes back after a drain; ends by itself
	Force              // Forced decides in place of the checks
)

// String returns "drain", "return" or "force".
func (k Kind) String() string { return [...]string{"drain", "return", "force"}[k] }

// Override is what an operator has decided about a target.
type Override struct {
	Kind   Kind
	Forced Forced    // of a Force
	Ramp   Ramp      // of a Drain or Return
	Until  time.Time // when it ends by itself; zero: when it is taken back
	Set    time.Time
	Who    string // who decided
	Reason string // what they said; may be ""
}

// over reports whether an override has ended by itself.
func (o Override) over(now time.Time) bool {
	if o.Kind == Return && !o.Ramp.End().After(now) {
		return true
	}
	return !o.Until.IsZero() && !o.Until.After(now)
}

// Next returns the next moment after now at which the override changes
// anything by itself, and false if there is none.
func (o Override) Next(now time.Time) (time.Time, bool) {
	at, found := time.Time{}, false
	if o.Kind != Force {
		at, found = o.Ramp.Next(now)
	}
	if !o.Until.IsZero() && o.Until.After(now) && (!found || o.Until.Before(at)) {
		at, found = o.Until, true
	}
	return at, found
}

// Limit is what the overrides of a target amount to at one moment. Unlimited
// is the one that changes nothing; the zero value drains.
type Limit struct {
	Forced Forced
	Share  uint16 // part of its clients that it may have; 0 drains it
}

// Unlimited is the limit that changes nothing.
var Unlimited = Limit{Share: FullShare}

// Bounds of overrides.
const (
	MaxOverrides = 1000
	MaxReason    = 256                  // octets
	MaxOver      = 24 * time.Hour       // of a ramp
	MaxFor       = 366 * 24 * time.Hour // of an override that ends by itself
)

// ErrTooMany says that there are [MaxOverrides] already.
var ErrTooMany = errors.New("there are 1000 overrides already: take some back")

// Order is a decision of an operator.
type Order struct {
	For    time.Duration // how long it holds; 0: until it is taken back
	Over   time.Duration // by degrees over this time; 0: at once
	Who    string
	Reason string
}

func (o Order) until(now time.Time) time.Time {
	if o.For <= 0 {
		return time.Time{}
	}
	return now.Add(o.For)
}

// overrideKey is where an override is kept: a target has two places.
type overrideKey struct {
	target Target
	force  bool
}

// overrides are those in force. The zero value is not ready for use.
type overrides map[overrideKey]Override

// put sets an override in the place of an earlier one.
func (os overrides) put(t Target, o Override) error {
	key := overrideKey{t, o.Kind == Force}
	if _, there := os[key]; !there && len(os) >= MaxOverrides {
		return ErrTooMany
	}
	os[key] = o
	return nil
}

// limit returns what the overrides of t amount to.
func (os overrides) limit(t Target, now time.Time) Limit {
	l := Unlimited
	if len(os) == 0 {
		return l
	}
	if o, ok := os[overrideKey{t, true}]; ok && !o.over(now) {
		l.Forced = o.Forced
	}
	if o, ok := os[overrideKey{t, false}]; ok && !o.over(now) {
		l.Share = o.Ramp.At(now)
	}
	return l
}

// keys returns the places in use, in order.
func (os overrides) keys() []overrideKey {
	keys := make([]overrideKey, 0, len(os))
	for k := range os {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b overrideKey) int {
		if c := a.target.Compare(b.target); c != 0 || a.force == b.force {
			return c
		}
		if a.force {
			return 1
		}
		return -1
	})
	return keys
}
