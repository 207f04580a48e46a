package health

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Guard bounds how many of some sites may be out at the same time. Failed
// checks take sites out in the order of time until the bound is reached; the
// later ones stay in.
type Guard struct {
	Number int      // by which [Snapshot.Kept] is asked
	Name   string   // of its policy, for people
	Sites  []string // under it
	// Ways are the overridable targets on each way from the policy to a site:
	// when each way has one that is drained or forced down, the site is out.
	Ways       map[string][][]Target
	MinSites   int // so many stay in; 0: no bound
	MaxRemoved int // percent of the sites that may be out; 100: no bound
}

// Allowed returns how many of n sites may be out.
func (g Guard) Allowed(n int) int {
	return max(0, min(n-g.MinSites, n*g.MaxRemoved/100))
}

// Bounds reports whether a family is bounded that n of the sites have, when most
// have the other one or it. One that so few have that none of them could be out
// is not: they would have to stay in for the clients of the other family too, and
// when all of them are down, all_down serves them anyhow.
func (g Guard) Bounds(n, most int) bool { return n > 0 && (g.Allowed(n) > 0 || n >= most) }

// SetGuards gives the board the guards; it keeps the list.
func (b *Board) SetGuards(guards []Guard) {
	b.guards = guards
	b.kept = nil
}

// keeping is what one guard does about one site.
type keeping struct {
	guard int // number
	site  string
}

// out is a site that is out in one family, or would be.
type out struct {
	site  string
	human bool
	held  bool // it works, but is held back after a failure
	since time.Time
}

// rank orders those that are out: people decide first; of the others those
// that fail go before those that are only held back, which are the better ones
// to have in.
func (o out) rank() int {
	switch {
	case o.human:
		return 0
	case o.held:
		return 2
	}
	return 1
}

// standing is how a guard stands in one family.
type standing struct {
	sites   int   // with addresses of the family
	allowed int   // of them that may be out
	out     []out // those taken out by people, then those that fail, then those held back, in order of time
}

// carried returns those that are taken out, and those that fail and are kept.
func (s standing) carried() (gone, kept []out) {
	for _, o := range s.out {
		if o.human || len(gone) < s.allowed {
			gone = append(gone, o)
		} else {
			kept = append(kept, o)
		}
	}
	return gone, kept
}

// standings returns how a guard stands in each family that it bounds.
func (b *Board) standings(g Guard, addrs map[string][]Subject, now time.Time) []standing {
	var all []standing
	for _, v6 := range []bool{false, true} {
		var st standing
		for _, site := range g.Sites {
			list := slices.DeleteFunc(slices.Clone(addrs[site]), func(s Subject) bool { return s.Addr.IsValid() && s.Addr.Is6() != v6 })
			if len(list) == 0 {
				continue
			}
			st.sites++
			if b.cut(g, site, now) {
				st.out = append(st.out, out{site: site, human: true})
			} else if o, is := b.outOf(site, list, now); is {
				st.out = append(st.out, o)
			} else if back := b.fallen[family{site, v6}]; back.holding && (b.Limit(Target{Site: site}, now).Forced != ForcedUp) {
				st.out = append(st.out, out{site: site, held: true, since: back.since})
			}
		}
		slices.SortStableFunc(st.out, func(a, b out) int {
			return cmp.Or(a.rank()-b.rank(), a.since.Compare(b.since), strings.Compare(a.site, b.site))
		})
		st.allowed = g.Allowed(st.sites)
		all = append(all, st)
	}
	most := max(all[0].sites, all[1].sites)
	return slices.DeleteFunc(all, func(st standing) bool { return !g.Bounds(st.sites, most) })
}

// outOf reports whether a site is out, given its addresses of one family. One
// that is being drained by degrees counts from the beginning.
func (b *Board) outOf(site string, addrs []Subject, now time.Time) (out, bool) {
	whole := b.Limit(Target{Site: site}, now)
	if b.leaves(Target{Site: site}, now) {
		return out{site: site, human: true}, true
	}
	o := out{site: site, human: true}
	for _, s := range addrs {
		l := b.Limit(s.Target(), now)
		if b.leaves(s.Target(), now) {
			continue
		}
		j := b.Judge(s)
		if j.Up || l.Forced == ForcedUp || whole.Forced == ForcedUp {
			return out{}, false
		}
		o.human = false
		if j.Since.After(o.since) {
			o.since = j.Since
		}
	}
	return o, true
}

// leaves reports whether an operator has taken a target out, or is about to.
func (b *Board) leaves(t Target, now time.Time) bool {
	if b.Limit(t, now).Forced == ForcedDown {
		return true
	}
	o, ok := b.overrides[overrideKey{t, false}]
	return ok && o.Kind == Drain && !o.over(now)
}

// cut reports whether people have drained or forced down a target on each way
// from the policy of a guard to a site.
func (b *Board) cut(g Guard, site string, now time.Time) bool {
	ways := g.Ways[site]
	for _, way := range ways {
		if !slices.ContainsFunc(way, func(t Target) bool { return b.leaves(t, now) }) {
			return false
		}
	}
	return len(ways) > 0
}

// addressesOf returns the addresses of each site; of one without, the site as a
// whole.
func addressesOf(subjects []Subject) map[string][]Subject {
	out := map[string][]Subject{}
	for _, s := range subjects {
		if s.Policy == "" && s.Addr.IsValid() {
			out[s.Site] = append(out[s.Site], s)
		}
	}
	for _, s := range subjects {
		if s.Policy == "" && len(out[s.Site]) == 0 {
			out[s.Site] = []Subject{s}
		}
	}
	return out
}

// guard works out anew what the guards keep in.
func (b *Board) guard(subjects []Subject, now time.Time) (events []Event) {
	if len(b.guards) == 0 {
		b.kept = nil
		return nil
	}
	addrs := addressesOf(subjects)
	kept := map[keeping]bool{}
	for _, g := range b.guards {
		for _, st := range b.standings(g, addrs, now) {
			_, in := st.carried()
			for _, o := range in {
				if o.held {
					events = append(events, b.letInEarly(g, st, o, addrs, now)...)
					continue
				}
				k := keeping{g.Number, o.site}
				if !kept[k] && !b.kept[k] {
					events = append(events, Event{now, Target{Site: o.site}, "down", "kept in",
						fmt.Sprintf("the guard of policy %s keeps it in service although its checks fail: only %d of %d sites may be out", g.Name, st.allowed, st.sites)})
				}
				kept[k] = true
			}
		}
		for _, site := range g.Sites {
			if k := (keeping{g.Number, site}); b.kept[k] && !kept[k] {
				events = append(events, Event{now, Target{Site: site}, "kept in", "as checked", "the guard of policy " + g.Name + " no longer keeps it"})
			}
		}
	}
	b.kept = kept
	return events
}

// letInEarly ends the hold of a site that a guard cannot do without.
func (b *Board) letInEarly(g Guard, st standing, o out, addrs map[string][]Subject, now time.Time) []Event {
	for _, v6 := range []bool{false, true} {
		if f := (family{o.site, v6}); b.fallen[f].holding && b.fallen[f].since.Equal(o.since) {
			b.letIn(f, b.upIn(f, addrs[o.site]), now)
		}
	}
	return []Event{{now, Target{Site: o.site}, "held back", "in service",
		fmt.Sprintf("the guard of policy %s lets it in: only %d of %d sites may be out", g.Name, st.allowed, st.sites)}}
}

// KeptBy returns the names of the policies whose guards keep a site in.
func (b *Board) KeptBy(site string) []string {
	var names []string
	for _, g := range b.guards {
		if b.kept[keeping{g.Number, site}] {
			names = append(names, g.Name)
		}
	}
	return names
}

// Guards returns the guards.
func (b *Board) Guards() []Guard { return b.guards }

// Forbids says which guard would be broken if t were drained or forced down
// now, and why, or "". Taking out what is out already breaks nothing.
func (b *Board) Forbids(t Target, subjects []Subject, now time.Time) string {
	addrs := addressesOf(subjects)
	trial := *b
	trial.overrides = maps.Clone(b.overrides)
	trial.overrides[overrideKey{t, true}] = Override{Kind: Force, Forced: ForcedDown}
	for _, g := range b.guards {
		before, after := b.standings(g, addrs, now), trial.standings(g, addrs, now)
		for i := range after {
			gone, _ := before[i].carried()
			// Those that are only held back would be let in.
			all := slices.DeleteFunc(slices.Clone(after[i].out), func(o out) bool { return o.held })
			more := slices.ContainsFunc(all, func(o out) bool { return o.human && !isOut(gone, o.site) })
			if more && len(all) > after[i].allowed {
				return fmt.Sprintf("the guard of policy %s lets %d of %d sites be out, and with %s it would be %s",
					g.Name, after[i].allowed, after[i].sites, t, names(all))
			}
		}
	}
	return ""
}

// isOut reports whether a site is among those out.
func isOut(list []out, site string) bool {
	return slices.ContainsFunc(list, func(o out) bool { return o.site == site })
}

func names(list []out) string {
	var s []string
	for _, o := range list {
		s = append(s, o.site)
	}
	slices.Sort(s)
	return strings.Join(s, ", ")
}
