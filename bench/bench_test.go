// Package bench measures what a query costs each of several name servers,
// in processor time of the server: geodns beside gdnsd, Knot and NSD (Debian's
// packages; those that are missing are left out), with the same data and the
// same load, in the same run.
//
//	go test -v -run TestServersSideBySide ./bench -args -bench
//
// It does not measure how many queries a second a server can take: on one
// machine that says as much about the load generator.
package bench

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	long   = flag.Bool("bench", false, "measure for minutes, not seconds")
	write  = flag.Bool("write", false, "write the table into "+docsFile)
	only   = flag.String("only", "", "measure only this workload")
	server = flag.String("server", "", "measure only these servers, by comma")
	also   = flag.String("also", "", "further programs of geodns, NAME=PATH by comma")
	span   = flag.Duration("span", 0, "time of one measurement; 0: what -bench says")
	rounds = flag.Int("rounds", 0, "measurements of each kind; 0: what -bench says")
	steady = flag.Bool("steady", true, "with -bench: also below full load")
	share  = flag.Bool("share", false, "do not pin: servers and load on all processors, one server thread for each")
	hold   = flag.String("hold", "", "only put the server under this workload for the span and print its process number, for a profiler")
	pace   = flag.Float64("pace", 0, "queries per second with -hold (0: as many as it takes)")
)

// docsFile holds the table.
const docsFile = "../docs/performance.md"

// setting is how much is measured.
type setting struct {
	rounds     int
	span, warm time.Duration
	levels     bool // also at parts of what the slowest server takes
}

func settings() setting {
	s := setting{rounds: 1, span: 150 * time.Millisecond, warm: 50 * time.Millisecond}
	if *long {
		s = setting{rounds: 7, span: 700 * time.Millisecond, warm: 150 * time.Millisecond, levels: *steady}
	}
	if *span > 0 {
		s.span = *span
	}
	if *rounds > 0 {
		s.rounds = *rounds
	}
	return s
}

// TestServersSideBySide starts the servers side by side and puts each under the
// same load in turn, round after round, so that what else the machine does hits
// all of them alike. It fails if a server answers wrongly or hardly at all, never
// because of a number: those are for people to read.
func TestServersSideBySide(t *testing.T) {
	if testing.Short() {
		t.Skip("starts four servers")
	}
	place, set := choosePlace(*share), settings()
	addGeodns(t, *also)
	small := makeData(1, staticNames)
	results := measureZone(t, small, workloads(small), place, set)
	if *long && *hold == "" {
		many := makeData(manyZones, zoneNames)
		results = append(results, measureZone(t, many, []workload{namesOfManyZones(many)}, place, set)...)
		large := makeData(1, manyStaticNames)
		results = append(results, measureZone(t, large, []workload{manyNames(large)}, place, set)...)
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%s; %s; %d rounds of %v; µs of processor time of the server for each query.\n\n", machine(), place.text, set.rounds, set.span)
	printTables(&table, results)
	fmt.Print(table.String())
	if *write {
		writeBlock(t, docsFile, table.String())
	}
}

// measureZone starts the servers with a zone and measures the workloads.
func measureZone(t *testing.T, d *data, ws []workload, place placement, set setting) (results []result) {
	ws = slices.DeleteFunc(ws, func(w workload) bool { return *only != "" && w.name != *only })
	if len(ws) == 0 && *hold == "" {
		return nil
	}
	t.Run(d.String(), func(t *testing.T) { // so that the servers end with it
		servers := startServers(t, d, place)
		if *hold != "" {
			holdLoad(t, servers, d, place)
			return
		}
		for _, w := range ws {
			results = append(results, measureWorkload(t, servers, w, place, set))
		}
	})
	return results
}

// measureWorkload measures all servers that can answer a workload.
func measureWorkload(t *testing.T, servers []*process, w workload, place placement, set setting) result {
	t.Helper()
	res := result{workload: w}
	servers = slices.DeleteFunc(slices.Clone(servers), func(s *process) bool { return !w.answeredBy(s.name) })
	for _, s := range servers {
		res.rows = append(res.rows, row{server: s.name, ready: s.ready, memory: s.memory(t)})
	}
	// The order changes from round to round: who comes after whom makes a difference
	// of some percent.
	order := rand.New(rand.NewPCG(1, 2))
	round := func(each func(s *process, r *row)) {
		for _, i := range order.Perm(len(servers)) {
			each(servers[i], &res.rows[i])
		}
	}
	for range set.rounds {
		round(func(s *process, r *row) {
			r.full = append(r.full, measure(t, s, w, place, set, 0))
		})
	}
	if !set.levels {
		return res
	}
	for i, part := range levels {
		rate := part * res.slowest()
		for range set.rounds {
			round(func(s *process, r *row) {
				r.at[i] = append(r.at[i], measure(t, s, w, place, set, rate))
			})
		}
	}
	return res
}

// sample is one measurement of one server under one load.
type sample struct {
	total     float64       // processor time of the server, µs per query
	user, sys time.Duration // of which, as sampled by the kernel
	rate      float64       // answers per second
	p50, p99  time.Duration
}

// attempts bounds how often a measurement is repeated on a machine that is so
// busy with other things that it says nothing.
const attempts = 5

// measure loads a server and measures what its answers cost. rate is in
// queries per second; 0 keeps a window full instead.
func measure(t *testing.T, s *process, w workload, place placement, set setting, rate float64) sample {
	t.Helper()
	for range attempts {
		if smp := measureOnce(t, s, w, place, set, rate); smp.rate > enough(rate) {
			return smp
		}
	}
	t.Fatalf("%s, %s: hardly an answer, %d times", s.name, w.name, attempts)
	return sample{}
}

// enough is the least rate at which a measurement says something.
func enough(rate float64) float64 {
	if rate == 0 {
		return 1000
	}
	return min(1000, rate/4)
}

// measureOnce reads the processor time of a server and the count of answers at
// both ends of the span, while the load goes on.
func measureOnce(t *testing.T, s *process, w workload, place placement, set setting, rate float64) sample {
	t.Helper()
	g, err := newGenerator(s.addr, w, rate)
	if err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	done := g.start(place.load)
	time.Sleep(set.warm)
	g.resetLatency.Store(true)
	begin, cpu0, n0 := time.Now(), s.cpu(t), g.answered.Load()
	time.Sleep(set.span)
	took, cpu1, n1 := time.Since(begin), s.cpu(t), g.answered.Load()
	g.stop.Store(true)
	if err := <-done; err != nil {
		t.Fatalf("%s, %s: %v", s.name, w.name, err)
	}
	if g.wrong > 0 {
		t.Fatalf("%s, %s: %d answers are wrong, the first: %x", s.name, w.name, g.wrong, g.firstWrong)
	}
	n := max(1, float64(n1-n0))
	return sample{
		total: float64((cpu1.all - cpu0.all).Nanoseconds()) / 1000 / n,
		user:  cpu1.user - cpu0.user, sys: cpu1.sys - cpu0.sys,
		rate: n / took.Seconds(), p50: g.latency.percentile(50), p99: g.latency.percentile(99),
	}
}

// holdLoad keeps one server, or each in turn, under load for a profiler.
func holdLoad(t *testing.T, servers []*process, data *data, place placement) {
	for _, w := range workloads(data) {
		if w.name != *hold {
			continue
		}
		for _, s := range servers {
			fmt.Printf("PID %d is %s\n", s.cmd.Process.Pid, s.name)
			smp := measure(t, s, w, place, settings(), *pace)
			t.Logf("%.2f µs, %.0f/s", smp.total, smp.rate)
		}
	}
}
