package zone

import (
	"fmt"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// sample is how many names are asked for in one measurement: few enough to stay
// in the processor's caches, so that steps are compared and not how much of a
// large zone a small cache holds.
const sample = 128

// leastTimes returns the least time of each of the functions over many rounds in
// turn. What else a machine does can only add to it.
func leastTimes(of ...func()) []time.Duration {
	least := make([]time.Duration, len(of))
	for round := range 200 {
		for i, f := range of {
			begin := time.Now()
			f()
			if took := time.Since(begin); round == 0 || took < least[i] {
				least[i] = took
			}
		}
	}
	return least
}

// TestALookUpCostsTheSameInAnyZone compares a hundred names with a hundred
// thousand: at most twice the time for a thousand times the names.
func TestALookUpCostsTheSameInAnyZone(t *testing.T) {
	const few, many = 100 * 2, 100_000 * 2 // records; half as many names
	extra := "*.wild A 192.0.2.1\n"
	small := load(t, "example.com", string(bigZone(few))+extra)
	large := load(t, "example.com", string(bigZone(many))+extra)
	for _, c := range []struct {
		what, form string
		want       Outcome
	}{
		{"a host", "host%d.example.com", Answer},
		{"an alias", "alias%d.example.com", CNAME},
		{"no such name", "nowhere%d.example.com", NXDomain},
		{"by the wildcard", "w%d.wild.example.com", Answer},
		{"delegated", "www.sub%d.example.com", Delegation},
	} {
		asked := func(z *Zone, records int) func() {
			var names [][]byte
			for i := range sample {
				n := i * records / sample
				switch c.what {
				case "a host":
					n = n / 8 * 4 // bigZone has a host n/2 for the first of each eight records
				case "an alias":
					n = n/8*8 + 4
				case "delegated":
					n = n/8*8 + 7
				}
				names = append(names, mustWire(t, fmt.Sprintf(c.form, n)))
				if got := z.Lookup(names[i], dnswire.TypeA).Outcome; got != c.want {
					t.Fatalf("%q: outcome %v, want %v", names[i], got, c.want)
				}
			}
			return func() {
				for _, name := range names {
					z.Lookup(name, dnswire.TypeA)
				}
			}
		}
		least := leastTimes(asked(small, few), asked(large, many))
		t.Logf("%s: %v each of few, %v of many", c.what, least[0]/sample, least[1]/sample)
		if least[1] > 2*least[0] {
			t.Errorf("%s: %v for %d look-ups in a large zone, %v in a small one", c.what, least[1], sample, least[0])
		}
	}
}

// TestTheZoneIsFoundAtTheSameCostAmongMany compares four zones with four
// thousand.
func TestTheZoneIsFoundAtTheSameCostAmongMany(t *testing.T) {
	const few, many = 4, 4000
	set := func(n int) *Set {
		var zones []*Zone
		for i := range n {
			zones = append(zones, load(t, fmt.Sprintf("z%d.example", i), "$TTL 60\n@ SOA . . 1 2 3 4 5\n@ NS x\nx A 192.0.2.1\n"))
		}
		return NewSet(zones)
	}
	asked := func(s *Set, zones int) func() {
		var names [][]byte
		for i := range sample {
			names = append(names, mustWire(t, fmt.Sprintf("www.z%d.example", i*zones/sample)))
			if s.Find(names[i], dnswire.TypeA) == nil {
				t.Fatalf("no zone for %q", names[i])
			}
		}
		return func() {
			for _, name := range names {
				s.Find(name, dnswire.TypeA)
			}
		}
	}
	least := leastTimes(asked(set(few), few), asked(set(many), many))
	t.Logf("%v each among few zones, %v among many", least[0]/sample, least[1]/sample)
	if least[1] > 2*least[0] {
		t.Errorf("%v for %d look-ups among %d zones, %v among %d", least[1], sample, many, least[0], few)
	}
}
