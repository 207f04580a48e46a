package simulate

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// Kind is a kind of warning: the word before the first colon of its text.
type Kind string

// The kinds of warnings.
const (
	NobodyLeft Kind = "nobody"     // clients without a site, or for whom nothing is up
	Capacity   Kind = "capacity"   // a site would have more than it can bear
	Continents Kind = "continents" // clients are served from another continent than before
	Rules      Kind = "rules"      // rules that no client comes to
	Guard      Kind = "guard"      // a guard would keep a site in, or refuse to let it go
	Names      Kind = "names"      // names that are steered on one side alone
	Weight     Kind = "weights"    // given weights that could not be used
)

// Kinds are all kinds of warnings.
var Kinds = []Kind{NobodyLeft, Capacity, Continents, Rules, Guard, Names, Weight}

func (k Kind) warn(format string, args ...any) string {
	return string(k) + ": " + fmt.Sprintf(format, args...)
}

// KindOf returns the kind of a warning.
func KindOf(warning string) Kind {
	kind, _, _ := strings.Cut(warning, ":")
	return Kind(kind)
}

// Percent writes a part as a percentage.
func Percent(part float64) string {
	part = round(part)
	switch p := 100 * part; {
	case p > 0 && p < 0.1:
		return "<0.1 %"
	case p > 99.9 && part < 1:
		return ">99.9 %"
	default:
		return fmt.Sprintf("%.1f %%", p)
	}
}

// least is the part from which on a thing is worth a warning.
const least = 1e-6

// warnCase adds the warnings about one policy.
func (s *Simulation) warnCase(c Case, t *tally, whole *row, out *PolicyResult) {
	warn := func(k Kind, format string, args ...any) { out.Warnings = append(out.Warnings, k.warn(format, args...)) }
	none := whole.after[0]
	speaks := policy.Serve
	if c.After.Policy != nil {
		speaks = c.After.Policy.Spec().AllDown
	}
	switch {
	case whole.last > least && speaks == policy.Serve:
		warn(NobodyLeft, "for %s of the clients nothing is up: all_down: serve answers as if all were", Percent(whole.last))
	case whole.last > least:
		warn(NobodyLeft, "%s of the clients get no site: all_down: %s speaks (before: %s)", Percent(none), speaks, Percent(whole.before[0]))
	case none > least && c.After.Policy != nil:
		warn(NobodyLeft, "%s of the clients get no site (before: %s)", Percent(none), Percent(whole.before[0]))
	}
	s.warnContinents(t.flows, warn)
	s.warnRules(c, warn)
}

// siteAt is where a site is.
type siteAt struct {
	location  *policy.Location
	continent string // "" if not known
}

// locate notes where the sites of a case are.
func (s *Simulation) locate(c Case) {
	for _, side := range []Side{c.Before, c.After} {
		if side.Policy == nil {
			continue
		}
		sites := side.Policy.Sites()
		for i := range int32(sites.Len()) {
			site := sites.At(i)
			if at, known := s.places[site.Name]; !known || at.location != site.Location {
				s.places[site.Name] = siteAt{site.Location, continentAt(site.Location)}
			}
		}
	}
}

// continentAt returns the continent of a place: that of the country whose
// middle is nearest.
func continentAt(at *policy.Location) string {
	if at == nil {
		return ""
	}
	continent, nearest := "", math.Inf(1)
	for _, code := range geo.Countries() {
		if lat, lon, ok := geo.CountryMiddle(code); ok {
			if d := geo.Distance(at.Lat, at.Lon, lat, lon); d < nearest {
				continent, nearest = geo.ContinentOf(code), d
			}
		}
	}
	return continent
}

// warnContinents warns of clients that are served from another continent.
func (s *Simulation) warnContinents(flows traffic, warn func(Kind, string, ...any)) {
	crossed := map[string]float64{}
	var all float64
	for pair, part := range flows {
		from, to := s.places[pair[0]].continent, s.places[pair[1]].continent
		if from != "" && to != "" && from != to && part > 0 {
			crossed[from+" → "+to] += part
			all += part
		}
	}
	if all <= least {
		return
	}
	ways := slices.SortedFunc(maps.Keys(crossed), func(a, b string) int {
		return cmp.Or(cmp.Compare(crossed[b], crossed[a]), cmp.Compare(a, b))
	})
	var text []string
	for _, way := range ways {
		text = append(text, way+" "+Percent(crossed[way]))
	}
	warn(Continents, "%s of the clients are served from another continent than before: %s", Percent(all), strings.Join(text, ", "))
}

// warnRules warns of rules that no client comes to.
func (s *Simulation) warnRules(c Case, warn func(Kind, string, ...any)) {
	if c.After.Policy == nil {
		return
	}
	before := map[string]bool{}
	if c.Before.Policy != nil {
		for _, u := range c.Before.Policy.Unreached(s.opts.Family, c.Before.Health) {
			before[u.Policy.String()+" "+u.Rule.String()] = true
		}
	}
	for _, u := range c.After.Policy.Unreached(s.opts.Family, c.After.Health) {
		why := "what stands before it is up for all its clients"
		if u.Nobody {
			why = "its conditions hold for no address in the databases"
		}
		if before[u.Policy.String()+" "+u.Rule.String()] {
			why += ", as before"
		}
		warn(Rules, "no client comes to %s in %s: %s", u.Rule, u.Policy, why)
	}
}

// warnCapacity warns of sites that would have more load than capacity. A
// site's clients bring its load along, evenly, wherever they move.
func (s *Simulation) warnCapacity() {
	if s.played {
		return // what is too much has been sent on, and the rest was told
	}
	load, unknown := s.traffic.move(s.opts.Load)
	for _, site := range slices.Sorted(maps.Keys(s.opts.Capacity)) {
		if load[site] > s.opts.Capacity[site]*(1+least) {
			s.warnLoad(site, load[site], unknown[site], "")
		}
	}
}

// warnLoad warns of a site that would have too much load.
func (s *Simulation) warnLoad(site string, load float64, atLeast bool, why string) {
	least := ""
	if atLeast {
		least = "at least "
	}
	if why != "" {
		why = ": " + why
	}
	s.Warn(Capacity, "site %s would have a load of %s%.4g, and its capacity is %.4g (load now: %s)%s", site, least, load, s.opts.Capacity[site], s.loadNow(site), why)
}

func (s *Simulation) loadNow(site string) string {
	if now, known := s.opts.Load[site]; known {
		return fmt.Sprintf("%.4g", now)
	}
	return "not known"
}
