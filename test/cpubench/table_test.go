package cpubench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"
)

// row holds the measurements of one server: with the window kept full, and at
// half the rate of the slowest.
type row struct {
	server     string
	full, half []sample
}

type result struct {
	workload workload
	rows     []row
}

// slowest returns the median rate of the server that took the fewest queries.
func (r result) slowest() float64 {
	rate := math.Inf(1)
	for _, row := range r.rows {
		rate = min(rate, median(row.full, func(s sample) float64 { return s.rate }))
	}
	return rate
}

func median(samples []sample, value func(sample) float64) float64 {
	var v []float64
	for _, s := range samples {
		v = append(v, value(s))
	}
	slices.Sort(v)
	if len(v)%2 == 0 {
		return (v[len(v)/2-1] + v[len(v)/2]) / 2
	}
	return v[len(v)/2]
}

func spread(samples []sample) string {
	low, high := math.Inf(1), 0.0
	for _, s := range samples {
		low, high = min(low, s.total()), max(high, s.total())
	}
	return fmt.Sprintf("%.2f–%.2f", low, high)
}

// printTable prints the medians over the rounds as Markdown. Where gdnsd was
// measured, the last column compares with it.
func printTable(w io.Writer, machine string, place placement, set setting, results []result) {
	fmt.Fprintf(w, "%s; %s; %d rounds of %v\n\n", machine, place.text, set.rounds, set.span)
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', tabwriter.Debug)
	fmt.Fprintln(t, "workload\tserver\tµs/query user\tsys\ttotal\tmin–max\tof gdnsd\tqueries/s\tat half: total\tp50\tp99")
	for _, res := range results {
		for _, r := range res.rows {
			fmt.Fprintf(t, "%s\t%s\t%.2f\t%.2f\t%.2f\t%s\t%s\t%.0f\t%s\n", res.workload.name, r.server,
				median(r.full, func(s sample) float64 { return s.user }), median(r.full, func(s sample) float64 { return s.sys }),
				median(r.full, sample.total), spread(r.full), res.ratio(r.full, func(r row) []sample { return r.full }),
				median(r.full, func(s sample) float64 { return s.rate }), res.atHalf(r))
		}
	}
	t.Flush()
}

// ratio returns how samples compare with gdnsd's.
func (r result) ratio(samples []sample, of func(row) []sample) string {
	for _, other := range r.rows {
		if other.server == "gdnsd" {
			return fmt.Sprintf("%.2f", median(samples, sample.total)/median(of(other), sample.total))
		}
	}
	return "-"
}

func (r result) atHalf(row1 row) string {
	if len(row1.half) == 0 {
		return "-\t-\t-"
	}
	micros := func(of func(sample) time.Duration) float64 {
		return median(row1.half, func(s sample) float64 { return float64(of(s)) / 1000 })
	}
	return fmt.Sprintf("%.2f (%s)\t%.0f µs\t%.0f µs", median(row1.half, sample.total), r.ratio(row1.half, func(r row) []sample { return r.half }),
		micros(func(s sample) time.Duration { return s.p50 }), micros(func(s sample) time.Duration { return s.p99 }))
}
