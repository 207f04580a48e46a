package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/geodns-vipd/geodns/pkg/simulate"
)

// Rows that are printed for people; --json has all.
const (
	countriesShown = 10
	namesShown     = 5
)

// printSimulation prints a simulation for people.
func printSimulation(w io.Writer, r *simulate.Result) {
	for i := range r.Policies {
		if i > 0 {
			fmt.Fprintln(w)
		}
		printPolicyMoves(w, &r.Policies[i])
	}
	for _, s := range r.Spills {
		fmt.Fprintf(w, "%s\n", spillText(s))
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
}

func printPolicyMoves(w io.Writer, p *simulate.PolicyResult) {
	names := p.Names
	more := ""
	if len(names) > namesShown {
		names, more = names[:namesShown], fmt.Sprintf(" and %d more", len(p.Names)-namesShown)
	}
	fmt.Fprintf(w, "%s: %s of the clients move\n", p.Policy, simulate.Percent(p.Moved))
	fmt.Fprintf(w, "  for %s%s\n", strings.Join(names, " "), more)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  SITE\tBEFORE\tAFTER")
	all := maps.Clone(p.Before)
	for site := range p.After {
		all[site] += 0
	}
	for _, site := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(t, "  %s\t%s\t%s\n", siteWord(site), simulate.Percent(p.Before[site]), simulate.Percent(p.After[site]))
	}
	t.Flush()
	printCountries(w, p.Countries)
	for _, warning := range p.Warnings {
		fmt.Fprintf(w, "  warning: %s\n", warning)
	}
}

// spillText says where the excess of a site goes.
func spillText(s simulate.Spill) string {
	order := slices.SortedFunc(maps.Keys(s.To), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.To[b], s.To[a]), strings.Compare(a, b))
	})
	var to []string
	for _, site := range order {
		to = append(to, fmt.Sprintf("%.4g to %s", s.To[site], siteWord(site)))
	}
	text := fmt.Sprintf("site %s gets a load of %.4g, and its capacity is %.4g: it sends on ", s.Site, s.Load, s.Capacity)
	return text + cmp.Or(strings.Join(to, ", "), "nothing") + fmt.Sprintf(" and is left with %.4g", s.Left)
}

// printCountries prints the countries from which clients move.
func printCountries(w io.Writer, rows []simulate.CountryResult) {
	moving := slices.IndexFunc(rows, func(c simulate.CountryResult) bool { return c.Moved == 0 })
	if moving < 0 {
		moving = len(rows)
	}
	if moving == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  COUNTRY\tOF ALL\tMOVED\tBEFORE\tAFTER")
	for _, c := range rows[:min(moving, countriesShown)] {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", cmp.Or(c.Country, "not known"), simulate.Percent(c.Weight), simulate.Percent(c.Moved), sharesText(c.Before), sharesText(c.After))
	}
	t.Flush()
	if moving > countriesShown {
		fmt.Fprintf(w, "  and %d more countries: see --json\n", moving-countriesShown)
	}
}

// sharesText lists shares, the largest first.
func sharesText(s simulate.Shares) string {
	order := slices.SortedFunc(maps.Keys(s), func(a, b string) int {
		return cmp.Or(cmp.Compare(s[b], s[a]), strings.Compare(a, b))
	})
	var out []string
	for _, site := range order {
		if s[site] >= 1 {
			return siteWord(site)
		}
		out = append(out, siteWord(site)+" "+simulate.Percent(s[site]))
	}
	return strings.Join(out, ", ")
}

func siteWord(site string) string {
	if site == "" {
		return "(nobody)"
	}
	return site
}
