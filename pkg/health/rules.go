package health

import "time"

// Rules are what a site says about how it comes back.
type Rules struct {
	// SlowStart is the time over which a site gets its clients back after a
	// failure or a drain; 0: at once.
	SlowStart time.Duration
}

// SetRules gives the board the rules of the sites, by name; a site without has
// the zero ones. The board keeps the map.
func (b *Board) SetRules(rules map[string]Rules) { b.rules = rules }

// Rules returns those of a site.
func (b *Board) Rules(site string) Rules { return b.rules[site] }

// Settle does what has become due with time, and returns it as events in
// order.
func (b *Board) Settle(now time.Time) []Event { return b.expire(now) }

// Next returns the next moment after now at which [Board.Settle] has something
// to do or the snapshot changes by itself, and false if there is none.
func (b *Board) Next(now time.Time) (at time.Time, found bool) {
	for _, o := range b.overrides {
		if t, ok := o.Next(now); ok && (!found || t.Before(at)) {
			at, found = t, true
		}
	}
	return at, found
}
