package vrrp

import (
	"testing"
	"time"
)

// follower returns a Backup that follows a Master, and the Master's packet.
func follower() (Router, Packet) {
	c := simConfigs(0)[1]
	c.Trackers = nil
	r, _ := New(c).Step(Start{})
	a := Advert{Version: V3, VRID: 51, Priority: 200, Interval: c.Interval, VIPs: c.VIPs}
	src := addr("10.0.0.9")
	return r, Packet{src, GroupV4, 255, AppendAdvert(nil, a, src, GroupV4)}
}

// TestAllocationBudget keeps garbage low for many instances at 10 ms.
func TestAllocationBudget(t *testing.T) {
	r, p := follower()
	rules := r.cfg.Rules
	bad := p
	bad.TTL = 64
	a := Advert{Version: V3, VRID: 51, Priority: 200, Interval: time.Second, VIPs: addrs("10.0.0.100")}
	buf := make([]byte, 0, 64)
	for _, c := range []struct {
		name   string
		budget float64
		run    func()
	}{
		{"refuse a packet", 0, func() { ParseAdvert(bad, &rules) }},
		{"parse an advert", 1, func() { ParseAdvert(p, &rules) }},
		{"write an advert", 0, func() { AppendAdvert(buf, a, p.Src, p.Dst) }},
		{"take an advert as backup", 6, func() {
			advert, _ := ParseAdvert(p, &rules)
			r, _ = r.Step(AdvertReceived{At: r.now + time.Millisecond, From: p.Src, Advert: advert})
		}},
	} {
		if got := testing.AllocsPerRun(100, c.run); got > c.budget {
			t.Errorf("%s: %v allocations, budget %v", c.name, got, c.budget)
		}
	}
}

func BenchmarkParseAdvert(b *testing.B) {
	r, p := follower()
	rules := r.cfg.Rules
	b.ReportAllocs()
	for b.Loop() {
		ParseAdvert(p, &rules)
	}
}

func BenchmarkBackupTakesAdvert(b *testing.B) {
	r, p := follower()
	advert, _ := ParseAdvert(p, &r.cfg.Rules)
	b.ReportAllocs()
	for b.Loop() {
		r, _ = r.Step(AdvertReceived{At: r.now + time.Millisecond, From: p.Src, Advert: advert})
	}
}

func BenchmarkMasterTimer(b *testing.B) {
	c := simConfigs(0)[0]
	c.Trackers, c.Priority = nil, PriorityOwner
	r, _ := New(c).Step(Start{})
	b.ReportAllocs()
	for b.Loop() {
		r, _ = r.Step(Wake{At: r.timer})
	}
}
