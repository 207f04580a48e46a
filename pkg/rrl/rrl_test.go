package rrl

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
)

var victim = netip.MustParseAddr("192.0.2.7")

func answer(to netip.Addr) Answer {
	return Answer{To: to, Class: Positive, Subject: []byte("\x03www\x07example\x03com\x00"), Type: 1}
}

// flood sends n answers and returns how many went out whole and truncated.
func flood(l *Limiter, turn *Turn, a Answer, now uint32, n int) (sent, slipped int) {
	for range n {
		switch l.Decide(turn, a, now) {
		case Send:
			sent++
		case Slip:
			slipped++
		}
	}
	return sent, slipped
}

func TestABlockGetsTheRateAndASlip(t *testing.T) {
	l, turn := New(Config{Rate: 10, Window: 15, Slip: 2}, [16]byte{1}), new(Turn)
	for _, step := range []struct {
		what          string
		now           uint32
		n             int
		sent, slipped int
	}{
		{"the first second", 100, 30, 10, 10},
		{"while it lasts", 101, 30, 0, 15},
		{"a flood that never ends", 102, 1000, 0, 500},
		{"in debt for the window", 110, 2, 0, 1},
		{"paid off", 118, 8, 8, 0},
		{"long after", 1000, 12, 10, 1},
		{"before the clock's wrap", 1<<20 - 1, 30, 10, 10},
		{"after it", 1<<20 + 1, 12, 0, 6},
	} {
		if sent, slipped := flood(l, turn, answer(victim), step.now, step.n); sent != step.sent || slipped != step.slipped {
			t.Errorf("%s: %d sent, %d slipped, want %d and %d", step.what, sent, slipped, step.sent, step.slipped)
		}
	}
}

func TestWhatIsCountedTogether(t *testing.T) {
	first := answer(victim)
	with := func(change func(*Answer)) Answer { a := first; change(&a); return a }
	for _, c := range []struct {
		what     string
		a, b     Answer
		together bool
	}{
		{"another address of the /24", first, with(func(a *Answer) { a.To = netip.MustParseAddr("192.0.2.200") }), true},
		{"the mapped address", first, with(func(a *Answer) { a.To = netip.MustParseAddr("::ffff:192.0.2.7") }), true},
		{"another /24", first, with(func(a *Answer) { a.To = netip.MustParseAddr("192.0.3.7") }), false},
		{"another name", first, with(func(a *Answer) { a.Subject = []byte("\x01a\x00") }), false},
		{"another type", first, with(func(a *Answer) { a.Type = 28 }), false},
		{"another class", first, with(func(a *Answer) { a.Class = NoData }), false},
		{"an empty answer of another type", with(func(a *Answer) { a.Class = NoData }), with(func(a *Answer) { a.Class, a.Type = NoData, 28 }), true},
		{"errors about anything", with(func(a *Answer) { a.Class = Error }), with(func(a *Answer) { a.Class, a.Subject = Error, nil }), true},
		{"an IPv6 /56", with(func(a *Answer) { a.To = netip.MustParseAddr("2001:db8::1") }), with(func(a *Answer) { a.To = netip.MustParseAddr("2001:db8:0:ff::1") }), true},
		{"another IPv6 /56", with(func(a *Answer) { a.To = netip.MustParseAddr("2001:db8::1") }), with(func(a *Answer) { a.To = netip.MustParseAddr("2001:db8:0:100::1") }), false},
	} {
		l, turn := New(Config{Rate: 5, Window: 1}, [16]byte{2}), new(Turn)
		flood(l, turn, c.a, 1, 5)
		if sent, _ := flood(l, turn, c.b, 1, 1); (sent == 0) != c.together {
			t.Errorf("%s: %d sent, counted together should be %v", c.what, sent, c.together)
		}
	}
}

func TestExemptAndWithoutSlip(t *testing.T) {
	l, turn := New(Config{Rate: 1, Window: 1, Exempt: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}, [16]byte{}), new(Turn)
	if sent, _ := flood(l, turn, answer(netip.MustParseAddr("::ffff:198.51.100.9")), 1, 50); sent != 50 {
		t.Errorf("%d of 50 sent to an exempt client", sent)
	}
	if sent, slipped := flood(l, turn, answer(victim), 1, 50); sent != 1 || slipped != 0 {
		t.Errorf("%d sent, %d slipped, want 1 and 0", sent, slipped)
	}
}

// The slow, obvious limiter: a map, no table.
type ledger map[string]struct {
	at      uint32
	balance int
}

func (l ledger) debit(c Config, key string, now uint32) bool {
	e, known := l[key]
	balance := c.Rate
	if known {
		balance = min(e.balance+int(now-e.at)*c.Rate, c.Rate)
	}
	e.at, e.balance = now, max(balance-1, -c.Rate*c.Window)
	l[key] = e
	return e.balance >= 0
}

func TestAgreesWithALedger(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	c := Config{Rate: 3, Window: 4}
	l, slow, turn := New(c, [16]byte{3}), ledger{}, new(Turn)
	now := uint32(1<<20 - 5)
	for i := range 20000 {
		if rng.IntN(20) == 0 {
			now += uint32(rng.IntN(4))
		}
		a := answer(netip.AddrFrom4([4]byte{10, 0, byte(rng.IntN(8)), 1}))
		got := l.Decide(turn, a, now) == Send
		if want := slow.debit(c, a.To.String(), now); got != want {
			t.Fatalf("answer %d to %v at %d: got %v, want %v", i, a.To, now, got, want)
		}
	}
}

// A flood that forges every source must not make the limiter forget whom another
// flood hits, nor hold up clients that it never saw.
func TestAFloodFromEverywhereWashesNobodyOut(t *testing.T) {
	l, turn := New(Config{Rate: 5, Window: 15}, [16]byte{4}), new(Turn)
	flood(l, turn, answer(victim), 1, 200)
	for i := range uint32(1 << 20) {
		var ip [4]byte
		binary.BigEndian.PutUint32(ip[:], 0x20000000+i<<8)
		if l.Decide(turn, answer(netip.AddrFrom4(ip)), 1) != Send {
			t.Fatalf("the first answer to %v was not sent", netip.AddrFrom4(ip))
		}
	}
	if sent, _ := flood(l, turn, answer(victim), 2, 20); sent != 0 {
		t.Errorf("%d sent to the victim: its debt is forgotten", sent)
	}
}

func TestDecideAllocatesNothing(t *testing.T) {
	l, turn, a := New(Config{Rate: 5, Window: 15, Slip: 2}, [16]byte{4}), new(Turn), answer(victim)
	if n := testing.AllocsPerRun(100, func() { l.Decide(turn, a, 1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDecide(b *testing.B) {
	l, turn, a := New(Config{Rate: 100000, Window: 15, Slip: 2}, [16]byte{4}), new(Turn), answer(victim)
	for i := 0; b.Loop(); i++ {
		l.Decide(turn, a, uint32(i>>10))
	}
}
