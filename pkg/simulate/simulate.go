package simulate

import (
	"slices"

	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// Side is a policy in a state of health.
type Side struct {
	Policy *policy.Policy // nil: the names are not steered, or not there
	Health *health.Snapshot
}

// Case is a policy before and after the change, and the names that it steers.
type Case struct {
	Policy        string
	Names         []string
	Before, After Side
}

// Options say what a simulation is about.
type Options struct {
	Family    policy.Family
	Load      map[string]float64 // of the sites before the change, in the unit of Capacity
	Capacity  map[string]float64 // of the sites after the change
	Countries bool               // whether the table by country is wanted
}

// Result is what GET /api/v1/simulate and simulate --json print.
type Result struct {
	Policies []PolicyResult `json:"policies"`
	Sends    []Sending      `json:"sends"`    // sites that send clients on before the change
	Spills   []Spill        `json:"spills"`   // sites that send clients on after it, for want of capacity
	Warnings []string       `json:"warnings"` // about all policies together
}

// Shares are parts of clients by site, those that are not 0; the site "" is
// nobody.
type Shares map[string]float64

// PolicyResult is who is served where by one policy.
type PolicyResult struct {
	Policy    string          `json:"policy"`
	Names     []string        `json:"names"`
	Before    Shares          `json:"before"`
	After     Shares          `json:"after"`
	Moved     float64         `json:"moved"`     // part of all clients that another site serves than before
	Countries []CountryResult `json:"countries"` // the biggest moves first
	Warnings  []string        `json:"warnings"`
}

// CountryResult is a row of the table by country.
type CountryResult struct {
	Country   string  `json:"country"`
	Continent string  `json:"continent"`
	Weight    float64 `json:"weight"` // part of all clients
	Before    Shares  `json:"before"` // parts of the country's clients
	After     Shares  `json:"after"`
	Moved     float64 `json:"moved"` // part of the country's clients
}

// Simulation puts cases to one population.
type Simulation struct {
	pop     *Population
	opts    Options
	result  Result
	traffic traffic // of all cases
	places  map[string]siteAt
	played  bool // spill-over
}

// New returns a simulation.
func New(pop *Population, opts Options) *Simulation {
	s := &Simulation{pop: pop, opts: opts, traffic: traffic{}, places: map[string]siteAt{}}
	s.result = Result{Policies: []PolicyResult{}, Sends: []Sending{}, Spills: []Spill{}, Warnings: []string{}}
	for _, n := range pop.Notes {
		s.result.Warnings = append(s.result.Warnings, Weight.warn("%s", n))
	}
	return s
}

// Warn adds a warning that concerns all policies.
func (s *Simulation) Warn(k Kind, format string, args ...any) {
	s.result.Warnings = append(s.result.Warnings, k.warn(format, args...))
}

// Result ends the simulation.
func (s *Simulation) Result() *Result {
	s.warnCapacity()
	return &s.result
}

// Add puts one case to the population.
func (s *Simulation) Add(c Case) {
	t := &tally{slots: newSlots(c), flows: traffic{}}
	before, after := t.odds(c.Before, s.opts.Family), t.odds(c.After, s.opts.Family)
	out := PolicyResult{Policy: c.Policy, Names: c.Names, Countries: []CountryResult{}, Warnings: []string{}}
	whole := newRow(len(t.slots.names))
	for i := range s.pop.Countries {
		country := &s.pop.Countries[i]
		row := t.country(country, before, after)
		whole.add(row)
		if s.opts.Countries {
			out.Countries = append(out.Countries, t.countryResult(country, row))
		}
	}
	slices.SortFunc(out.Countries, biggestMove)
	out.Before, out.After, out.Moved = t.slots.shares(whole.before, 1), t.slots.shares(whole.after, 1), round(whole.moved)
	s.locate(c)
	s.warnCase(c, t, whole, &out)
	for pair, part := range t.flows {
		s.traffic[pair] += part * float64(len(c.Names))
	}
	s.result.Policies = append(s.result.Policies, out)
}
