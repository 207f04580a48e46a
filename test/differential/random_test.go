package differential

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// Labels of the random zones and of the questions about them; "c" is asked for
// but owns nothing.
var (
	zoneLabels     = []string{"a", "a", "b", "*"}
	questionLabels = []string{"a", "b", "c", "*"}
)

// batch is how many zones one start of the servers serves.
const batch = 250

// randomZone returns a zone that every server loads, of a few records whose
// names and targets meet often.
func randomZone(r *rand.Rand, origin string) zoneText {
	for {
		z := zoneText{origin, zoneHead}
		for range 1 + r.IntN(9) {
			z.text += randomRecord(r) + "\n"
		}
		if loads(z) {
			return z
		}
	}
}

// loads reports whether all servers load the zone: geodns does, and Knot, which
// refuses more than the others, will.
func loads(z zoneText) bool {
	origin, err := dnswire.ParseName(z.origin)
	if err != nil {
		return false
	}
	_, list := zone.Load(fstest.MapFS{"z": {Data: []byte(z.text)}}, "z", origin, zone.Options{})
	return !list.HasErrors() && !onlyKnotRefuses(z.text)
}

// onlyKnotRefuses reports whether a zone has DNAME beside NS below the apex, or
// names below a DNAME that is at a wildcard. BIND, NSD and geodns load it.
func onlyKnotRefuses(text string) bool {
	cuts := map[string]bool{}
	var owners, renamed []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		owners = append(owners, fields[0])
		switch fields[1] {
		case "NS":
			cuts[fields[0]] = fields[0] != "@"
		case "DNAME":
			renamed = append(renamed, fields[0])
		}
	}
	for _, d := range renamed {
		if cuts[d] || slices.ContainsFunc(owners, func(o string) bool { return strings.HasSuffix(o, "."+d) }) {
			return true
		}
	}
	return false
}

// randomName returns a name relative to the zone, of at most five labels.
func randomName(r *rand.Rand) string {
	depth := 1 + r.IntN(3)
	if r.IntN(6) == 0 {
		depth += r.IntN(3)
	}
	labels := make([]string, depth)
	for i := range labels {
		labels[i] = zoneLabels[r.IntN(len(zoneLabels))]
	}
	return strings.Join(labels, ".")
}

// randomTarget returns what a record points to: mostly a name in the zone.
func randomTarget(r *rand.Rand) string {
	switch r.IntN(12) {
	case 0:
		return "a.outside.example."
	case 1:
		return "@"
	case 2:
		return "c." + randomName(r)
	}
	return randomName(r)
}

// randomRecord returns a line of a zone file.
func randomRecord(r *rand.Rand) string {
	owner := randomName(r)
	switch n := r.IntN(20); {
	case n < 4:
		return fmt.Sprintf("%s A 192.0.2.%d", owner, r.IntN(4))
	case n < 5:
		return fmt.Sprintf("%s AAAA 2001:db8::%d", owner, r.IntN(4))
	case n < 8:
		for strings.HasPrefix(owner, "*") {
			owner = randomName(r)
		}
		return fmt.Sprintf("%s NS %s", owner, randomTarget(r))
	case n < 12:
		return fmt.Sprintf("%s CNAME %s", owner, randomTarget(r))
	case n < 16:
		if r.IntN(15) == 0 {
			owner = "@"
		}
		return fmt.Sprintf("%s DNAME %s", owner, randomTarget(r))
	case n < 18:
		return fmt.Sprintf("%s MX 10 %s", owner, randomTarget(r))
	case n < 19:
		return fmt.Sprintf("%s DS 1 13 2 %064d", owner, r.IntN(4))
	}
	return fmt.Sprintf("%s TXT \"t%d\"", owner, r.IntN(4))
}

// questionsAbout returns questions for all names of up to three labels, and for
// those around the owners of the zone.
func questionsAbout(r *rand.Rand, z zoneText) (out []question) {
	names := map[string]bool{}
	var list []string
	add := func(name string) {
		if !names[name] {
			names[name] = true
			list = append(list, name)
		}
	}
	add("@")
	last := []string{""}
	for range 3 {
		var longer []string
		for _, rest := range last {
			for _, l := range questionLabels {
				longer = append(longer, l+rest)
				add(l + rest)
			}
		}
		last = last[:0]
		for _, name := range longer {
			last = append(last, "."+name)
		}
	}
	for line := range strings.Lines(z.text) {
		if owner := strings.Fields(line)[0]; owner[0] != '$' && owner != "@" {
			for _, l := range questionLabels {
				add(l + "." + owner)
				add(l + ".a." + owner)
			}
		}
	}
	types := []uint16{dns.TypeA, dns.TypeNS, dns.TypeCNAME, dns.TypeDNAME, dns.TypeMX, dns.TypeTXT, dns.TypeAAAA, dns.TypeSOA, dns.TypeDS, dns.TypeANY}
	for _, name := range list {
		if name == "@" {
			name = z.origin
		} else {
			name += "." + z.origin
		}
		out = append(out, question{name, dns.TypeA, edns})
		for range 2 {
			out = append(out, question{name, types[1+r.IntN(len(types)-1)], manner(r.IntN(2))})
		}
	}
	return out
}

// TestRandomZonesAreAnsweredAsByOthers compares all servers over random zones.
// DIFFERENTIAL_BATCHES says how many times 250 zones, DIFFERENTIAL_SEED where to
// begin.
func TestRandomZonesAreAnsweredAsByOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("asks four servers tens of thousands of questions")
	}
	count := newTally()
	seed := number(t, "DIFFERENTIAL_SEED", 1)
	for n := range number(t, "DIFFERENTIAL_BATCHES", 1) {
		r := rand.New(rand.NewPCG(seed+n, 0))
		w := &world{}
		for i := range batch {
			z := randomZone(r, fmt.Sprintf("z%d.test.", i))
			w.zones = append(w.zones, z)
			for _, q := range questionsAbout(r, z) {
				w.questions = append(w.questions, q)
				w.asked = append(w.asked, i)
			}
		}
		t.Run(fmt.Sprintf("seed %d", seed+n), func(t *testing.T) {
			ours, others := startAll(t, w.zones, "")
			count.zones += len(w.zones)
			compare(t, count, ours, others, w.questions, w.zoneOf)
		})
		if t.Failed() {
			break
		}
	}
	t.Log(count)
}

// number returns the value of an environment variable.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
