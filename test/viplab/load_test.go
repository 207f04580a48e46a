package viplab

import (
	"flag"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

var loadFor = flag.Duration("load-for", time.Minute, "with -lab: how long each pair bears a busy machine")

// TestLoad keeps a pair with an advertisement every 10 ms on a machine that
// has twice as much to do as it can, and counts how often the address moved
// with nothing wrong.
func TestLoad(t *testing.T) {
	if !*whole {
		t.Skip("takes minutes: -args -lab")
	}
	s := settings[len(settings)-1]
	for _, p := range pairs {
		for _, busy := range []bool{false, true} {
			name := "calm"
			if busy {
				name = "busy"
			}
			if chosen(*pairF, p.String()) && chosen(*eventF, name) {
				t.Run(p.String()+"/"+name, func(t *testing.T) { bears(t, s, p, name, busy) })
			}
		}
	}
}

func bears(t *testing.T, s setting, p pair, name string, busy bool) {
	w := newPair(t, s, p, "")
	w.b.start()
	w.a.start()
	w.settle()
	from := now()
	if busy {
		for range runtime.NumCPU() {
			burn(t, "while :; do :; done")         // computes
			burn(t, "while :; do /bin/true; done") // starts processes
		}
	}
	r := result{Setting: s.name, Pair: p.String(), Event: name, Moved: -1, Back: -1}
	for at := from; now() < from+*loadFor; at = now() {
		time.Sleep(10 * time.Second) // the client remembers half a minute
		if gap := w.client.gap(at); gap > r.Gap {
			r.Gap = gap
			t.Log(w.story(at))
		}
	}
	r.Takeovers = len(w.b.vips.since(from))
	record(t, r)
	t.Logf("%s, %s, %s: the address moved %d times in %v", s.name, p, name, r.Takeovers, *loadFor)
	if r.Takeovers > 0 && p.a == isVipd && p.b == isVipd {
		t.Errorf("moved %d times with nothing wrong: %s\n%s\n%s", r.Takeovers, w.story(from), w.a.said(), w.b.said())
	}
}

// burn keeps a shell busy until the test ends.
func burn(t *testing.T, script string) {
	cmd := exec.Command("sh", "-c", script)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}
