package policy

import (
	"fmt"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// Trace is the account of one Pick, step by step. Set Why before, if reasons
// for the health of sites are known; Pick fills the rest.
type Trace struct {
	// Why returns why a thing is up or down, such as "connection refused since
	// 03:12:44", or "" if there is nothing to say. It may be nil.
	Why func(health.ID) string `json:"-"`

	Place *geo.Place `json:"-"` // of the client; the zero Place if unknown
	Steps []Step     `json:"steps"`

	// Summary says in one sentence why the client gets what was chosen, such as
	// "fra: nearest of 3 that are up (412 km); ams is drained".
	Summary string `json:"summary"`

	because because
}

// The kinds of steps.
const (
	StepClient  = "client"   // Name: the address; Verdict: its place; Reason: how wide the decision holds
	StepPolicy  = "policy"   // Name: the policy, Target: its kind; the steps below it have a greater depth
	StepRule    = "rule"     // Name: the rule's text, Target: what it uses
	StepSite    = "site"     // Name: the site
	StepAddress = "address"  // Name: an address of the site above
	StepDraw    = "draw"     // Name: the policy, Target: the target drawn, Reason: the odds
	StepOrder   = "order"    // Name: the policy; Verdict: where from; Reason: its sites by distance
	StepTarget  = "target"   // Name: a target of the policy above that is overridden there, or of which it takes account
	StepHash    = "hash"     // Name: the policy, Target: the target that has the client, Reason: the places of all
	StepHeld    = "held"     // Name: the policy: nothing was up but what is held back
	StepSpill   = "spill"    // Name: the site that has no room for the client; Verdict: what becomes of the client
	StepAllDown = "all_down" // Name: the policy, Verdict: what all_down makes of it
	StepAnswer  = "answer"   // Name: the sites chosen; Verdict: the action
)

// Step is one step of a decision.
type Step struct {
	Depth   int    `json:"depth"` // 0 for what belongs to the decision as a whole
	Kind    string `json:"kind"`
	Name    string `json:"name,omitempty"`
	Target  string `json:"target,omitempty"`
	Pos     string `json:"pos,omitempty"` // file:line:column
	Verdict string `json:"verdict"`
	Reason  string `json:"reason,omitempty"`
}

// Lines returns the steps as lines for people, indented by depth.
func (t *Trace) Lines() []string {
	lines := make([]string, 0, len(t.Steps))
	for _, s := range t.Steps {
		lines = append(lines, strings.Repeat("  ", s.Depth)+s.line())
	}
	return lines
}

func (s Step) line() string {
	var b strings.Builder
	b.WriteString(s.Kind)
	for _, part := range []string{s.Name, s.pointer()} {
		if part != "" {
			b.WriteString(" " + part)
		}
	}
	for _, part := range []string{s.Verdict, s.Reason} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	return b.String()
}

// pointer is what stands between the name and the verdict.
func (s Step) pointer() string {
	switch s.Kind {
	case StepPolicy:
		return fmt.Sprintf("(%s, %s)", s.Target, s.Pos)
	case StepDraw, StepHash:
		return "→ " + s.Target
	}
	return ""
}

// add appends a step at the present depth and returns its number.
func (w *walk) add(s Step) int {
	t := w.in.Trace
	s.Depth = w.depth
	t.Steps = append(t.Steps, s)
	return len(t.Steps) - 1
}

// trace is pick with an account. That names the rules and distances of this
// very client. The class that was looked up has those of some client with the
// same decision, which comes to the same choice, but perhaps by way of other
// entries: scope and horizon are told as they are when nobody traces.
func (w *walk) trace(bits uint8) {
	in := *w.in
	in.Trace, in.Draw = nil, noDraw{}
	plain := walk{p: w.p, in: &in, out: w.out, class: w.class}
	plain.pick(bits)
	scope, horizon := w.out.Scope, w.out.Horizon
	w.in.Trace.Steps, w.in.Trace.because = w.in.Trace.Steps[:0], because{}
	w.class = w.traceClient(scope, plain.hashed)
	w.pick(bits)
	w.out.Scope, w.out.Horizon = scope, horizon
	w.traceChoice(w.out)
}

// noDraw is a Draw for where what is drawn does not matter.
type noDraw struct{}

func (noDraw) Uint64N(uint64) uint64 { return 0 }

// traceClient begins the trace and returns the class of this very client.
func (w *walk) traceClient(scope uint8, hashed bool) *class {
	t, a := w.in.Trace, w.in.Client
	t.Place = w.p.index.Lookup(a)
	w.client = client{place: t.Place}
	for i, p := range w.p.cidrs {
		if p.Contains(a.Unmap()) {
			w.client.cidrs = append(w.client.cidrs, i)
		}
	}
	s := Step{Kind: StepClient, Name: a.String(), Verdict: t.Place.String()}
	switch {
	case !a.IsValid():
		s.Name, s.Verdict = "", "no address"
	case scope == 0:
		s.Reason = "the decision is the same for all"
	case hashed && scope == blockBits(a):
		s.Reason = fmt.Sprintf("the decision is the same in its /%d, the network by which clients are told apart", scope)
	default:
		s.Reason = fmt.Sprintf("the decision is the same in its /%d", scope)
	}
	w.add(s)
	at := placeOf(t.Place)
	of := class{rules: w.p.matching(w.client), hashed: hashed}
	for _, n := range w.p.near {
		n.biased = nil // that of the policy may be in use elsewhere
		of.orders = append(of.orders, n.order(nil, w.p.sites, at))
	}
	return &of
}

// traceEnter adds the step of a node before it is judged.
func (w *walk) traceEnter(n *node) (step int) {
	if w.in.Trace == nil {
		return 0
	}
	s := Step{Kind: StepSite, Name: n.spec.Name}
	if n.kind != KindSite {
		s = Step{Kind: StepPolicy, Name: n.spec.String(), Target: n.kind.String(), Pos: n.spec.Pos.String()}
	}
	step = w.add(s)
	w.depth++
	if n.kind == KindNearest {
		w.traceOrder(n)
	}
	return step
}

// traceLeave completes the step of a node.
func (w *walk) traceLeave(step int, n *node, j judgment) {
	if w.in.Trace == nil {
		return
	}
	s := &w.in.Trace.Steps[step]
	s.Verdict = j.verdict.String()
	switch {
	case n.kind == KindSite:
		w.traceSite(step, n, j)
	case n.kind == KindWeighted || n.kind == KindAll:
	case j.verdict == up:
		s.Reason = "takes " + n.target(int(j.pick))
	}
	w.traceHealthy(step, n, j)
	w.depth--
}

// target returns the name of the i-th target.
func (n *node) target(i int) string {
	if n.kind == KindGeo {
		return n.spec.Rules[i].Use.String()
	}
	return n.spec.Targets[i].Spec.String()
}

// String returns the verdict in words.
func (v verdict) String() string {
	switch v {
	case up:
		return "up"
	case stop:
		return "ends the evaluation"
	}
	return "down"
}

// traceNoMatch adds the step of a rule that does not match. In a last resort
// that is not told again.
func (w *walk) traceNoMatch(k *kid) {
	if w.in.Trace == nil || w.again() {
		return
	}
	s := w.p.rules[k.rule].rule.step()
	s.Verdict, s.Reason = "does not match", w.whyNot(k.rule)
	w.add(s)
}

// traceMatch adds the step of a rule that matches, before its target is
// judged.
func (w *walk) traceMatch(k *kid) (step int) {
	if w.in.Trace == nil {
		return 0
	}
	s := w.p.rules[k.rule].rule.step()
	s.Verdict = "matches"
	step = w.add(s)
	w.depth++
	return step
}

// traceRule completes the step of a rule that matches.
func (w *walk) traceRule(step int, k *kid, v verdict) {
	if w.in.Trace == nil {
		return
	}
	w.depth--
	s := &w.in.Trace.Steps[step]
	switch {
	case v == up:
		s.Reason = "its target is up"
	case v == stop && w.strict == k.node:
		s.Reason = "its target is down, and strict ends the whole evaluation here"
	case v == stop:
		s.Reason = "a strict rule within its target ends the whole evaluation"
	default:
		s.Reason = "its target is down"
	}
}

// traceNotTried adds the rules behind the one that was taken.
func (w *walk) traceNotTried(kids []kid) {
	if w.in.Trace == nil || w.again() {
		return
	}
	for i := range kids {
		s := w.p.rules[kids[i].rule].rule.step()
		s.Verdict = "not tried"
		w.add(s)
	}
}

// step is the step of a rule without its verdict.
func (r *Rule) step() Step {
	return Step{Kind: StepRule, Name: r.String(), Target: r.Use.String(), Pos: r.Pos.String()}
}

// traceDraw adds the step of a draw.
func (w *walk) traceDraw(n *node, zero bool, sum uint64, picked int) {
	if w.in.Trace == nil {
		return
	}
	var odds []string
	for i := range n.kids {
		if lot := w.lot(&n.kids[i], zero); lot > 0 {
			odds = append(odds, fmt.Sprintf("%s %.4g %%", n.target(i), 100*float64(lot)/float64(sum)))
		}
	}
	w.add(Step{Kind: StepDraw, Name: n.spec.String(), Target: n.target(picked), Pos: n.spec.Pos.String(),
		Verdict: "drawn", Reason: strings.Join(odds, ", ")})
}

// traceManner adds the step before another manner than that by health.
func (w *walk) traceManner(root int32) {
	if w.in.Trace == nil {
		return
	}
	s := Step{Kind: StepAllDown, Name: w.p.spec.String(), Verdict: w.p.spec.AllDown.String()}
	switch w.manner {
	case allThatWorks:
		s.Kind, s.Verdict, s.Reason = StepHeld, "nothing else is up", "so what works is served, though it is held back or open to other clients"
	case ignoreChecks:
		s.Reason = "nothing is up, so failed checks are ignored"
	case everything:
		s.Reason = "nothing is left, so what is drained or forced down is served too"
	}
	if root != 0 {
		s.Reason += "; only sites of " + w.p.nodes[root].spec.String() + ", for the rule is strict"
	}
	w.add(s)
}

// traceChoice ends the trace.
func (w *walk) traceChoice(out *Choice) {
	allDown := w.p.spec.AllDown
	if out.LastResort && allDown != Serve {
		w.add(Step{Kind: StepAllDown, Name: w.p.spec.String(), Verdict: allDown.String(), Reason: "nothing is up"})
	}
	var names, addrs []string
	for _, i := range out.Sites {
		names = append(names, w.p.sites.At(i).Name)
	}
	for _, a := range out.Addrs {
		addrs = append(addrs, a.String())
	}
	s := Step{Kind: StepAnswer, Name: strings.Join(names, ", "), Verdict: out.Action.String(), Reason: strings.Join(addrs, ", ")}
	switch {
	case out.Action != NoData:
	case len(names) > 0 && w.in.Family == Other:
		s.Reason = "what the site carries of this type"
	case len(names) > 0:
		s.Reason = "the site lists no " + w.in.Family.String() + " address"
	case allDown == Serve:
		s.Reason = "no site is meant for this client"
	}
	w.add(s)
	w.in.Trace.Summary = w.summarize(names)
}
