package viplab

import (
	"testing"
	"time"
)

// comeback is how a node of higher priority that was away is to come back.
type comeback struct {
	name, more string
	// after is how long it leaves the other one in place; negative: for ever.
	after time.Duration
}

var comebacks = []comeback{
	{"nopreempt", "nopreempt", -1},
	{"preempt_delay 3", "preempt_delay 3", 3 * time.Second},
}

// TestReturn stops a, starts it again and sees when it takes the address back.
func TestReturn(t *testing.T) {
	if !*whole {
		t.Skip("takes a minute: -args -lab")
	}
	for _, s := range settings {
		if s.name != "v2 1 s" && s.name != "v3 0.1 s" || !chosen(*settingF, s.name) {
			continue
		}
		for _, p := range pairs {
			for _, c := range comebacks {
				if chosen(*pairF, p.String()) && chosen(*eventF, c.name) {
					t.Run(s.name+"/"+p.String()+"/"+c.name, func(t *testing.T) {
						t.Parallel()
						for range *rounds {
							comesBack(t, s, p, c)
						}
					})
				}
			}
		}
	}
}

func comesBack(t *testing.T, s setting, p pair, c comeback) {
	w := newPair(t, s, p, c.more)
	_, longest := s.down()
	w.a.start() // first, or it would never be master
	w.must(2*longest+10*time.Second, "a is master", func() bool { return w.client.answeredBy('a', 100*time.Millisecond) })
	w.b.start()
	time.Sleep(longest + 1500*time.Millisecond)
	at := now()
	w.a.stop()
	w.a.wait()
	w.must(2*longest+10*time.Second, "b is master", func() bool { return w.client.answeredBy('b', 100*time.Millisecond) })
	r := result{Setting: s.name, Pair: p.String(), Event: c.name, Gap: w.client.gap(at), Moved: w.b.vips.gained(at) - at}
	at = now()
	w.a.start()
	// keepalived takes about a second to start after an orderly end.
	within(max(c.after, 0)+2*longest+3*time.Second, func() bool { return w.client.answeredBy('a', 300*time.Millisecond) })
	r.BackGap, r.Back, r.Both = w.client.gap(at), w.a.vips.gained(at)-at, onBoth(w.a.vips, w.b.vips, at)
	record(t, r)
	switch {
	case c.after < 0 && r.Back >= 0:
		t.Errorf("%s, %s, %s: a came back after %v", s.name, p, c.name, r.Back)
	case c.after >= 0 && r.Back < c.after:
		t.Errorf("%s, %s, %s: a came back after %v, before its time, or never", s.name, p, c.name, r.Back)
	}
}
