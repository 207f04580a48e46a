// Package simulate says who would be served where: it puts a population of
// clients to the policies as they are before and after a change, and counts
// the shares of the sites, what moved, and what to be warned of.
//
// The choice itself is [policy.Pick]'s, by way of [policy.Odds]; nothing is
// decided here. The package knows no files, servers or clocks: what is up
// comes in as snapshots, and whoever makes those knows what a guard keeps.
//
// The way through: [Sample] or [Weights.Population] makes a [Population], once
// for any number of runs; a [Simulation] is given each [Case], and
// [Simulation.Result] ends it.
package simulate
