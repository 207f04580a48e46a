package zone

import (
	"fmt"
	"math/rand/v2"
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

func TestAheadFetchesWhatIsFound(t *testing.T) {
	z, names := manyHosts(t, manyNames)
	if !NewSet([]*Zone{z}).Large() {
		t.Fatal("the zone is not large")
	}
	var a Ahead
	none := mustWire(t, "none.example.com")
	add := func() {
		for _, name := range names[:aheadSize+8] {
			a.Add(z, name)
		}
		a.Add(z, none)
	}
	wrong := 0
	for _, name := range names {
		if z.first(hash(name)) != z.find(name) {
			wrong++ // two names with one hash
		}
	}
	if wrong > 10 {
		t.Errorf("%d of %d names are not fetched", wrong, len(names))
	}
	add()
	if a.n != aheadSize {
		t.Errorf("%d look-ups taken up, want %d", a.n, aheadSize)
	}
	a.Fetch()
	if a.n != 0 || a.index[0] != nil || a.node[0] != nil {
		t.Errorf("after it is done it holds %d look-ups", a.n)
	}
	if n := testing.AllocsPerRun(100, func() { add(); a.Fetch() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	small := load(t, "example.com", "$TTL 60\n@ SOA . . 1 2 3 4 5\n@ NS x.\n")
	if a.Add(small, names[0]); a.n != 0 || NewSet([]*Zone{small}).Large() {
		t.Error("a small zone is taken for a large one")
	}
}

// Names of a large zone in random order, each by itself and fetched ahead by
// the batch.
func BenchmarkLookupOfMany(b *testing.B) {
	z, names := manyHosts(b, 500_000)
	for _, batch := range []int{1, 8, aheadSize} {
		b.Run(fmt.Sprint("batch=", batch), func(b *testing.B) {
			var a Ahead
			at := 0
			for i := 0; i < b.N; i += batch {
				if at+batch > len(names) {
					at = 0
				}
				if batch > 1 {
					for _, name := range names[at : at+batch] {
						a.Add(z, name)
					}
					a.Fetch()
				}
				for _, name := range names[at : at+batch] {
					if res := z.Lookup(name, dnswire.TypeA); res.Set == nil || res.Set.First()[0] != 192 {
						b.Fatal("not found")
					}
				}
				at += batch
			}
		})
	}
}
