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
	for _, s := range r.Sends {
		fmt.Fprintf(w, "%s\n", sendingText(s))
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

// sendingText says who has the clients of a site that is full before the change.
func sendingText(s simulate.Sending) string {
	return fmt.Sprintf("site %s is over its capacity before the change: it keeps %s of its clients and sends on %s",
		s.Site, simulate.Percent(s.Stays), goingText(s.To, simulate.Percent))
}

// spillText says where the excess of a site goes.
func spillText(s simulate.Spill) string {
	load := func(v float64) string { return fmt.Sprintf("%.4g", v) }
	return fmt.Sprintf("site %s gets a load of %s, and its capacity is %s: it sends on %s and is left with %s",
		s.Site, load(s.Load), load(s.Capacity), goingText(s.To, load), load(s.Left))
}

// goingText lists where clients go, most of them first.
func goingText(to map[string]float64, amount func(float64) string) string {
	var out []string
	for _, site := range mostFirst(to) {
		out = append(out, amount(to[site])+" to "+siteWord(site))
	}
	return cmp.Or(strings.Join(out, ", "), "nothing")
}

func mostFirst(parts map[string]float64) []string {
	return slices.SortedFunc(maps.Keys(parts), func(a, b string) int {
		return cmp.Or(cmp.Compare(parts[b], parts[a]), strings.Compare(a, b))
	})
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
	var out []string
	for _, site := range mostFirst(s) {
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
