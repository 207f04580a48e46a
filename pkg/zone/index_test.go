package zone

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"unsafe"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// TestIndexAgreesWithAMap grows an index from nothing and looks for names that
// are in it and names that are not.
func TestIndexAgreesWithAMap(t *testing.T) {
	for _, expected := range []int{0, 1, 7, 1000, 100_000} {
		x, m := newIndex(expected), map[dnswire.Name]*Node{}
		r := rand.New(rand.NewPCG(1, uint64(expected)))
		for range 5000 {
			name := dnswire.Name(mustWire(t, fmt.Sprintf("n%d.example", r.IntN(4000))))
			if got := x.find([]byte(name)); got != m[name] {
				t.Fatalf("room for %d: %s found as %v, want %v", expected, name, got, m[name])
			}
			if m[name] == nil {
				m[name] = x.add([]byte(name))
			}
		}
		if x.count != len(m) {
			t.Errorf("room for %d: %d names, want %d", expected, x.count, len(m))
		}
		i := 0
		for at, n := range x.all() {
			if at != i || m[n.Name] != n {
				t.Fatalf("room for %d: node %d is %s", expected, at, n.Name)
			}
			i++
		}
	}
}

// TestANodeIsOneCacheLine: chunks begin at a line, too, since they are a power of
// two long.
func TestANodeIsOneCacheLine(t *testing.T) {
	if size := unsafe.Sizeof(Node{}); strconv.IntSize == 64 && size != 64 {
		t.Errorf("%d octets", size)
	}
}

// TestNamesThatShareAHash are told apart, whatever the hash is worth.
func TestNamesThatShareAHash(t *testing.T) {
	x := newIndex(0)
	a, b := x.add([]byte("\x01a\x00")), x.add([]byte("\x01b\x00"))
	for i := range x.slots {
		x.slots[i] = slot{}
	}
	h := hash([]byte("\x01b\x00"))
	x.place(slot{h, 1})
	x.place(slot{h, 2})
	if x.find([]byte("\x01b\x00")) != b || x.at(0) != a {
		t.Error("the second of two names with one hash is not found")
	}
}
