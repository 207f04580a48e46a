package geodns

import (
	"math"
	"net/netip"
	"time"

	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/internal/control"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/simulate"
	"github.com/geodns-vipd/geodns/pkg/steering"
)

// fileClients is how many clients stand for all where nobody waits for the
// processor.
const fileClients = 100_000

// Rehearsal is a simulation made from files.
type Rehearsal struct {
	control.SimulateRequest
	Config config.Geodns
	New    *config.Geodns     // what to compare with; nil: the same
	Set    []string           // changes of its steering files, as [steering.Set] takes them
	Health *Status            // of a running server; nil: all is up
	Load   map[string]float64 // of sites, beside what Health tells

	Weights *simulate.Weights // nil: by address space

	wrong error // of Set
}

// Run loads both configurations and compares them. The findings are those of
// the files that hold errors; there is no result then.
func (r *Rehearsal) Run() (*simulate.Result, diag.List, error) {
	run := rehearsal{policy: r.Policy, load: map[string]float64{}}
	var err error
	if run.family, err = familyOf(r.Type); err != nil {
		return nil, nil, err
	}
	var files loader
	before, list := files.load(r.Config)
	if before == nil {
		return nil, list, nil
	}
	after := before
	if r.New != nil || len(r.Set) > 0 {
		cfg := r.Config
		if r.New != nil {
			cfg = *r.New
		}
		files.edit = r.edit
		after, list = files.load(cfg)
		switch {
		case r.wrong != nil:
			return nil, nil, &control.BadRequest{Text: r.wrong.Error()}
		case after == nil:
			return nil, list, nil
		}
	}
	change, err := after.supposition(r.Down, r.Drain)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	told := suppositionOf(r.Health)
	run.before = moment{Loaded: before}
	run.before.trial, _ = before.board().Suppose(before.Sites.Subjects(), told, now)
	run.before.health = run.before.trial.Snapshot()
	change.Set, change.Down = told.Set, append(told.Down, change.Down...)
	run.after = moment{Loaded: after}
	change.Keeps = told.Keeps
	run.after.trial, run.notes = after.board().Suppose(after.Sites.Subjects(), change, now)
	run.after.health = run.after.trial.Snapshot()
	if r.Weights != nil {
		run.queries = r.Weights.Queries()
	}
	r.loads(run.load)
	for name := range r.Load {
		if err := after.hasSite(name); err != nil {
			return nil, nil, err
		}
	}
	cases, err := run.cases()
	if err != nil {
		return nil, nil, err
	}
	return run.simulate(cases, r.population(after)), nil, nil
}

// edit changes the steering files.
func (r *Rehearsal) edit(files []steering.File) ([]steering.File, error) {
	for _, assignment := range r.Set {
		if files, r.wrong = steering.Set(files, assignment); r.wrong != nil {
			return nil, r.wrong
		}
	}
	return files, nil
}

func (r *Rehearsal) population(l *Loaded) *simulate.Population {
	if r.Weights != nil {
		return r.Weights.Population(l.Index, fileClients)
	}
	return simulate.Sample(l.Index, fileClients)
}

// board returns a board of what is configured, with all health unknown.
func (l *Loaded) board() *health.Board {
	b := health.NewBoard(l.Steering.Watches())
	rules := l.boardRules()
	b.SetRules(rules.sites)
	b.SetGuards(rules.guards)
	b.SetSuccessors(rules.followers.next, rules.followers.beyond)
	return b
}

// suppositionOf takes what a server told of its health as it is. What is held
// back counts as down.
func suppositionOf(st *Status) health.Supposition {
	s := health.Supposition{Set: map[health.Target]health.Limit{}, Keeps: map[string]uint16{}}
	if st == nil {
		return s
	}
	set := func(t health.Target, forced string, share float64) {
		l := health.Limit{Share: uint16(math.Round(share * health.FullShare))}
		switch forced {
		case health.ForcedUp.String():
			l.Forced = health.ForcedUp
		case health.ForcedDown.String():
			l.Forced = health.ForcedDown
		}
		if l != health.Unlimited {
			s.Set[t] = l
		}
	}
	for _, site := range st.Sites {
		share := site.Share
		if site.Keeps > 0 && site.Keeps < 1 {
			share /= site.Keeps
			s.Keeps[site.Name] = uint16(math.Round(site.Keeps * health.FullShare))
		}
		set(health.Target{Site: site.Name}, site.Forced, share)
		for _, a := range site.Addresses {
			t := health.Target{Site: site.Name}
			t.Addr, _ = netip.ParseAddr(a.Address)
			set(t, a.Forced, a.Share)
			if (!a.Up || a.Held) && a.Forced != health.ForcedUp.String() && site.Forced != health.ForcedUp.String() {
				s.Down = append(s.Down, t)
			}
		}
	}
	for _, o := range st.Overrides {
		if o.Policy != "" {
			set(health.Target{Policy: o.Policy, Site: o.Site}, forcedWord(o.State), o.Share)
		}
	}
	return s
}

// forcedWord returns "up" of "forced up", and "" of other states.
func forcedWord(state string) string {
	for _, f := range []health.Forced{health.ForcedUp, health.ForcedDown} {
		if state == "forced "+f.String() {
			return f.String()
		}
	}
	return ""
}

// loads collects what is known of the load of sites: what was given goes before
// what the server told.
func (r *Rehearsal) loads(into map[string]float64) {
	if r.Health != nil {
		for _, site := range r.Health.Sites {
			if site.Load != nil {
				into[site.Name] = *site.Load
			}
		}
	}
	for name, load := range r.Load {
		into[name] = load
	}
}
