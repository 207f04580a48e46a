// Package packets owns one test: some thousand raw packets, well-formed and
// not, each with the RFC that says what must come back. They are sent to a
// running geodns over UDP and TCP, and, where these are installed, to BIND,
// NSD, Knot and gdnsd too: a case that they fail may be a mistake of the case,
// and where BIND, NSD and Knot agree, geodns must agree with them.
//
// Run with -v to see the share of each server and every packet that it fails.
package packets

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "packets")
	if err != nil {
		panic(err)
	}
	geodnsBinary = filepath.Join(dir, "geodns")
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// subject is a group of cases.
type subject struct {
	name  string
	tests []test
}

var subjects = []subject{
	{"header", headerTests()},
	{"cut off", cutTests()},
	{"question", questionTests()},
	{"records in a query", recordTests()},
	{"classes and types", typeTests()},
	{"answers", answerTests()},
	{"size", sizeTests()},
	{"EDNS", ednsTests()},
	{"EDNS versions", versionTests()},
	{"client subnet", ecsTests()},
	{"cookies", cookieTests()},
	{"TSIG", tsigTests()},
	{"RFC 8906", commonTests()},
}

// result is how one server did in one case, over one transport.
type result struct {
	err     error
	essence string // what agreement is measured by
}

const silence = "silence"

// essence is what of a reply is the same in all servers if they mean the same:
// not how much they add to it.
func essence(raw []byte) string {
	if raw == nil {
		return silence
	}
	r, err := readReply(raw)
	if err != nil {
		return "malformed"
	}
	return fmt.Sprintf("%v aa=%t tc=%t question=%d answers=%d opt=%t", r.rcode, r.flags&flagAA != 0, r.flags&flagTC != 0,
		r.counts[question], r.counts[answer], r.opt != nil)
}

// job is a case over one transport.
type job struct {
	test
	subject string
	over    transport
}

// jobs returns all cases over UDP, then over TCP.
func jobs() (out []job) {
	for _, over := range []transport{udp, tcp} {
		for _, sub := range subjects {
			for _, c := range sub.tests {
				if c.over&over != 0 {
					out = append(out, job{c, sub.name, over})
				}
			}
		}
	}
	return out
}

func TestRepliesToPackets(t *testing.T) {
	servers := startServers(t)
	scores := newScores(servers)
	jobs := jobs()
	results := make([][]result, len(servers)) // by server, by job
	var wg sync.WaitGroup
	for i, s := range servers {
		wg.Go(func() { results[i] = runAll(s, jobs, i == 0) })
	}
	wg.Wait()
	for k, j := range jobs {
		scores.add(j.subject, servers, func(i int) error { return results[i][k].err })
		compare(t, j.test, j.over, servers, func(i int) result { return results[i][k] })
	}
	runSessions(t, servers, scores)
	t.Logf("cases passed, of all cases over UDP and TCP:\n%s", scores)
	scores.judge(t, servers)
}

// runAll sends all packets to one server. Of the lists of words only the first
// counts if strict is set.
//
// What is met with silence is sent once more, alone and without haste: perhaps
// the server could not stand two packets together, or, as NSD does, it bounds
// the errors that it sends in a second.
func runAll(s *server, jobs []job, strict bool) []result {
	out := make([]result, len(jobs))
	var silent []int
	for i, j := range jobs {
		out[i] = run(s, j.test, j.over, uint16(i+1), sentinel(), strict)
		if out[i].essence == silence {
			silent = append(silent, i)
		}
	}
	time.Sleep(time.Second)
	var wg sync.WaitGroup
	for _, i := range silent {
		wg.Go(func() { out[i] = run(s, jobs[i].test, jobs[i].over, uint16(i+1), nil, strict) })
		time.Sleep(13 * time.Millisecond)
	}
	wg.Wait()
	return out
}

// run sends one packet, and next behind it if that is not nil.
func run(s *server, c test, over transport, id uint16, next []byte, strict bool) result {
	packet := withID(c.packet, id)
	got, closed, err := exchange(s.addr, over, packet, next)
	if err != nil {
		return result{fmt.Errorf("no answer to the next query: %w", err), "unwell"}
	}
	sent := newSent(packet, over)
	lists := strings.Split(c.want, "|")
	if strict {
		lists = lists[:1]
	}
	for _, words := range lists {
		e := check(words, sent, got, closed)
		if e == nil {
			return result{nil, essence(got)}
		}
		if err == nil {
			err = e
		}
	}
	return result{err, essence(got)}
}

// compare fails the test if geodns fails a case, or does otherwise than BIND,
// NSD and Knot all do.
func compare(t *testing.T, c test, over transport, servers []*server, of func(int) result) {
	t.Helper()
	if err := of(0).err; err != nil {
		t.Errorf("%s, %s: %v\n%s wants %q\npacket %x", over, c.name, err, c.rfc, c.want, c.packet)
	}
	agreed, n := "", 0
	for i, s := range servers {
		if err := of(i).err; err != nil && i > 0 && testing.Verbose() {
			t.Logf("%s fails %s, %s: %v", s.name, over, c.name, err)
		}
		if !slices.Contains([]string{"bind", "nsd", "knot"}, s.name) {
			continue
		}
		if e := of(i).essence; n == 0 {
			agreed, n = e, 1
		} else if e == agreed {
			n++
		}
	}
	if mine := of(0).essence; n == 3 && mine != agreed && !apart[c.name] {
		t.Errorf("%s, %s: alone in this\ngot:    %s\nothers: %s\npacket %x", over, c.name, mine, agreed, c.packet)
	}
}

// apart are the cases in which geodns differs from BIND, NSD and Knot by
// intent.
var apart = map[string]bool{
	// NOTIFY is another opcode that is not carried out; the others, which
	// carry it out, miss its question.
	"opcode 4, header alone": true,
}

// The server is as it was started: what is not configured is not told.
func TestTellsNoIdentityUnlessConfigured(t *testing.T) {
	host, port := freePort(t)
	s := start(t, "geodns", host+":"+port, geodnsWith(t, t.TempDir(), host, port, ""))
	await(t, s)
	chaos := func(name string) []byte { return askWire(wire(name), dnswire.TypeTXT, dnswire.ClassCH).bytes() }
	for i, c := range []test{
		{"RFC 5001, Section 2.1", "NSID asked for and not configured", both, soa().edns(1232, opt(optNSID)).bytes(), "NOERROR opt -nsid"},
		{"RFC 4892, Section 3", "version.bind not configured", both, chaos("version.bind"), "REFUSED -aa"},
		{"RFC 4892, Section 3", "id.server not configured", both, chaos("id.server"), "REFUSED -aa"},
	} {
		for _, over := range []transport{udp, tcp} {
			if r := run(s, c, over, uint16(i), sentinel(), true); r.err != nil {
				t.Errorf("%s, %s: %v", over, c.name, r.err)
			}
		}
	}
}
