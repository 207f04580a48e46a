package answer

import (
	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/policy"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// StepLookup is the kind of the steps that this package adds to those of the
// policies. Name: the name looked up; Verdict: the outcome.
const StepLookup = "lookup"

// trace collects the account of one reply. Its methods do nothing on nil, so
// that the wire pays no more than a comparison.
type trace struct {
	steps  []policy.Step
	policy policy.Trace // of the pick under way
	name   string       // of the policy that was asked last
	sites  []string     // that it chose

	summaries []string     // of the picks, in order
	last      zone.Outcome // of the look-ups
	lastName  string       // that it was about
	lastZone  string
}

// lookup notes the outcome of a look-up in a zone.
func (t *trace) lookup(z *Zone, name []byte, res zone.Result) {
	if t == nil {
		return
	}
	s := policy.Step{Kind: StepLookup, Name: dnswire.FormatName(name), Target: "zone " + z.Origin.String(), Verdict: res.Outcome.String()}
	if res.Wildcard && res.Node != nil {
		s.Reason = "by the wildcard " + res.Node.Name.String()
	}
	if res.Outcome == zone.Steered {
		steer := &z.Steers[res.Node.Steer()]
		s.Pos = steer.Pos.String()
	}
	t.steps = append(t.steps, s)
	t.last, t.lastName, t.lastZone = res.Outcome, s.Name, z.Origin.String()
}

// into makes the next pick account for itself.
func (t *trace) into(in *policy.Input) {
	if t != nil {
		in.Trace = &t.policy
	}
}

// picked takes over what the pick accounted for.
func (t *trace) picked(p *policy.Policy, c *policy.Choice) {
	if t == nil {
		return
	}
	t.steps = append(t.steps, t.policy.Steps...)
	t.name = p.Spec().String()
	t.summaries = append(t.summaries, t.policy.Summary)
	t.sites = []string{}
	for _, i := range c.Sites {
		t.sites = append(t.sites, p.Sites().At(i).Name)
	}
}
