package geodns

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/geodns-vipd/geodns/internal/control"
	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/policy"
	"github.com/geodns-vipd/geodns/pkg/simulate"
)

// Bounds of a simulation that a server makes: it has other things to do.
const (
	liveClients  = 30_000
	livePicks    = 600_000         // clients times policies
	leastClients = 1000            // of a simulation of very many policies
	mostPlayed   = 200             // policies for which spill-over is played
	mostTables   = 200             // policies of which the table by country is told
	simulateKeep = 5 * time.Second // how long a result is given again while nothing changes
	mostResults  = 16              // kept
	mostNames    = 1000            // listed of a policy
)

// simulator makes the simulations of a server, one at a time.
type simulator struct {
	mu    sync.Mutex
	index *geo.Index
	many  int
	pop   *simulate.Population // of index, about so many
	kept  map[string]simulated
}

type simulated struct {
	loaded *Loaded
	health *health.Snapshot
	at     time.Time
	result *simulate.Result
}

// simulateLive answers what would happen to what is served now.
func (s *Server) simulateLive(req control.SimulateRequest) (any, error) {
	family, err := familyOf(req.Type)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%q", req)
	sim := &s.simulator
	sim.mu.Lock()
	defer sim.mu.Unlock()
	l := s.live.Load()
	now := time.Now()
	before := l.state.Health.Load()
	if k, ok := sim.kept[key]; ok && k.loaded == l.Loaded && k.health == before && now.Sub(k.at) < simulateKeep {
		return k.result, nil
	}
	change, err := l.supposition(req.Down, req.Drain)
	if err != nil {
		return nil, err
	}
	run := rehearsal{before: moment{Loaded: l.Loaded, health: before}, family: family, policy: req.Policy, load: map[string]float64{}}
	run.after.Loaded = l.Loaded
	s.checker.do(context.Background(), func(context.Context) {
		run.after.trial, run.notes = s.checker.board.Suppose(l.Sites.Subjects(), change, now)
		run.after.health = run.after.trial.Snapshot()
		for name := range l.Steering.Rules() {
			if load, fresh, _ := s.checker.board.Load(name, now); fresh {
				run.load[name] = load
			}
		}
	})
	if run.after.health == nil {
		return nil, &control.Refusal{Status: 503, Text: "the server is ending"}
	}
	cases, err := run.cases()
	if err != nil {
		return nil, err
	}
	n := min(liveClients, max(leastClients, livePicks/max(1, len(cases))))
	if sim.index != l.Index || sim.many != n {
		sim.index, sim.many, sim.pop = l.Index, n, simulate.Sample(l.Index, n)
	}
	result := run.simulate(cases, sim.pop)
	if len(sim.kept) >= mostResults || sim.kept == nil {
		sim.kept = map[string]simulated{}
	}
	sim.kept[key] = simulated{l.Loaded, before, now, result}
	return result, nil
}

// familyOf returns what a type of addresses asks for.
func familyOf(qtype string) (policy.Family, error) {
	switch strings.ToUpper(cmp.Or(qtype, "A")) {
	case "A":
		return policy.V4, nil
	case "AAAA":
		return policy.V6, nil
	}
	return 0, &control.BadRequest{Text: fmt.Sprintf("type %q: A or AAAA", qtype)}
}

// supposition reads the sites that are taken as down or drained.
func (l *Loaded) supposition(down, drain []string) (s health.Supposition, err error) {
	for _, name := range down {
		if err := l.hasSite(name); err != nil {
			return s, err
		}
		s.Down = append(s.Down, health.Target{Site: name})
	}
	for _, text := range drain {
		name, percent, partly := strings.Cut(text, "=")
		if err := l.hasSite(name); err != nil {
			return s, err
		}
		gone := 100.0
		if partly {
			if gone, err = strconv.ParseFloat(strings.TrimSuffix(percent, "%"), 64); err != nil || !(gone >= 0 && gone <= 100) {
				return s, &control.BadRequest{Text: fmt.Sprintf("drain %q: SITE, or SITE=PERCENT from 0 to 100", text)}
			}
		}
		left := uint16(math.Round((100 - gone) / 100 * health.FullShare))
		s.Drains = append(s.Drains, health.SupposedDrain{Target: health.Target{Site: name}, Left: left})
	}
	return s, nil
}

// hasSite returns an error that names the site meant if there is none so named.
func (l *Loaded) hasSite(name string) error {
	if _, ok := l.Sites.Find(name); ok {
		return nil
	}
	var known []string
	for i := range int32(l.Sites.Len()) {
		known = append(known, l.Sites.At(i).Name)
	}
	return &control.BadRequest{Text: noSuch("site", name, known)}
}

// moment is a configuration and the health of its sites.
type moment struct {
	*Loaded
	health *health.Snapshot
	trial  *health.Trial // in which it is; may be nil of the one before
}

// rehearsal compares two moments.
type rehearsal struct {
	before, after moment
	family        policy.Family
	policy        string // or a name that it steers; "" for all
	load          map[string]float64
	queries       float64  // if above 0, and nothing is known of the load: all of it
	notes         []string // of guards
}

// steered is what answers a name before and after.
type steered struct{ before, after *policy.Policy }

// cases pairs the policies by the names that they steer.
func (r *rehearsal) cases() ([]simulate.Case, error) {
	byName := map[string]steered{}
	var order []string
	for name, p := range r.before.steers() {
		byName[name] = steered{before: p}
		order = append(order, name)
	}
	for name, p := range r.after.steers() {
		both, known := byName[name]
		if !known {
			order = append(order, name)
		}
		both.after = p
		byName[name] = both
	}
	slices.Sort(order)
	index := map[steered]int{}
	var cases []simulate.Case
	known := map[string]bool{}
	for _, name := range order {
		both := byName[name]
		text := both.String()
		known[text] = true
		if r.policy != "" && r.policy != text && strings.TrimSuffix(r.policy, ".") != strings.TrimSuffix(name, ".") {
			continue
		}
		i, met := index[both]
		if !met {
			i = len(cases)
			index[both] = i
			cases = append(cases, simulate.Case{Policy: text, Before: r.before.side(both.before), After: r.after.side(both.after)})
		}
		if len(cases[i].Names) < mostNames {
			cases[i].Names = append(cases[i].Names, name)
		}
	}
	if len(cases) == 0 && r.policy != "" {
		return nil, &control.BadRequest{Text: noSuch("policy that a STEER names", r.policy, sortedKeys(known))}
	}
	slices.SortStableFunc(cases, func(a, b simulate.Case) int { return cmp.Compare(a.Policy, b.Policy) })
	return cases, nil
}

func sortedKeys(set map[string]bool) []string {
	var out []string
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// String returns how the policy is shown.
func (s steered) String() string {
	switch {
	case s.before == nil:
		return s.after.Spec().String()
	case s.after == nil || s.before.Spec().String() == s.after.Spec().String():
		return s.before.Spec().String()
	}
	return s.before.Spec().String() + " → " + s.after.Spec().String()
}

// steers yields each steered name with its policy.
func (l *Loaded) steers() func(yield func(string, *policy.Policy) bool) {
	return func(yield func(string, *policy.Policy) bool) {
		for i, z := range l.Zones {
			for j := range z.Steers {
				if !yield(z.Steers[j].Owner.String(), l.bound[i].Policies[j]) {
					return
				}
			}
		}
	}
}

func (m moment) side(p *policy.Policy) simulate.Side {
	if p == nil {
		return simulate.Side{}
	}
	return simulate.Side{Policy: p, Health: m.health}
}

// simulate puts the cases to a population.
func (r *rehearsal) simulate(cases []simulate.Case, pop *simulate.Population) *simulate.Result {
	opts := simulate.Options{Family: r.family, Load: r.load, Capacity: map[string]float64{}, Countries: len(cases) <= mostTables}
	for name, rules := range r.after.Steering.Rules() {
		if rules.Capacity > 0 {
			opts.Capacity[name] = rules.Capacity
		}
	}
	counted := r.queries > 0 && len(r.load) == 0 && len(opts.Capacity) > 0
	if counted {
		opts.Load = simulate.LoadsOf(pop, cases, r.family, r.queries)
		for name := range opts.Capacity {
			opts.Load[name] += 0 // who serves nobody is known to
		}
	}
	sim := simulate.New(pop, opts)
	if counted && r.before.trial != nil {
		cases = sim.Settle(cases, r.before.trial)
	}
	if len(cases) <= mostPlayed {
		sim.Send(cases)
	}
	if len(opts.Load) > 0 && len(cases) <= mostPlayed {
		cases = sim.Play(cases, r.after.trial)
	}
	if !opts.Countries {
		sim.Warn(simulate.Names, "%d policies: the tables by country are left out; name one policy", len(cases))
	}
	for _, note := range r.notes {
		sim.Warn(simulate.Guard, "%s", note)
	}
	for _, c := range cases {
		switch {
		case c.Before.Policy == nil:
			sim.Warn(simulate.Names, "%s: not steered before", strings.Join(c.Names, ", "))
		case c.After.Policy == nil:
			sim.Warn(simulate.Names, "%s: not steered any more", strings.Join(c.Names, ", "))
		}
		sim.Add(c)
	}
	return sim.Result()
}
