package answer

import (
	"math/rand/v2"
	"testing"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

func TestExplainSaysThatNoZoneHoldsTheNameOnlyIfSo(t *testing.T) {
	w := load(t, "zone example.com\n$TTL 300\n@ SOA ns1 h 1 3600 600 604800 300\n@ NS ns1\nns1 A 192.0.2.53\n")
	for _, c := range []struct {
		name, typ string
		notes     int
	}{
		{"ns1.example.com", "A", 0},
		{"nowhere.example.com", "A", 0},
		{"example.com", "AXFR", 0}, // refused, but not for that
		{"example.org", "A", 1},
	} {
		name, err := dnswire.ParseName(c.name)
		if err != nil {
			t.Fatal(err)
		}
		typ, _ := dnswire.ParseType(c.typ)
		e, err := Explain(w.state, Question{Name: name, Type: typ, Draw: rand.New(rand.NewPCG(1, 2))})
		if err != nil || len(e.Notes) != c.notes {
			t.Errorf("%s %s: notes %q, error %v; want %d notes", c.name, c.typ, e.Notes, err, c.notes)
		}
	}
}
