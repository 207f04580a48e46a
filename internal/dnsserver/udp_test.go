package dnsserver

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/internal/stalltest"
)

// dialUDP returns a connected socket: it takes answers from that address only.
func dialUDP(t testing.TB, to netip.AddrPort) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ask sends query and returns the answer, or "" after a while.
func ask(t testing.TB, c *net.UDPConn, query string, wait time.Duration) string {
	t.Helper()
	if _, err := c.Write([]byte(query)); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(wait))
	buf := make([]byte, 65536)
	n, err := c.Read(buf)
	if os.IsTimeout(err) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

const patience = 20 * time.Second

func TestUDPAnswersOverBothFamilies(t *testing.T) {
	s, h, _ := start(t, Config{Addrs: []netip.AddrPort{loopback4, loopback6}, Workers: 2})
	for _, a := range s.Addrs() {
		c := dialUDP(t, a)
		want := c.LocalAddr().(*net.UDPAddr).AddrPort().String()
		if got := ask(t, c, "who", patience); got != want {
			t.Errorf("%v: the handler saw %q, want %q", a, got, want)
		}
	}
	if d := time.Now().Unix() - int64(h.now.Load()); d < 0 || d > 2 {
		t.Errorf("now is off by %d s", d)
	}
}

// TestUDPAnswersFromTheAddressAsked would time out otherwise: connected sockets
// take nothing from another address.
func TestUDPAnswersFromTheAddressAsked(t *testing.T) {
	for _, c := range []struct{ wildcard, asked string }{
		{"0.0.0.0:0", "127.0.0.1"}, {"0.0.0.0:0", "127.0.0.2"}, {"0.0.0.0:0", "127.9.8.7"}, {"[::]:0", "::1"},
	} {
		s, _, stop := start(t, Config{Addrs: []netip.AddrPort{netip.MustParseAddrPort(c.wildcard)}, Workers: 1})
		conn := dialUDP(t, netip.AddrPortFrom(netip.MustParseAddr(c.asked), s.Addrs()[0].Port()))
		if got := ask(t, conn, "hello", patience); got != "hello" {
			t.Errorf("%s asked at %s: got %q", c.wildcard, c.asked, got)
		}
		stop()
	}
}

func TestUDPAnswersLinkLocalClients(t *testing.T) {
	ifis, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, ifi := range ifis {
		addrs, _ := ifi.Addrs()
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err != nil || !p.Addr().Is6() || !p.Addr().IsLinkLocalUnicast() {
				continue
			}
			for _, listen := range []netip.Addr{netip.IPv6Unspecified(), p.Addr().WithZone(ifi.Name)} {
				s, _, stop := start(t, Config{Addrs: []netip.AddrPort{netip.AddrPortFrom(listen, 0)}, Workers: 1})
				c := dialUDP(t, netip.AddrPortFrom(p.Addr().WithZone(ifi.Name), s.Addrs()[0].Port()))
				if got := ask(t, c, "who", patience); !strings.HasPrefix(got, "[fe80:") || strings.Contains(got, "%") {
					t.Errorf("listening on %v: the handler saw %q", listen, got)
				}
				stop()
			}
			return
		}
	}
	t.Skip("no interface with a link-local address")
}

func TestUDPDropsAreCounted(t *testing.T) {
	s, _, _ := start(t, Config{Addrs: []netip.AddrPort{loopback4}, Workers: 1})
	c := dialUDP(t, s.Addrs()[0])
	full := strings.Repeat("x", maxDatagram)
	if got := ask(t, c, full, patience); got != full {
		t.Errorf("a query of %d bytes: got %d bytes", len(full), len(got))
	}
	for _, query := range []string{full + "x", "silence", "panic"} {
		if got := ask(t, c, query, 50*time.Millisecond); got != "" {
			t.Errorf("got an answer of %d bytes", len(got))
		}
	}
	sendRaw(t, s.Addrs()[0], 0, "from port 0")
	want := UDPStats{Received: 5, Sent: 1, Oversized: 1, PortZero: 1, Silent: 2}
	eventually(t, fmt.Sprintf("counts %+v", want), func() bool { return s.Stats().UDP == want })
	if n := s.Stats().Panics; n != 1 {
		t.Errorf("%d panics counted", n)
	}
	if got := ask(t, c, "still there", patience); got != "still there" {
		t.Errorf("after all that: got %q", got)
	}
}

// sendRaw sends a datagram with any source port. UDP allows a checksum of zero.
func sendRaw(t *testing.T, to netip.AddrPort, srcPort uint16, payload string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_UDP)
	if err == unix.EPERM {
		t.Skip("needs CAP_NET_RAW")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	n := 8 + len(payload)
	b := []byte{byte(srcPort >> 8), byte(srcPort), byte(to.Port() >> 8), byte(to.Port()), byte(n >> 8), byte(n), 0, 0}
	if err := unix.Sendto(fd, append(b, payload...), 0, &unix.SockaddrInet4{Addr: to.Addr().As4()}); err != nil {
		t.Fatal(err)
	}
}

// TestUDPLeavesGroupsUnanswered asks the broadcast address of the loopback
// network, which a wildcard socket hears.
func TestUDPLeavesGroupsUnanswered(t *testing.T) {
	s, _, _ := start(t, Config{Addrs: []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:0")}, Workers: 1})
	c, err := net.ListenUDP("udp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	all := netip.AddrPortFrom(netip.MustParseAddr("127.255.255.255"), s.Addrs()[0].Port())
	if _, err := c.WriteToUDPAddrPort([]byte("hello"), all); err != nil {
		t.Fatal(err)
	}
	eventually(t, "left unanswered", func() bool { return s.Stats().UDP.NotUnicast == 1 })
	if st := s.Stats().UDP; st.Received != 1 || st.Sent != 0 {
		t.Errorf("got %+v", st)
	}
}

func TestToUnicastTellsGroupsFromAddresses(t *testing.T) {
	v4 := func(ours, dst string) (c control) {
		c.hdr.Level, c.hdr.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
		copy(c.data[4:], netip.MustParseAddr(ours).AsSlice())
		copy(c.data[8:], netip.MustParseAddr(dst).AsSlice())
		return c
	}
	v6 := func(dst string) (c control) {
		c.hdr.Level, c.hdr.Type = unix.IPPROTO_IPV6, unix.IPV6_PKTINFO
		copy(c.data[:], netip.MustParseAddr(dst).AsSlice())
		return c
	}
	whole := unix.CmsgSpace(unix.SizeofInet6Pktinfo)
	for _, c := range []struct {
		name string
		control
		n    int
		want bool
	}{
		{"own address", v4("192.0.2.1", "192.0.2.1"), whole, true},
		{"address not looked up", v4("0.0.0.0", "192.0.2.1"), whole, true},
		{"broadcast of the net", v4("192.0.2.1", "192.0.2.255"), whole, false},
		{"broadcast, not looked up", v4("0.0.0.0", "255.255.255.255"), whole, false},
		{"all hosts", v4("192.0.2.1", "224.0.0.1"), whole, false},
		{"IPv6 address", v6("2001:db8::1"), whole, true},
		{"IPv6 all nodes", v6("ff02::1"), whole, false},
		{"cut off", v6("2001:db8::1"), unix.CmsgLen(4), false},
		{"no message", v6("2001:db8::1"), 0, false},
		{"of another kind", control{}, whole, false},
	} {
		if got := c.toUnicast(c.n); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}

func TestTurnRoundLeavesTheWayBackToRouting(t *testing.T) {
	c := control{hdr: unix.Cmsghdr{Level: unix.IPPROTO_IP}, data: [24]byte{7, 7, 7, 7, 0, 0, 0, 0, 192, 0, 2, 1}}
	c.turnRound()
	if want := [12]byte{0, 0, 0, 0, 192, 0, 2, 1, 192, 0, 2, 1}; [12]byte(c.data[:12]) != want {
		t.Errorf("IPv4: got %v", c.data)
	}
	c = control{hdr: unix.Cmsghdr{Level: unix.IPPROTO_IPV6}, data: [24]byte{0: 0x20, 16: 7}}
	if c.turnRound(); c.data[16] != 0 {
		t.Errorf("IPv6 global: got %v", c.data)
	}
	c = control{hdr: unix.Cmsghdr{Level: unix.IPPROTO_IPV6}, data: [24]byte{0: 0xfe, 1: 0x80, 16: 7}}
	if c.turnRound(); c.data[16] != 7 {
		t.Errorf("IPv6 link-local: got %v", c.data)
	}
}

// TestUDPAnswersManySources asks 10,000 times from 100 sockets, each with a
// window, over all workers, and gets its own answer each time.
func TestUDPAnswersManySources(t *testing.T) {
	s, _, _ := start(t, Config{Addrs: []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:0")}, Workers: 4})
	to := netip.AddrPortFrom(loopback4.Addr(), s.Addrs()[0].Port())
	var clients sync.WaitGroup
	for i := range 100 {
		c := dialUDP(t, to)
		clients.Go(func() {
			for round := range 10 {
				if err := burst(c, fmt.Sprintf("%d/%d/", i, round), 10); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	clients.Wait()
	// A batch is counted after it was sent, so the last answer may be seen first.
	eventually(t, "all counted", func() bool { st := s.Stats().UDP; return st.Received == 10000 && st.Sent == 10000 })
	for i, u := range s.udp {
		if u.counters.received.Load() == 0 {
			t.Errorf("socket %d got nothing: the sockets do not share the port", i)
		}
	}
}

// burst sends n queries at once and waits for all answers.
func burst(c *net.UDPConn, prefix string, n int) error {
	open := map[string]bool{}
	for i := range n {
		q := fmt.Sprint(prefix, i)
		open[q] = true
		if _, err := c.Write([]byte(q)); err != nil {
			return err
		}
	}
	c.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 512)
	for len(open) > 0 {
		n, err := c.Read(buf)
		if err != nil {
			return fmt.Errorf("%d answers missing: %w", len(open), err)
		}
		if !open[string(buf[:n])] {
			return fmt.Errorf("answer %q to nothing that was asked", buf[:n])
		}
		delete(open, string(buf[:n]))
	}
	return nil
}

func TestUDPGrowsTheBufferOfALongReply(t *testing.T) {
	s, _, _ := start(t, Config{Addrs: []netip.AddrPort{loopback4}, Workers: 1})
	c := dialUDP(t, s.Addrs()[0])
	for range 2 {
		if got := ask(t, c, "large", patience); len(got) != 40000 {
			t.Errorf("got %d bytes", len(got))
		}
		if got := ask(t, c, "small", patience); got != "small" {
			t.Errorf("got %q", got)
		}
	}
}

func TestStatsCountWhatTheKernelDropped(t *testing.T) {
	s, err := Listen(Config{Addrs: []netip.AddrPort{loopback4}, Workers: 1, SocketBuffer: 4096})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := dialUDP(t, s.Addrs()[0])
	const n = 100
	for range n {
		c.Write(bytes.Repeat([]byte{1}, 500))
	}
	st := s.Stats().UDP
	if st.QueueFull == 0 || st.QueueFull > n {
		t.Errorf("got %+v", st)
	}
}

// TestUDPAllocatesNothingPerQuery serves 100,000 queries. The clients and the
// runtime allocate a little of their own.
func TestUDPAllocatesNothingPerQuery(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	s, err := Listen(Config{Addrs: []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:0")}, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	run(t, s, bareEcho{})
	load := newLoad(t, netip.AddrPortFrom(loopback4.Addr(), s.Addrs()[0].Port()), 32)
	load.rounds(100)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const rounds = 3200
	load.rounds(rounds)
	runtime.ReadMemStats(&after)
	queries := rounds * 32
	if n := after.Mallocs - before.Mallocs; n > uint64(queries)/1000 {
		t.Errorf("%d allocations for %d queries", n, queries)
	}
}

// bareEcho answers with the query and costs nothing itself.
type bareEcho struct{}

func (bareEcho) Answer(_ int, packet []byte, _ netip.AddrPort, _ bool, _ uint32, out []byte) []byte {
	return append(out, packet...)
}

// TestTheCollectorDoesNotWaitForQueries: a worker that waits without telling the
// scheduler is interrupted for it.
func TestTheCollectorDoesNotWaitForQueries(t *testing.T) {
	s, err := Listen(Config{Addrs: []netip.AddrPort{loopback4}, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	run(t, s, bareEcho{})
	l := newLoad(t, s.Addrs()[0], 1)
	var took time.Duration
	stall := stalltest.Start(t)
	const times = 10
	for range times {
		l.rounds(20) // often enough to be waited for
		begun := time.Now()
		runtime.GC()
		took += time.Since(begun)
	}
	// A time-out of the socket for each would be two seconds.
	if took > times*receiveTimeout/2+stall.Lost() {
		t.Errorf("%d collections took %v", times, took)
	}
}
