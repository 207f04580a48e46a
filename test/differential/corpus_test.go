package differential

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/test/servertest"
)

var update = flag.Bool("update", false, "rewrite the replies in testdata/replies")

// head begins each zone of the corpus, unless it is "bare".
const zoneHead = `$TTL 300
@ SOA ns.outside.example. hostmaster.outside.example. 1 3600 600 604800 60
@ NS ns.outside.example.
`

// world is zones that are served together, and the questions about them.
type world struct {
	name      string
	zones     []zoneText
	questions []question
	without   string // a server that refuses the zones
	asked     []int  // index of the zone in whose block a question stands
}

// zoneOf returns the text of the zone that question i belongs to.
func (w *world) zoneOf(i int) string {
	z := w.zones[w.asked[i]]
	return "$ORIGIN " + z.origin + "\n" + z.text
}

// readCorpus reads a file of the corpus. It holds zones, each begun by a line
// "zone NAME" (or "zone NAME bare", without the usual head) and followed by its
// text and then by questions about it: lines "? NAME … / TYPE …", each name with
// each type. Relative names belong to the zone. What stands above the first zone
// is prose; a line "without bind" there leaves out a server.
func readCorpus(t *testing.T, file string) *world {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{name: strings.TrimSuffix(filepath.Base(file), ".txt")}
	for line := range strings.Lines(string(data)) {
		switch fields := strings.Fields(line); {
		case len(fields) >= 2 && fields[0] == "zone" && strings.HasPrefix(line, "zone "):
			z := zoneText{origin: dns.Fqdn(fields[1])}
			if len(fields) == 2 {
				z.text = zoneHead
			}
			w.zones = append(w.zones, z)
		case len(w.zones) == 0:
			if name, ok := strings.CutPrefix(line, "without "); ok {
				w.without = strings.TrimSpace(name)
			}
		case strings.HasPrefix(line, "? "):
			w.ask(t, line[2:])
		default:
			w.zones[len(w.zones)-1].text += line
		}
	}
	return w
}

// ask adds the questions of a line.
func (w *world) ask(t *testing.T, line string) {
	t.Helper()
	names, types, ok := strings.Cut(line, " / ")
	if !ok {
		t.Fatalf("%s: %q: want names / types", w.name, line)
	}
	origin := w.zones[len(w.zones)-1].origin
	for _, name := range strings.Fields(names) {
		for _, typ := range strings.Fields(types) {
			qtype, ok := dns.StringToType[typ]
			if !ok {
				var rr dns.RFC3597
				if typ, isGeneric := strings.CutPrefix(typ, "TYPE"); isGeneric {
					for _, d := range typ {
						rr.Hdr.Rrtype = rr.Hdr.Rrtype*10 + uint16(d-'0')
					}
				}
				if qtype = rr.Hdr.Rrtype; qtype == 0 {
					t.Fatalf("%s: type %q", w.name, typ)
				}
			}
			for _, how := range []manner{plain, edns, tcp} {
				w.questions = append(w.questions, question{absolute(t, name, origin), qtype, how})
				w.asked = append(w.asked, len(w.zones)-1)
			}
		}
	}
}

// absolute returns a name in the one form that it has when read from a packet.
func absolute(t *testing.T, name, origin string) string {
	t.Helper()
	switch {
	case name == "@":
		name = origin
	case !strings.HasSuffix(name, ".") && origin == ".":
		name += "."
	case !strings.HasSuffix(name, "."):
		name += "." + origin
	}
	wire := make([]byte, 256)
	if _, err := dns.PackDomainName(name, wire, 0, nil, false); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	out, _, err := dns.UnpackDomainName(wire, 0)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

// corpus returns the worlds of testdata: one of all files, but for those whose
// name begins with "alone-", which would get into the way of the others.
func corpus(t *testing.T) []*world {
	t.Helper()
	files, _ := filepath.Glob("testdata/corpus/*.txt")
	all := &world{name: "together"}
	worlds := []*world{all}
	for _, f := range files {
		w := readCorpus(t, f)
		if strings.HasPrefix(w.name, "alone-") {
			worlds = append(worlds, w)
			continue
		}
		for _, i := range w.asked {
			all.asked = append(all.asked, i+len(all.zones))
		}
		all.zones = append(all.zones, w.zones...)
		all.questions = append(all.questions, w.questions...)
	}
	return worlds
}

// installed returns the other servers that there are.
func installed(t *testing.T) (found []peer) {
	t.Helper()
	servertest.FindPrograms(t)
	for _, p := range peers {
		if _, err := exec.LookPath(p.program); err != nil {
			t.Logf("%s is not installed; `make test` installs it", p.program)
			continue
		}
		found = append(found, p)
	}
	return found
}

// startAll runs geodns and the others with the same zones.
func startAll(t *testing.T, zones []zoneText, without string) (ours server, others []server) {
	t.Helper()
	found := installed(t)
	if len(found) < len(peers) {
		t.Skip("not all of named, knotd and nsd are installed")
	}
	ours = startGeodns(t, zones)
	for _, p := range found {
		if p.name == without {
			continue
		}
		others = append(others, p.start(t, zones))
	}
	for _, s := range append([]server{ours}, others...) {
		serves(t, s, zones)
	}
	return ours, others
}

// serves waits until the server has loaded all zones, and fails if it refuses
// some: what geodns loads, the others must load too.
func serves(t *testing.T, s server, zones []zoneText) {
	t.Helper()
	var questions []question
	clear(origins)
	for _, z := range zones {
		origins[absolute(t, "@", z.origin)] = true
		questions = append(questions, question{absolute(t, "@", z.origin), dns.TypeSOA, edns})
	}
	var missing []int
	for range 50 {
		missing = missing[:0]
		for i, packet := range s.ask(t, questions) {
			if r := normal(questions[i], packet); r.head != "NOERROR aa" || r.answer == "" {
				missing = append(missing, i)
			}
		}
		if len(missing) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, i := range missing {
		t.Errorf("%s does not serve\n$ORIGIN %s\n%s", s.name, zones[i].origin, zones[i].text)
	}
	t.FailNow()
}

// TestCorpusIsAnsweredAsByOthers compares the replies to all questions of the
// corpus.
func TestCorpusIsAnsweredAsByOthers(t *testing.T) {
	count := newTally()
	for _, w := range corpus(t) {
		t.Run(w.name, func(t *testing.T) {
			ours, others := startAll(t, w.zones, w.without)
			count.zones += len(w.zones)
			compare(t, count, ours, others, w.questions, w.zoneOf)
		})
	}
	t.Log(count)
}

// TestCorpusIsAnsweredAsKept compares the replies with those in testdata/replies,
// which were compared with the others' when they were written.
func TestCorpusIsAnsweredAsKept(t *testing.T) {
	for _, w := range corpus(t) {
		t.Run(w.name, func(t *testing.T) {
			ours := startGeodns(t, w.zones)
			serves(t, ours, w.zones)
			got := kept(t, ours, w)
			file := filepath.Join("testdata", "replies", w.name+".txt")
			if *update {
				write(t, file, got)
				return
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			diff(t, got, string(data))
		})
	}
}

// kept returns the replies of the server as they are kept: a line for each
// question, and one for each manner if it makes a difference.
func kept(t *testing.T, s server, w *world) string {
	t.Helper()
	var b strings.Builder
	last := ""
	for i, packet := range s.ask(t, w.questions) {
		q := w.questions[i]
		text := normal(q, packet).String()
		if q.how == plain {
			b.WriteString(q.String() + "\n")
			last = ""
		}
		if text != last {
			b.WriteString("  " + q.how.String() + ": " + text + "\n")
		}
		last = text
	}
	return b.String()
}

// diff reports the first line in which got and want differ.
func diff(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	at := ""
	for i := range min(len(g), len(w)) {
		if !strings.HasPrefix(w[i], " ") {
			at = w[i]
		}
		if g[i] != w[i] {
			t.Fatalf("%s\n got %s\nwant %s", at, g[i], w[i])
		}
	}
	if len(g) != len(w) {
		t.Fatalf("%d lines, want %d: run with -update", len(g), len(w))
	}
}
