package e2e

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// slowest is how long a reply may take.
const slowest = 10 * time.Second

// dialerFrom returns a dialer that sends from an address of this machine.
func dialerFrom(local string) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(local)}, Timeout: slowest}
}

// asker asks one server over one socket.
type asker struct {
	conn    *dns.Conn
	timeout time.Duration
	id      uint16
}

// dial returns an asker for addr over "udp" or "tcp".
func dial(t testing.TB, network, addr string) *asker {
	t.Helper()
	conn, err := dns.DialTimeout(network, addr, slowest)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.UDPSize = 4096
	return &asker{conn: conn, timeout: slowest}
}

// query makes a question; a valid subnet goes along as client subnet.
func query(name string, qtype uint16, subnet netip.Prefix) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), qtype)
	m.RecursionDesired = false
	if subnet.IsValid() {
		m.SetEdns0(1232, false)
		family := uint16(2)
		if subnet.Addr().Is4() {
			family = 1
		}
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_SUBNET{
			Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: uint8(subnet.Bits()), Address: subnet.Masked().Addr().AsSlice(),
		})
	}
	return m
}

// do puts a question and returns the reply with the same ID. Over UDP it asks
// again if there is none and the kernel dropped packets meanwhile: tests that run
// at the same time send floods, and all of them share the queues of loopback.
func (a *asker) do(m *dns.Msg) (*dns.Msg, error) {
	before := droppedByKernel()
	r, err := a.once(m)
	var timeout net.Error
	if _, udp := a.conn.Conn.(*net.UDPConn); udp && errors.As(err, &timeout) && timeout.Timeout() && droppedByKernel() != before {
		return a.once(m)
	}
	return r, err
}

// droppedByKernel returns how many packets this machine has dropped before they
// came to any socket: the sum of the second column of softnet_stat.
func droppedByKernel() (n uint64) {
	data, _ := os.ReadFile("/proc/net/softnet_stat")
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 1 {
			dropped, _ := strconv.ParseUint(f[1], 16, 64)
			n += dropped
		}
	}
	return n
}

func (a *asker) once(m *dns.Msg) (*dns.Msg, error) {
	a.id++
	m.Id = a.id
	_ = a.conn.SetDeadline(time.Now().Add(a.timeout))
	if err := a.conn.WriteMsg(m); err != nil {
		return nil, err
	}
	for {
		r, err := a.conn.ReadMsg()
		if err != nil || r.Id == m.Id {
			return r, err
		}
	}
}

// ask asks without a client subnet.
func (a *asker) ask(name string, qtype uint16) (*dns.Msg, error) {
	return a.do(query(name, qtype, netip.Prefix{}))
}

// must returns the reply to a question that has to be answered.
func (a *asker) must(t testing.TB, m *dns.Msg) *dns.Msg {
	t.Helper()
	r, err := a.do(m)
	if err != nil {
		t.Fatalf("%s: %v", m.Question[0].String(), err)
	}
	return r
}

// addresses returns the addresses in the answer, in order of their values.
func addresses(m *dns.Msg) []netip.Addr {
	var out []netip.Addr
	for _, rr := range m.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			a, _ := netip.AddrFromSlice(rr.A.To4())
			out = append(out, a)
		case *dns.AAAA:
			a, _ := netip.AddrFromSlice(rr.AAAA)
			out = append(out, a)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

// only returns the one address in the answer, or none.
func only(m *dns.Msg) netip.Addr {
	if a := addresses(m); len(a) == 1 {
		return a[0]
	}
	return netip.Addr{}
}

// subnetOf returns the client subnet option of a reply, or nil.
func subnetOf(m *dns.Msg) *dns.EDNS0_SUBNET {
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if s, ok := o.(*dns.EDNS0_SUBNET); ok {
				return s
			}
		}
	}
	return nil
}

// mustAddr asks at s once over UDP and returns the one address answered; the
// zero address if there is none, or several.
func (s *server) mustAddr(name string) netip.Addr {
	s.t.Helper()
	return only(dial(s.t, "udp", s.addr()).must(s.t, query(name, dns.TypeA, netip.Prefix{})))
}

// eventually waits until ok holds.
func eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for over := timer(within); !ok(); time.Sleep(10 * time.Millisecond) {
		if over() {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// timer returns a function that reports whether a time is over, what the machine
// stood still not counted.
func timer(d time.Duration) (over func() bool) {
	before, begin := machine.Lost(), time.Now()
	return func() bool { return time.Since(begin) > d+machine.Lost()-before }
}
