package zone

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// manyHosts returns a zone of so many names, and the names in random order.
func manyHosts(tb testing.TB, count int) (*Zone, [][]byte) {
	tb.Helper()
	text := []byte("$TTL 60\n@ SOA . . 1 2 3 4 5\n@ NS x.\n")
	for i := range count {
		text = fmt.Appendf(text, "host%d A 192.0.2.1\n", i+1)
	}
	z := load(tb, "example.com", string(text))
	names := make([][]byte, 0, count)
	for i := range count {
		names = append(names, mustWire(tb, fmt.Sprintf("host%d.example.com", i+1)))
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return z, names
}

// What an Ahead finds is what is found without, for names of many zones, nested
// ones among them, and for names that are nowhere.
func TestAheadFindsWhatIsFoundWithoutIt(t *testing.T) {
	large, names := manyHosts(t, 2000)
	zones := []*Zone{large}
	for _, origin := range []string{"net", "example.net", "sub.host1.example.com", "a.b.c.d.example.org"} {
		zones = append(zones, load(t, origin, "$TTL 60\n@ SOA . . 1 2 3 4 5\n@ NS x.\nwww A 192.0.2.1\n*.any A 192.0.2.2\n"))
		for _, label := range []string{"", "www.", "WWW.", "none.", "x.any.", "a.b.c.d.e.www."} {
			names = append(names, mustWire(t, label+origin))
		}
	}
	for _, nowhere := range []string{".", "com", "org", "d.example.org", "example.de", "host1.example.de"} {
		names = append(names, mustWire(t, nowhere))
	}
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, set := range []*Set{NewSet(zones), NewSet(zones[:1]), NewSet(zones[4:]), NewSet(nil)} {
		var a Ahead
		for batch := range slices.Chunk(names, AheadSize) {
			a.Start(set)
			for _, name := range batch {
				a.Add(name)
			}
			a.Fetch()
			for i, name := range batch {
				lower := dnswire.AppendLower(nil, name)
				want := set.Number(lower, dnswire.TypeA)
				f, known := a.Found(i)
				if !known && want == None {
					continue
				}
				if !known || f.Number != want {
					t.Fatalf("%s: in zone %d, known %v, want %d of %d", dnswire.FormatName(name), f.Number, known, want, len(set.list))
				}
				if want == None {
					continue
				}
				z := set.list[want]
				if got, want := z.LookupFound(lower, dnswire.TypeA, f), z.Lookup(lower, dnswire.TypeA); got != want {
					t.Errorf("%s: got %+v, want %+v", dnswire.FormatName(name), got, want)
				}
			}
		}
	}
}

// Another name or another zone with the same hash leads nobody astray.
func TestAheadHoldsNamesWithOneHashApart(t *testing.T) {
	z, names := manyHosts(t, 2)
	other := load(t, "example.net", "$TTL 60\n@ SOA . . 1 2 3 4 5\n@ NS x.\n")
	var a Ahead
	a.Start(NewSet([]*Zone{z}))
	a.Add(names[0])
	a.hashes[0] = hash(names[1])
	a.Fetch()
	f, known := a.Found(0)
	if want := z.Lookup(names[0], dnswire.TypeA); !known || z.LookupFound(names[0], dnswire.TypeA, f) != want {
		t.Errorf("the answer is that of another name: %+v, known %v", f.node, known)
	}
	set := NewSet([]*Zone{other, z})
	for i := range set.slots { // the hash of one origin, the zone of the other
		if e := &set.slots[i]; e.node != 0 {
			e.node = 3 - e.node
		}
	}
	a.Start(set)
	a.Add(names[0])
	a.Fetch()
	if f, known := a.Found(0); known {
		t.Errorf("found in zone %d", f.Number)
	}
}

func TestAheadKeepsAndMakesNothing(t *testing.T) {
	z, names := manyHosts(t, 2*AheadSize)
	set := NewSet([]*Zone{z})
	var a Ahead
	round := func() {
		a.Start(set)
		for _, name := range names[:AheadSize] {
			a.Add(name)
		}
		a.Fetch()
	}
	if n := testing.AllocsPerRun(100, round); n != 0 {
		t.Errorf("%v allocations", n)
	}
	a.Start(nil)
	for i := range AheadSize {
		if a.nodes[i] != nil || a.zones[i] != nil {
			t.Errorf("look-up %d keeps a zone", i)
		}
	}
}

// Names of a large zone in random order, each by itself and fetched ahead by
// the batch.
func BenchmarkLookupOfMany(b *testing.B) {
	z, names := manyHosts(b, 500_000)
	set := NewSet([]*Zone{z})
	for _, batch := range []int{1, 8, AheadSize} {
		b.Run(fmt.Sprint("batch=", batch), func(b *testing.B) {
			var a Ahead
			at := 0
			for i := 0; i < b.N; i += batch {
				if at+batch > len(names) {
					at = 0
				}
				lookUp(b, &a, set, names[at:at+batch])
				at += batch
			}
		})
	}
}

func lookUp(b *testing.B, a *Ahead, set *Set, names [][]byte) {
	if len(names) > 1 {
		a.Start(set)
		for _, name := range names {
			a.Add(name)
		}
		a.Fetch()
	}
	for i, name := range names {
		var res Result
		if len(names) > 1 {
			f, _ := a.Found(i)
			res = set.list[f.Number].LookupFound(name, dnswire.TypeA, f)
		} else {
			res = set.Find(name, dnswire.TypeA).Lookup(name, dnswire.TypeA)
		}
		if res.Set == nil || res.Set.First()[0] != 192 {
			b.Fatal("not found")
		}
	}
}
