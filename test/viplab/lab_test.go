package viplab

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

var (
	whole    = flag.Bool("lab", false, "the whole laboratory: an hour, not seconds")
	settingF = flag.String("settings", "", "with -lab: only the settings that match")
	pairF    = flag.String("pairs", "", "with -lab: only the pairs that match, such as vipd-keepalived")
	eventF   = flag.String("events", "", "with -lab: only the events that match")
	rounds   = flag.Int("rounds", 3, "with -lab: of each event")
	heals    = flag.Int("heals", 100, "with -lab: partitions that heal between two vipd; a fifth as many with keepalived")
	at       = flag.Int("at-once", 3, "with -lab: worlds measured at a time")
	each     = flag.Bool("each", false, "a line in the tables for each setting, not for each interval")
	docFile  = flag.String("doc", "", "write the tables into this document")
	rawFile  = flag.String("raw", "", "append every round to this file, as JSON, and make the table of all that it holds")
)

func run(m *testing.M) int {
	flag.Parse()
	// A thread that returns from the kernel must find a free processor of Go's,
	// and no thread may be stopped by the garbage collector.
	runtime.GOMAXPROCS(128)
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(1 << 30)
	endAllOnSignal()
	if *whole {
		_ = flag.Set("test.parallel", strconv.Itoa(*at))
	}
	defer func() {
		if path, err := built(); err == nil {
			os.RemoveAll(filepath.Dir(path))
		}
	}()
	code := m.Run()
	if *whole {
		report()
	}
	return code
}

// pair is what runs on a and b.
type pair struct{ a, b string }

func (p pair) String() string { return p.a + "-" + p.b }

var pairs = []pair{{isVipd, isVipd}, {isKeepalived, isKeepalived}, {isVipd, isKeepalived}, {isKeepalived, isVipd}}

func chosen(pattern, name string) bool { return regexp.MustCompile(pattern).MatchString(name) }

// log holds what was measured.
var log struct {
	sync.Mutex
	results []result
}

func record(t testing.TB, r result) {
	t.Logf("%s, %s, %s: gap %v, moved after %v, on both %v; back: gap %v after %v", r.Setting, r.Pair, r.Event,
		r.Gap.Round(100*time.Microsecond), r.Moved.Round(time.Millisecond), r.Both.Round(time.Millisecond),
		r.BackGap.Round(100*time.Microsecond), r.Back.Round(time.Millisecond))
	log.Lock()
	defer log.Unlock()
	log.results = append(log.results, r)
	if *rawFile == "" {
		return
	}
	f, err := os.OpenFile(*rawFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := json.NewEncoder(f).Encode(r); err != nil {
		t.Fatal(err)
	}
}

// newPair installs a pair in a new world; nothing runs yet. more goes into the
// instance of a.
func newPair(t *testing.T, s setting, p pair, more string) *world {
	t.Helper()
	if (p.a == isKeepalived || p.b == isKeepalived) && !haveKeepalived() {
		t.Skip("keepalived is not installed")
	}
	w := newWorld(t, s)
	w.a.install(p.a, more)
	w.b.install(p.b, "")
	repair(w)
	w.a.startService()
	t.Cleanup(w.a.endService)
	return w
}

// play starts a pair in a new world and plays events on it.
func play(t *testing.T, s setting, p pair, more string, events []event, rounds int) {
	t.Helper()
	w := newPair(t, s, p, more)
	w.b.start()
	w.a.start()
	for i := range events {
		for range rounds {
			r := w.round(&events[i])
			r.Pair = p.String()
			judge(t, w, p, &events[i], &r)
			record(t, r)
		}
	}
}

// byMore groups events by what they want in the instance of a.
func byMore(of []event) map[string][]event {
	out := map[string][]event{}
	for _, e := range of {
		out[e.more] = append(out[e.more], e)
	}
	return out
}

// TestLab measures every event in every setting with every pair.
func TestLab(t *testing.T) {
	if !*whole {
		t.Skip("takes the better part of an hour: -args -lab")
	}
	for _, s := range settings {
		if !chosen(*settingF, s.name) {
			continue
		}
		for _, p := range pairs {
			if !chosen(*pairF, p.String()) {
				continue
			}
			var want []event
			for _, e := range events {
				if chosen(*eventF, e.name) && !(e.onlyVipd && p.a != isVipd) {
					want = append(want, e)
				}
			}
			for more, events := range byMore(want) {
				t.Run(s.name+"/"+p.String()+"/"+events[0].name, func(t *testing.T) {
					if s.advert >= 100*time.Millisecond {
						t.Parallel() // short adverts are measured alone
					}
					play(t, s, p, more, events, *rounds)
				})
			}
		}
	}
}

// TestHeals lets partitions heal, at any moment between two adverts: the first
// thing that one node hears of the other again decides who announces.
func TestHeals(t *testing.T) {
	if !*whole {
		t.Skip("takes many minutes: -args -lab")
	}
	var of []setting
	for _, s := range settings {
		if s.name == "v2 1 s" || s.name == "v3 0.1 s" || s.name == "v3 0.01 s" {
			of = append(of, s)
		}
	}
	for i, s := range of {
		for _, p := range pairs {
			n := *heals
			if p != (pair{isVipd, isVipd}) {
				n /= 5
			}
			n = (n + i) / len(of)
			if chosen(*settingF, s.name) && chosen(*pairF, p.String()) {
				t.Run(s.name+"/"+p.String(), func(t *testing.T) {
					t.Parallel()
					play(t, s, p, "", []event{eventNamed("partition")}, n)
				})
			}
		}
	}
}

func eventNamed(name string) event {
	return events[slices.IndexFunc(events, func(e event) bool { return e.name == name })]
}

// TestMoves is the part of the laboratory that every test run can afford.
func TestMoves(t *testing.T) {
	if *whole || testing.Short() {
		t.Skip("the laboratory does more")
	}
	s := settings[slices.IndexFunc(settings, func(s setting) bool { return s.name == "v3 0.1 s" })]
	for p, names := range map[pair][]string{
		{isVipd, isVipd}:       {"stop", "power", "kill -9", "partition", "process"},
		{isVipd, isKeepalived}: {"stop", "partition"},
		{isKeepalived, isVipd}: {"stop", "power"},
	} {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			var of []event
			for _, name := range names {
				of = append(of, eventNamed(name))
			}
			more := ""
			if p.a == isVipd {
				more = eventNamed("process").more
			}
			play(t, s, p, more, of, 1)
		})
	}
}
