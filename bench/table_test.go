package bench

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// row holds the measurements of one server: with the window kept full, and at
// each of the levels.
type row struct {
	server string
	full   []sample
	at     [len(levels)][]sample
	ready  time.Duration // from its start to its first answer
	memory float64       // MiB
}

// levels are the parts of what the slowest server takes at which latency is
// measured.
var levels = [...]float64{0.2, 0.5, 0.8}

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

// cost returns the median of what a query costs.
func cost(samples []sample) float64 {
	return median(samples, func(s sample) float64 { return s.total })
}

// userShare returns the part of the processor time that was spent outside the
// kernel. Samples are few in a short span, so that all rounds are taken together.
func userShare(samples []sample) float64 {
	var user, all time.Duration
	for _, s := range samples {
		user += s.user
		all += s.user + s.sys
	}
	return float64(user) / float64(max(1, all))
}

func spread(samples []sample) string {
	low, high := math.Inf(1), 0.0
	for _, s := range samples {
		low, high = min(low, s.total), max(high, s.total)
	}
	return fmt.Sprintf("%.2f–%.2f", low, high)
}

// printTables prints the medians over the rounds as Markdown. Where gdnsd was
// measured, "of gdnsd" compares with it.
func printTables(w io.Writer, results []result) {
	fmt.Fprintln(w, "| load | server | user | system | total | least–most | of gdnsd | queries/s |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|")
	for _, res := range results {
		for _, r := range res.rows {
			fmt.Fprintf(w, "| %s | %s | %.2f | %.2f | %.2f | %s | %s | %.0f |\n", res.workload.name, r.server,
				userShare(r.full)*cost(r.full), (1-userShare(r.full))*cost(r.full), cost(r.full), spread(r.full), res.ratio(r.full, func(r row) []sample { return r.full }),
				median(r.full, func(s sample) float64 { return s.rate }))
		}
	}
	printLevels(w, results)
	printMemory(w, results)
}

// printLevels prints cost and latency below full load.
func printLevels(w io.Writer, results []result) {
	if len(results) == 0 || len(results[0].rows[0].at[0]) == 0 {
		return
	}
	fmt.Fprint(w, "\n| load | server ")
	for _, l := range levels {
		fmt.Fprintf(w, "| at %.0f %%: µs (of gdnsd) | p50 | p99 ", 100*l)
	}
	fmt.Fprintf(w, "|\n|---|---%s|\n", strings.Repeat("|---", 3*len(levels)))
	for _, res := range results {
		for _, r := range res.rows {
			fmt.Fprintf(w, "| %s, 100 %% = %.0f/s | %s ", res.workload.name, res.slowest(), r.server)
			for i := range levels {
				micros := func(of func(sample) time.Duration) float64 {
					return median(r.at[i], func(s sample) float64 { return float64(of(s)) / 1000 })
				}
				fmt.Fprintf(w, "| %.1f (%s) | %.0f µs | %.0f µs ", cost(r.at[i]),
					res.ratio(r.at[i], func(r row) []sample { return r.at[i] }),
					micros(func(s sample) time.Duration { return s.p50 }), micros(func(s sample) time.Duration { return s.p99 }))
			}
			fmt.Fprintln(w, "|")
		}
	}
}

// printMemory prints what each zone costs to load and to hold.
func printMemory(w io.Writer, results []result) {
	fmt.Fprintln(w, "\n| zone | server | from start to first answer | memory |\n|---|---|---|---|")
	seen := map[string]bool{}
	for _, res := range results {
		if seen[res.workload.data] {
			continue
		}
		seen[res.workload.data] = true
		for _, r := range res.rows {
			fmt.Fprintf(w, "| %s | %s | %.2f s | %.0f MiB |\n", res.workload.data, r.server, r.ready.Seconds(), r.memory)
		}
	}
}

// ratio returns how samples compare with gdnsd's.
func (r result) ratio(samples []sample, of func(row) []sample) string {
	for _, other := range r.rows {
		if other.server == "gdnsd" {
			return fmt.Sprintf("%.2f", cost(samples)/cost(of(other)))
		}
	}
	return "-"
}

// The table stands in the documentation between these lines.
const blockBegin, blockEnd = "<!-- measured: by make bench -->\n", "<!-- measured end -->\n"

// replaceBlock returns text with what stands between the marks replaced.
func replaceBlock(text, block string) (string, bool) {
	before, rest, ok1 := strings.Cut(text, blockBegin)
	_, after, ok2 := strings.Cut(rest, blockEnd)
	return before + blockBegin + block + blockEnd + after, ok1 && ok2
}

// writeBlock writes the table into a file.
func writeBlock(t *testing.T, path, block string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out, ok := replaceBlock(string(text), block)
	if !ok {
		t.Fatalf("%s: the marks %q and %q are not there", path, blockBegin, blockEnd)
	}
	if err := os.WriteFile(path, []byte(out), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestTheDocumentedTableIsWritten into the place that the documentation has for
// it, and reads as a table.
func TestTheDocumentedTableIsWritten(t *testing.T) {
	text, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	s := sample{total: 3, user: time.Second, sys: 2 * time.Second, rate: 1000, p50: time.Millisecond, p99: 2 * time.Millisecond}
	r := row{server: "gdnsd", full: []sample{s}, at: [len(levels)][]sample{{s}, {s}, {s}}}
	printTables(&b, []result{{workload{name: "x"}, []row{r}}})
	out, ok := replaceBlock(string(text), b.String())
	if !ok || !strings.Contains(out, "| x | gdnsd | 1.00 | 2.00 | 3.00 | 3.00–3.00 | 1.00 | 1000 |\n") ||
		!strings.Contains(out, "| x, 100 % = 1000/s | gdnsd | 3.0 (1.00) | 1000 µs | 2000 µs |") {
		t.Errorf("no place for the table in %s, or a bad one:\n%s", docsFile, b.String())
	}
	columns := 0
	for line := range strings.Lines(b.String()) {
		n := strings.Count(line, "|")
		if columns != 0 && n != 0 && n != columns {
			t.Errorf("%d bars, want %d: %s", n, columns, line)
		}
		columns = n
	}
}
