package e2e

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestHostileTrafficHurtsNobody sends 50,000 random and mutated packets
// (GEODNS_HOSTILE says how many) and holds 500 slow connections, while a polite client asks a hundred times a
// second. It loses nothing, and afterwards the server is as it was.
func TestHostileTrafficHurtsNobody(t *testing.T) {
	sites := newSites(t, 2)
	dir, _ := reloadFolder(t, sites)
	s := start(t, dir)
	warm := dial(t, "udp", s.addr())
	for range 2000 {
		warm.must(t, query("www.example.com", dns.TypeA, netip.Prefix{}))
	}
	descriptors, memory, log := s.descriptors(), s.memory(), s.log.len()

	l := startLoad(t, s, 1, 10*time.Millisecond, func(m *dns.Msg) bool { return only(m) == sites[0].ip() })
	var hostile sync.WaitGroup
	end := make(chan struct{})
	for i := range 5 {
		hostile.Go(func() { slowConnections(t, s, fmt.Sprintf("127.3.0.%d", i+1), 100, end) })
	}
	var flood sync.WaitGroup
	packets := 50_000
	if n, err := strconv.Atoi(os.Getenv("GEODNS_HOSTILE")); err == nil {
		packets = n
	}
	for i := range 4 {
		flood.Go(func() { floodPackets(t, s, uint64(i), packets/4) })
	}
	flood.Wait()
	eventually(t, 5*time.Second, "the connections are there", func() bool { return s.metric("geodns_server_tcp_accepted_total") >= 500 })
	most := s.memory()
	close(end)
	hostile.Wait()
	l.end(t)

	if n := s.metric("geodns_server_panics_total"); n != 0 {
		t.Errorf("%v panics", n)
	}
	for line := range strings.Lines(s.get("/metrics")) {
		if strings.HasPrefix(line, "geodns_server_tcp") || strings.HasPrefix(line, "geodns_server_udp") {
			t.Log(strings.TrimSpace(line))
		}
	}
	eventually(t, 15*time.Second, "all descriptors are given back", func() bool { return s.descriptors() <= descriptors+4 })
	t.Logf("memory before %d MiB, at the end of the flood %d MiB, after %d MiB; %d octets of log", memory>>20, most>>20, s.memory()>>20, s.log.len()-log)
	if most > memory+64<<20 {
		t.Errorf("memory grew from %d to %d MiB", memory>>20, most>>20)
	}
	if grown := s.log.len() - log; grown > 8<<10 {
		t.Errorf("the log grew by %d octets:\n%s", grown, tail(s.log.String(), 10))
	}
	if got := s.mustAddr("www.example.com"); got != sites[0].ip() {
		t.Errorf("afterwards %v is answered", got)
	}
}

// floodPackets sends n packets, 20 each 5 ms, and throws the replies away.
func floodPackets(t *testing.T, s *server, seed uint64, n int) {
	conn, err := net.Dial("udp", s.addr())
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	var replies atomic.Int64
	go func() {
		for buf := make([]byte, 65536); ; replies.Add(1) {
			if _, err := conn.Read(buf); err != nil {
				return
			}
		}
	}()
	r := rand.New(rand.NewPCG(seed, 99))
	models := modelPackets(t)
	for i := range n {
		if _, err := conn.Write(mutate(r, models)); err != nil {
			t.Error(err)
			return
		}
		if i%20 == 19 {
			time.Sleep(5 * time.Millisecond)
		}
	}
	if replies.Load() == 0 {
		t.Error("none of the packets was good enough for a reply")
	}
}

// modelPackets are well-formed questions of many kinds.
func modelPackets(t *testing.T) [][]byte {
	var out [][]byte
	add := func(m *dns.Msg) {
		b, err := m.Pack()
		if err != nil {
			t.Error(err)
		}
		out = append(out, b)
	}
	add(query("www.example.com", dns.TypeA, netip.Prefix{}))
	add(query("www.example.com", dns.TypeA, netip.MustParsePrefix("198.51.100.0/24")))
	add(query("www.example.com", dns.TypeAAAA, netip.MustParsePrefix("2001:db8::/56")))
	add(query("example.com", dns.TypeANY, netip.Prefix{}))
	add(query(strings.Repeat("a.", 120)+"example.com", dns.TypeTXT, netip.Prefix{}))
	m := query("example.com", dns.TypeSOA, netip.MustParsePrefix("198.51.100.0/24"))
	opt := m.IsEdns0()
	opt.SetDo()
	opt.Option = append(opt.Option,
		&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef0123456789abcdef"},
		&dns.EDNS0_NSID{Code: dns.EDNS0NSID}, &dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE},
		&dns.EDNS0_PADDING{Padding: make([]byte, 64)})
	add(m)
	version := query("version.bind", dns.TypeTXT, netip.Prefix{})
	version.Question[0].Qclass = dns.ClassCHAOS
	add(version)
	return out
}

// mutate returns noise, or a packet that began as a good one.
func mutate(r *rand.Rand, models [][]byte) []byte {
	if r.IntN(5) == 0 {
		b := make([]byte, r.IntN(600))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	b := append([]byte{}, models[r.IntN(len(models))]...)
	for range r.IntN(4) {
		switch r.IntN(5) {
		case 0, 1:
			b[r.IntN(len(b))] = byte(r.Uint32())
		case 2: // a count, or a pointer
			binary.BigEndian.PutUint16(b[r.IntN(len(b)-1):], uint16(r.Uint32()))
		case 3:
			b = b[:1+r.IntN(len(b))]
		case 4:
			b = append(b, b[r.IntN(len(b)):]...)
		}
		if len(b) < 2 {
			b = append(b, 0, 0)
		}
	}
	return b
}

// slowConnections holds n connections from one address until end: some say
// nothing, some send an octet now and then, some ask much and read nothing.
func slowConnections(t *testing.T, s *server, from string, n int, end <-chan struct{}) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
	question, err := query("www.example.com", dns.TypeA, netip.Prefix{}).Pack()
	if err != nil {
		t.Error(err)
		return
	}
	framed := append(binary.BigEndian.AppendUint16(nil, uint16(len(question))), question...)
	var conns []net.Conn
	for i := range n {
		c, err := d.Dial("tcp", s.addr())
		if err != nil {
			t.Errorf("connection %d from %s: %v", i, from, err)
			break
		}
		conns = append(conns, c)
		if i%3 == 2 {
			for range 200 {
				_ = c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
				if _, err := c.Write(framed); err != nil {
					break // its buffers are full, or the server has had enough
				}
			}
		}
	}
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for tick := 0; ; tick++ {
		select {
		case <-end:
			return
		case <-time.After(100 * time.Millisecond):
		}
		for i, c := range conns {
			if i%3 == 1 {
				_, _ = c.Write(framed[tick%len(framed) : tick%len(framed)+1])
			}
		}
	}
}

// descriptors is the number of open files of the server.
func (s *server) descriptors() int {
	s.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	return len(entries)
}

// memory is the resident memory of the server in octets.
func (s *server) memory() int64 {
	s.t.Helper()
	var kib int64
	if _, err := fmt.Sscan(s.procStatus("VmRSS"), &kib); err != nil {
		s.t.Fatal(err)
	}
	return kib << 10
}

// procStatus returns a line of /proc/PID/status without its name.
func (s *server) procStatus(key string) string {
	s.t.Helper()
	return procLine(s.t, filepath.Join("/proc", fmt.Sprint(s.cmd.Process.Pid), "status"), key)
}

func procLine(t testing.TB, path, key string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, key+":"); ok {
			return strings.TrimSpace(rest)
		}
	}
	t.Fatalf("%s: no %s", path, key)
	return ""
}
