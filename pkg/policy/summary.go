package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// Bounds of a summary: it is one sentence.
const (
	summarySites  = 4  // named
	summaryOthers = 3  // of those that were passed over, with the reason
	summaryText   = 80 // runes of a rule or a policy in place
)

// because collects what a summary is made of, while sites are chosen.
type because struct {
	clauses []string // why each policy on the way took its target, the root first
	others  []string // what was passed over, or stands out, and why
	within  int      // above 0: below an all policy, which has said it
	strict  int32    // the node to which a last resort is bound; 0: to none
}

// follow chooses from a node that is up, and begins the account of it anew.
func (w *walk) follow(root int32) {
	if t := w.in.Trace; t != nil {
		t.because.clauses, t.because.others = t.because.clauses[:0], t.because.others[:0]
		if n := &w.p.nodes[root]; n.kind == KindSite {
			t.because.clauses = append(t.because.clauses, "the only site there is for the client")
		}
	}
	w.choose(root)
}

// tell notes why a node takes a target; picked is -1 of one that takes all.
func (w *walk) tell(at int32, picked int) {
	t := w.in.Trace
	if t == nil || t.because.within > 0 {
		return
	}
	n := &w.p.nodes[at]
	clause, passed := "", []int(nil)
	switch n.kind {
	case KindFailover:
		clause, passed = w.tellFailover(at, picked)
	case KindNearest:
		clause, passed = w.tellNearest(at, picked)
	case KindWeighted:
		clause, passed = w.tellWeighted(at, picked), w.downKids(n)
	case KindAll:
		passed = w.downKids(n)
		clause = "all " + w.ofThoseUp(len(n.kids)-len(passed)) + w.inside(at)
	case KindGeo:
		clause, passed = w.tellRule(at, picked)
	}
	t.because.clauses = append(t.because.clauses, clause)
	for _, i := range passed {
		if out := w.whyOut(n, i); !slices.Contains(t.because.others, out) {
			t.because.others = append(t.because.others, out)
		}
	}
}

// tellWithin goes below an all policy, by 1, or comes back, by -1.
func (w *walk) tellWithin(by int) {
	if t := w.in.Trace; t != nil {
		t.because.within += by
	}
}

// inside names the policy of a node; of the root it goes without saying.
func (w *walk) inside(at int32) string {
	if spec := w.p.nodes[at].spec; at != 0 && spec.Name != "" {
		return " in " + spec.Name
	}
	return ""
}

// ofThoseUp is a number of targets that are up; in a last resort that is not
// asked.
func (w *walk) ofThoseUp(n int) string {
	if w.lastResort() {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d that are up", n)
}

func (w *walk) tellFailover(at int32, picked int) (clause string, passed []int) {
	n := &w.p.nodes[at]
	for i := range picked {
		if w.judged[n.kids[i].node].verdict != up {
			passed = append(passed, i)
		}
	}
	switch {
	case w.judged[at].second:
		return fmt.Sprintf("the next choice%s, which has %g %% of the clients as a trickle", w.inside(at), n.spec.Trickle), passed
	case len(n.kids) == 1:
		return "the only choice" + w.inside(at), passed
	}
	return fmt.Sprintf("%s choice of %d%s", ordinal(picked+1), len(n.kids), w.inside(at)), passed
}

func (w *walk) tellNearest(at int32, picked int) (clause string, passed []int) {
	n := &w.p.nodes[at]
	nr := &w.p.near[n.near]
	for _, i := range w.class.orders[n.near] {
		if int(i) == picked {
			break
		}
		passed = append(passed, int(i))
	}
	in, ups := w.inside(at), w.countUp(n)
	place := placeOf(w.in.Trace.Place)
	if !place.known {
		return fmt.Sprintf("first as listed of %s%s, since nobody knows where the client is", w.ofThoseUp(ups), in), passed
	}
	km := place.to(w.p.sites, nr.sites[picked])
	far := fmt.Sprintf(" (%.0f km)", km)
	if n.spec.Targets[picked].Bias != 0 {
		far = fmt.Sprintf(" (%.0f km, with its bias %.0f)", km, km*nr.factor[picked])
	}
	switch {
	case len(n.kids) == 1:
		return "the only site" + in + far, passed
	case ups == 1 && !w.lastResort():
		return fmt.Sprintf("the only one of %d that is up%s%s", n.count(w.class), in, far), passed
	}
	return fmt.Sprintf("nearest of %s%s%s", w.ofThoseUp(ups), in, far), passed
}

// countUp returns how many candidates of a node are up, judged on the side.
func (w *walk) countUp(n *node) int {
	in, aside := *w.in, *w
	in.Trace = nil
	aside.in, aside.judged, aside.settled = &in, slices.Clone(w.judged), nil
	ups := 0
	for j := range n.count(w.class) {
		if aside.kid(n, n.candidate(w.class, j)) == up {
			ups++
		}
	}
	return ups
}

func (w *walk) tellWeighted(at int32, picked int) string {
	n := &w.p.nodes[at]
	sum, count, _, zero := w.contenders(n)
	what := w.ofThoseUp(count) + w.inside(at)
	if zero {
		what += ", all of weight 0"
	}
	switch {
	case len(n.kids) == 1:
		return "the only choice" + w.inside(at)
	case count == 1 && zero:
		return "of weight 0, but none with a weight is up" + w.inside(at)
	case count == 1 && len(w.downKids(n)) == len(n.kids)-1:
		return fmt.Sprintf("the only one of %d%s that is up", len(n.kids), w.inside(at))
	case count == 1:
		return fmt.Sprintf("the only one of %d%s that is up and has a weight", len(n.kids), w.inside(at))
	case n.spec.Sticky:
		return "the one that the hash of the client's network gives among " + what
	}
	return fmt.Sprintf("drawn with %.3g %% among %s", 100*float64(w.lot(&n.kids[picked], zero))/float64(sum), what)
}

func (w *walk) tellRule(at int32, picked int) (clause string, passed []int) {
	n := &w.p.nodes[at]
	for i := range picked {
		if w.class.rules.has(int(n.kids[i].rule)) {
			passed = append(passed, i)
		}
	}
	rule, of := w.p.rules[n.kids[picked].rule].rule, ""
	if n.spec.Name != "" {
		of = " of " + n.spec.Name
	}
	if !rule.Conditional() {
		return "by the rule for everyone else" + of, passed
	}
	return "by the rule " + cut(rule.Conditions()) + of, passed
}

// downKids returns the targets of a node that are not up.
func (w *walk) downKids(n *node) (out []int) {
	for i := range n.kids {
		if w.judged[n.kids[i].node].verdict != up {
			out = append(out, i)
		}
	}
	return out
}

// tellSite notes what makes a site that is chosen stand out.
func (w *walk) tellSite(n *node, lenient bool) {
	t := w.in.Trace
	if t == nil {
		return
	}
	s := w.p.sites.At(n.site)
	e := w.in.Health.At(s.ID)
	switch {
	case w.lastResort():
	case e.Forced == health.ForcedUp:
		t.because.others = append(t.because.others, saying(s.Name+" is forced up", " ", w.why(s.ID)))
	case lenient && w.lenient == 0 && n.guard != noGuard && w.kept(n, s):
		t.because.others = append(t.because.others, s.Name+"'s checks fail, and the guard of "+cut(w.guardName(n))+" keeps it in")
	}
}

// tellStrict notes that a strict rule ended the evaluation.
func (w *walk) tellStrict() {
	if t := w.in.Trace; t != nil {
		t.because.strict = w.strict
	}
}

// tellStay notes that a site keeps a client whom it would send on.
func (w *walk) tellStay(s *Site) {
	w.in.Trace.because.others = append(w.in.Trace.because.others,
		s.Name+" has more load than capacity, but no other site that is up has room for this client")
}

// summarize says in one sentence why the choice is what it is.
func (w *walk) summarize(names []string) string {
	why := &w.in.Trace.because
	slices.Reverse(why.clauses)
	clauses := strings.Join(why.clauses, ", ")
	var parts []string
	switch {
	case w.out.LastResort && w.out.Action == Fallback:
		parts = append([]string{"the ordinary records of the name: " + w.nothing() + ", and all_down is fallback"}, fewOf(w.whyNone())...)
	case w.out.LastResort && len(names) == 0 && w.p.spec.AllDown != Serve:
		parts = append([]string{"no site: " + w.nothing() + ", and all_down is " + w.p.spec.AllDown.String()}, fewOf(w.whyNone())...)
	case len(names) == 0:
		return "no site is meant for this client"
	case w.manner == ignoreChecks:
		parts = append([]string{clauses, w.nothing() + ", so failed checks are ignored"}, fewOf(w.whyNone())...)
	case w.manner == everything:
		parts = append([]string{clauses, w.nothing() + ", so what is drained or forced down is served too"}, fewOf(w.whyNone())...)
	default:
		parts = append([]string{clauses}, fewOf(why.others)...)
		if w.manner == allThatWorks {
			parts = append(parts, "nothing else is up, so what is held back or open to other clients only is served")
		}
	}
	if len(names) > 0 {
		parts[0] = listed(names) + ": " + parts[0]
	}
	return strings.Join(parts, "; ")
}

// nothing says that nothing is up, as far as it was asked for.
func (w *walk) nothing() string {
	if at := w.in.Trace.because.strict; at != 0 {
		return "nothing in " + cut(w.p.nodes[at].spec.String()) + " is up, whose rule is strict"
	}
	return "nothing is up"
}

// listed lists the sites chosen.
func listed(names []string) string {
	if left := len(names) - summarySites; left > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:summarySites], ", "), left)
	}
	return strings.Join(names, ", ")
}

// fewOf returns the first reasons and how many there are beside them.
func fewOf(reasons []string) []string {
	if left := len(reasons) - summaryOthers; left > 1 {
		return append(slices.Clone(reasons[:summaryOthers]), fmt.Sprintf("%d more are passed over", left))
	}
	return reasons
}

// cut shortens the text of a rule or of a policy in place.
func cut(text string) string { return diag.Shorten(text, summaryText) }

// ordinal is first, second, third, 4th, …
func ordinal(n int) string {
	if n <= 3 {
		return [...]string{"first", "second", "third"}[n-1]
	}
	suffix := "th"
	if n%100/10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprint(n) + suffix
}
