// Package cpubench measures what a query costs each of several name servers,
// in processor time of the server: geodns beside gdnsd, Knot and NSD (Debian's
// packages; those that are missing are left out), with the same data and the
// same load, in the same run.
//
//	go test -v -run TestCPUPerQuery ./test/cpubench -args -bench
//
// It does not measure how many queries a second a server can take: on one
// machine that says as much about the load generator.
package cpubench

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"
)

var (
	long   = flag.Bool("bench", false, "measure for minutes, not seconds")
	only   = flag.String("only", "", "measure only this workload")
	server = flag.String("server", "", "measure only this server")
	span   = flag.Duration("span", 0, "time of one measurement; 0: what -bench says")
	rounds = flag.Int("rounds", 0, "measurements of each kind; 0: what -bench says")
	share  = flag.Bool("share", false, "do not pin: servers and load on all processors, one server thread for each")
	hold   = flag.String("hold", "", "only put the server under this workload for the span and print its process number, for a profiler")
	pace   = flag.Float64("pace", 0, "queries per second with -hold (0: as many as it takes), and instead of half")
)

// setting is how much is measured.
type setting struct {
	rounds     int
	span, warm time.Duration
	paced      bool // also latency, at half of what the slowest server can take
}

func settings() setting {
	s := setting{rounds: 2, span: 200 * time.Millisecond, warm: 50 * time.Millisecond}
	if *long {
		s = setting{rounds: 7, span: 1500 * time.Millisecond, warm: 200 * time.Millisecond, paced: true}
	}
	if *span > 0 {
		s.span = *span
	}
	if *rounds > 0 {
		s.rounds = *rounds
	}
	return s
}

// TestCPUPerQuery starts the servers side by side and puts each under the same
// load in turn, round after round, so that what else the machine does hits all
// of them alike. It fails if a server answers wrongly or hardly at all, never
// because of a number: those are for people to read.
func TestCPUPerQuery(t *testing.T) {
	if testing.Short() {
		t.Skip("starts four servers")
	}
	place := choosePlace(*share)
	data := makeData()
	servers := startServers(t, data, place)
	if *hold != "" {
		holdLoad(t, servers, data, place)
		return
	}
	set := settings()
	var results []result
	for _, w := range workloads(data) {
		if *only != "" && w.name != *only {
			continue
		}
		results = append(results, measureWorkload(t, servers, w, place, set))
	}
	printTable(os.Stdout, machine(), place, set, results)
}

// measureWorkload measures all servers that can answer a workload.
func measureWorkload(t *testing.T, servers []*process, w workload, place placement, set setting) result {
	t.Helper()
	res := result{workload: w}
	for _, s := range servers {
		if w.answeredBy(s.name) {
			res.rows = append(res.rows, row{server: s.name})
		}
	}
	round := func(each func(s *process, r *row)) {
		i := 0
		for _, s := range servers {
			if w.answeredBy(s.name) {
				each(s, &res.rows[i])
				i++
			}
		}
	}
	for range set.rounds {
		round(func(s *process, r *row) {
			r.full = append(r.full, measure(t, s, w, place, set, 0))
		})
	}
	if !set.paced {
		return res
	}
	rate := res.slowest() / 2
	if *pace > 0 {
		rate = *pace
	}
	for range set.rounds {
		round(func(s *process, r *row) {
			r.half = append(r.half, measure(t, s, w, place, set, rate))
		})
	}
	return res
}

// sample is one measurement of one server under one load.
type sample struct {
	user, sys float64 // processor time of the server, µs per query
	rate      float64 // answers per second
	p50, p99  time.Duration
}

func (s sample) total() float64 { return s.user + s.sys }

// attempts bounds how often a measurement is repeated on a machine that is so
// busy with other things that it says nothing.
const attempts = 5

// measure loads a server and measures what its answers cost. rate is in
// queries per second; 0 keeps a window full instead.
func measure(t *testing.T, s *process, w workload, place placement, set setting, rate float64) sample {
	t.Helper()
	for range attempts {
		if smp := measureOnce(t, s, w, place, set, rate); smp.rate > 1000 {
			return smp
		}
	}
	t.Fatalf("%s, %s: less than 1000 answers per second, %d times", s.name, w.name, attempts)
	return sample{}
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
		user: float64((cpu1.user - cpu0.user).Nanoseconds()) / 1000 / n,
		sys:  float64((cpu1.sys - cpu0.sys).Nanoseconds()) / 1000 / n,
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
			if *server != "" && s.name != *server {
				continue
			}
			fmt.Printf("PID %d is %s\n", s.cmd.Process.Pid, s.name)
			smp := measure(t, s, w, place, settings(), *pace)
			t.Logf("%.2f µs user, %.2f µs sys, %.0f/s", smp.user, smp.sys, smp.rate)
		}
	}
}
