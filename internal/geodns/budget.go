package geodns

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/policy"
	"github.com/geodns-vipd/geodns/pkg/steering"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// slowest is the site of a policy whose failure is known last.
type slowest struct {
	site    string
	found   steering.Detection
	watched bool // false: nothing would tell
}

// slowestOf returns the slowest site of a policy. One without a check is the
// slowest of all.
func (g *generation) slowestOf(spec *policy.Spec) slowest {
	if known, ok := g.slowest[spec]; ok {
		return known
	}
	if g.detections == nil {
		g.detections, g.slowest = map[string]slowest{}, map[*policy.Spec]slowest{}
		for i := range g.config.Sites {
			s := &g.config.Sites[i]
			d, watched := g.config.Detection(s)
			g.detections[s.Name] = slowest{s.Name, d, watched}
		}
	}
	var out slowest
	for i, name := range sitesOf(spec) {
		d := g.detections[name]
		if i == 0 || out.watched && (!d.watched || d.found.Within() > out.found.Within()) {
			out = d
		}
	}
	g.slowest[spec] = out
	return out
}

// within returns the time until clients avoid a dead site, with the longest
// TTL of a record.
func (s slowest) within(steer *zone.Steer) time.Duration {
	return s.found.Within() + time.Duration(steer.TTL)*time.Second
}

// sum writes out what within adds up.
func (s slowest) sum(steer *zone.Steer) string {
	return fmt.Sprintf("%s of check %s + TTL %v", s.found, s.found.Check, time.Duration(steer.TTL)*time.Second)
}

// checkBudgets reports whether every policy that a record comes to keeps its
// budget. A guard that takes out no site at all makes any budget impossible;
// with one that takes out some it holds for those, since a guard that speaks is
// not the failure of one site.
func (g *generation) checkBudgets(steer *zone.Steer, root *policy.Policy, list *diag.List) bool {
	ok := true
	for spec := range nodes(root.Spec()) {
		if spec.Budget == 0 {
			continue
		}
		worst := g.slowestOf(spec)
		guard, frozen := frozen(g.guardings(root, spec))
		switch {
		case worst.site == "":
		case !worst.watched:
			list.Errorf(steer.Pos, "a check of site "+worst.site+", or no budget",
				"clients of %s never avoid a dead %s, and the budget of policy %s is %v", steer.Owner, worst.site, spec, spec.Budget)
			ok = false
		case frozen:
			list.Errorf(steer.Pos, "a guard that lets a site be out, or no budget",
				"clients of %s are sent to a dead %s until a person acts, since the guard of policy %s %s, and the budget of policy %s is %v",
				steer.Owner, guard.site, guard.Policy, guard.lets(), spec, spec.Budget)
			ok = false
		case worst.within(steer) > spec.Budget:
			list.Errorf(steer.Pos, "a shorter TTL, interval or timeout, or a smaller fall",
				"clients of %s avoid a dead %s within %v (%s), and the budget of policy %s is %v",
				steer.Owner, worst.site, worst.within(steer), worst.sum(steer), spec, spec.Budget)
			ok = false
		}
	}
	return ok
}

// Failover says how long it takes at most until clients of some names avoid a
// dead site.
type Failover struct {
	Names    []string `json:"names"`
	Policy   string   `json:"policy"`
	Seconds  *float64 `json:"seconds"`  // null: never, or not until a person acts
	Site     string   `json:"site"`     // the slowest
	Check    string   `json:"check"`    // its slowest; "" if it has none
	Timeout  float64  `json:"timeout"`  // seconds
	Fall     int      `json:"fall"`     // failures in a row; successes of a check of which another is the opposite
	Interval float64  `json:"interval"` // seconds
	Stands   float64  `json:"stands"`   // seconds for which an old report stands
	TTL      uint32   `json:"ttl"`      // seconds
	Budget   float64  `json:"budget"`   // seconds; 0: none

	// Guards may keep a dead site in, until a person acts.
	Guards []Guarding `json:"guards"`

	within time.Duration
	sum    string
}

// Within says the time in words.
func (f *Failover) Within() string {
	if f.Seconds == nil {
		return "never"
	}
	return f.within.String()
}

// Why says what the time is made of.
func (f *Failover) Why() string {
	switch {
	case f.Seconds != nil:
		return f.Site + ": " + f.sum
	case f.Check == "":
		return f.Site + ": no check"
	}
	return f.Site + ": its guard keeps it in"
}

// Failovers returns the times of all steered names, the longest first; none if
// nothing is checked. Names of one policy with one TTL stand together.
func (l *Loaded) Failovers() []Failover {
	out := []Failover{}
	if len(l.targets) == 0 {
		return out
	}
	type group struct {
		policy *policy.Policy
		ttl    uint32
	}
	at := map[group]int{}
	for i, z := range l.Zones {
		for j := range z.Steers {
			s, p := &z.Steers[j], l.bound[i].Policies[j]
			key := group{p, s.TTL}
			n, met := at[key]
			if !met {
				n = len(out)
				at[key] = n
				out = append(out, l.failover(s, p))
			}
			out[n].Names = append(out[n].Names, s.Owner.String())
		}
	}
	for i := range out {
		slices.Sort(out[i].Names)
	}
	slices.SortFunc(out, func(a, b Failover) int {
		if (a.Seconds == nil) != (b.Seconds == nil) {
			return map[bool]int{true: -1, false: 1}[a.Seconds == nil]
		}
		return cmp.Or(cmp.Compare(b.within, a.within), strings.Compare(a.Names[0], b.Names[0]))
	})
	return out
}
