package e2e

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// newcomer is a client that asks every 10 ms, and once more each time it hears
// nothing for a while, over TCP if it is told to. It counts what became of that.
type newcomer struct {
	asked, unanswered, repeated, overTCP int
	longest                              time.Duration
}

// askOften asks at s from an address of this machine until stop.
func askOften(t *testing.T, s *server, from, cookie string, tries int, stop <-chan struct{}) (n newcomer) {
	conn, err := dialerFrom(from).Dial("udp", s.addr())
	if err != nil {
		t.Error(err)
		return n
	}
	defer conn.Close()
	a := &asker{conn: &dns.Conn{Conn: conn, UDPSize: 4096}, timeout: slowest}
	if tries > 1 {
		a.timeout = 50 * time.Millisecond
	}
	for {
		select {
		case <-stop:
			return n
		case <-time.After(10 * time.Millisecond):
		}
		n.asked++
		begun := time.Now()
		if !n.once(a, s, from, cookie, tries) {
			n.unanswered++
		}
		n.longest = max(n.longest, time.Since(begun))
	}
}

func (n *newcomer) once(a *asker, s *server, from, cookie string, tries int) bool {
	for try := range tries {
		if try > 0 {
			n.repeated++
		}
		m := query("www.example.com", dns.TypeA, netip.Prefix{})
		if cookie != "" {
			m.SetEdns0(1232, false)
			m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: cookie}}
		}
		r, err := a.do(m)
		if err != nil {
			continue
		}
		if r.Truncated {
			n.overTCP++
			c := dns.Client{Net: "tcp", Timeout: slowest, Dialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}}
			r, _, err = c.Exchange(query("www.example.com", dns.TypeA, netip.Prefix{}), s.addr())
		}
		return err == nil && only(r) == netip.MustParseAddr("192.0.2.1")
	}
	return false
}

// cookieFor returns a cookie of the server for an address.
func (s *server) cookieFor(t *testing.T, from string) string {
	t.Helper()
	m := query("www.example.com", dns.TypeA, netip.Prefix{})
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: clientCookie}}
	r, _, err := (&dns.Client{Dialer: dialerFrom(from)}).Exchange(m, s.addr())
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range r.IsEdns0().Option {
		if c, ok := o.(*dns.EDNS0_COOKIE); ok && len(c.Cookie) == hex.EncodedLen(24) {
			return c.Cookie
		}
	}
	t.Fatalf("no cookie in %v", r)
	return ""
}

// TestRateLimitingHurtsOnlyTheFlood floods the server in the name of a network,
// with slow TCP connections beside it (GEODNS_HOSTILE says how many packets),
// while clients ask a hundred times a second. Those elsewhere, the exempt one
// and the one with a cookie lose nothing; the one amidst the forged ones gets
// every answer in the end; the network gets a small part of what was asked in its
// name. Afterwards the server is as it was.
func TestRateLimitingHurtsOnlyTheFlood(t *testing.T) {
	packets := 20_000
	if n, err := strconv.Atoi(os.Getenv("GEODNS_HOSTILE")); err == nil {
		packets = n
	}
	dir := folder(t, files{"zones/example.com.zone": zoneText("www A 192.0.2.1\n")})
	s := start(t, dir, "--limits-rrl-rate", "200", "--limits-rrl-exempt", "127.66.0.203")
	cookie := s.cookieFor(t, "127.66.0.202")
	conn, err := dialerFrom("127.66.0.203").Dial("udp", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	warm := &asker{conn: &dns.Conn{Conn: conn}, timeout: slowest}
	for range 2000 {
		warm.must(t, query("www.example.com", dns.TypeA, netip.Prefix{}))
	}
	descriptors, memory, log := s.descriptors(), s.memory(), s.log.len()

	var hostile, flood, polite sync.WaitGroup
	end, stop := make(chan struct{}), make(chan struct{})
	for i := range 5 {
		hostile.Go(func() { slowConnections(t, s, fmt.Sprintf("127.3.0.%d", i+1), 100, end) })
	}
	var answers, octets atomic.Int64
	for i := range 4 {
		flood.Go(func() { floodInTheNameOf(t, s, fmt.Sprintf("127.66.0.%d", i+1), packets/4, &answers, &octets) })
	}
	clients := []struct {
		who, from, cookie string
		tries             int
		newcomer
	}{
		{who: "elsewhere", from: "127.67.0.1", tries: 1},
		{who: "in the network, with a cookie", from: "127.66.0.202", cookie: cookie, tries: 1},
		{who: "in the network, exempt", from: "127.66.0.203", tries: 1},
		{who: "in the network", from: "127.66.0.201", tries: 40},
	}
	for i := range clients {
		c := &clients[i]
		polite.Go(func() { c.newcomer = askOften(t, s, c.from, c.cookie, c.tries, stop) })
	}
	flood.Wait()
	close(stop)
	polite.Wait()
	most := s.memory()
	close(end)
	hostile.Wait()

	for _, c := range clients {
		t.Logf("%s: %d asked, %d unanswered, %d asked again, %d over TCP, the longest took %v", c.who, c.asked, c.unanswered, c.repeated, c.overTCP, c.longest)
		least := 50
		if c.tries > 1 {
			least = 10 // it waits for what the limit has swallowed
		}
		if c.unanswered > 0 || c.asked < least {
			t.Errorf("%s: %d of %d unanswered", c.who, c.unanswered, c.asked)
		}
	}
	if clients[3].overTCP == 0 {
		t.Error("nobody was told to come over TCP: the limit did not work")
	}
	t.Logf("the flood: %d packets, %d answers of %d octets", packets, answers.Load(), octets.Load())
	if int(answers.Load()) > packets*6/10+1000 || answers.Load() == 0 {
		t.Errorf("%d packets have brought the network %d answers", packets, answers.Load())
	}
	eventually(t, 15*time.Second, "all descriptors are given back", func() bool { return s.descriptors() <= descriptors+4 })
	t.Logf("memory before %d MiB, at the end of the flood %d MiB, after %d MiB; %d octets of log", memory>>20, most>>20, s.memory()>>20, s.log.len()-log)
	if most > memory+64<<20 {
		t.Errorf("memory grew from %d to %d MiB", memory>>20, most>>20)
	}
	if grown := s.log.len() - log; grown > 4<<10 {
		t.Errorf("the log grew by %d octets:\n%s", grown, tail(s.log.String(), 10))
	}
}

// floodInTheNameOf sends n times the same query from an address, 20 each 5 ms,
// and counts what that address gets.
func floodInTheNameOf(t *testing.T, s *server, from string, n int, answers, octets *atomic.Int64) {
	conn, err := dialerFrom(from).Dial("udp", s.addr())
	if err != nil {
		t.Error(err)
		return
	}
	packet, err := query("www.example.com", dns.TypeA, netip.Prefix{}).Pack()
	if err != nil {
		t.Error(err)
		return
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for buf := make([]byte, 65536); ; answers.Add(1) {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			octets.Add(int64(n))
		}
	}()
	for i := range n {
		if _, err := conn.Write(packet); err != nil {
			t.Error(err)
			break
		}
		if i%20 == 19 {
			time.Sleep(5 * time.Millisecond)
		}
	}
	time.Sleep(100 * time.Millisecond) // what is under way
	conn.Close()
	<-read
}
