package probe

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// ICMPConfig says how to probe with echo requests.
type ICMPConfig struct {
	Size int // octets of payload, at least 24; default 56
	Via  Via
}

// ICMP is a [Prober] that sends one echo request and passes when the reply
// brings back identifier, sequence number and payload, which are random in
// each probe (RFC 792; RFC 4443, Section 4). It takes a ping socket, which
// needs no privilege where net.ipv4.ping_group_range lets this process, else a
// raw socket, which needs CAP_NET_RAW; without either there is no verdict.
type ICMP struct{ c ICMPConfig }

const (
	minPing     = 24
	defaultPing = 56
)

// NewICMP returns a prober.
func NewICMP(c ICMPConfig) *ICMP {
	if c.Size == 0 {
		c.Size = defaultPing
	}
	c.Size = max(c.Size, minPing)
	return &ICMP{c}
}

// Probe sends an echo request to addr.
func (p *ICMP) Probe(ctx context.Context, addr netip.Addr) health.Result {
	a, cancel := begin(ctx, addr, p.c.Via)
	defer cancel()
	return a.end(p.attempt(a))
}

const echoing stage = "waiting for the echo reply"

func (p *ICMP) attempt(a *attempt) error {
	if err := a.ready(); err != nil {
		return err
	}
	c, raw, err := a.pingSocket()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(a.deadline); err != nil {
		return err
	}
	stop := context.AfterFunc(a.ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	e := newEcho(p.c.Size, a.addr.Is4())
	out, err := e.request()
	if err != nil {
		return err
	}
	a.stage = echoing
	if _, err := c.Write(out); err != nil {
		return err
	}
	in := make([]byte, p.c.Size+128) // headers of IP and ICMP, and what is too long
	for {
		n, err := c.Read(in)
		if err != nil {
			return err
		}
		got := in[:n]
		if raw && e.v4 {
			got = withoutHeader(got)
		}
		switch match, err := e.match(got, raw); {
		case err != nil:
			return err
		case match:
			return nil
		}
	}
}

// withoutHeader returns an IPv4 packet without its header, which only raw
// sockets of IPv4 deliver.
func withoutHeader(packet []byte) []byte {
	if len(packet) == 0 {
		return nil
	}
	return packet[min(int(packet[0]&0x0f)*4, len(packet)):]
}

// pingSocket opens a socket for echo requests that is connected to the
// address, so that the kernel drops what comes from others. raw says that it
// also gets what belongs to other sockets, and the identifier is ours to
// compare; on a ping socket the kernel sets it.
func (a *attempt) pingSocket() (c net.Conn, raw bool, err error) {
	c, err = a.datagramPing()
	if err == nil || !errors.Is(err, syscall.EACCES) && !errors.Is(err, syscall.EPROTONOSUPPORT) {
		return c, false, err
	}
	network := "ip4:icmp"
	if a.addr.Is6() {
		network = "ip6:ipv6-icmp"
	}
	d := net.Dialer{Control: a.via.control}
	if a.via.Source.IsValid() {
		d.LocalAddr = &net.IPAddr{IP: a.via.Source.AsSlice()}
	}
	c, err = d.DialContext(a.ctx, network, a.addr.String())
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		return nil, true, &ownError{"may not ping: neither net.ipv4.ping_group_range nor CAP_NET_RAW lets this process"}
	}
	return c, true, err
}

// datagramPing opens a ping socket.
func (a *attempt) datagramPing() (net.Conn, error) {
	family, proto := unix.AF_INET, unix.IPPROTO_ICMP
	if a.addr.Is6() {
		family, proto = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), "ping")
	defer f.Close() // FileConn takes a descriptor of its own
	if err := a.via.prepare(fd); err != nil {
		return nil, err
	}
	if s := a.via.Source; s.IsValid() {
		if err := unix.Bind(fd, sockaddr(s)); err != nil {
			return nil, os.NewSyscallError("bind", err)
		}
	}
	if err := unix.Connect(fd, sockaddr(a.addr)); err != nil {
		return nil, os.NewSyscallError("connect", err)
	}
	return net.FileConn(f)
}

// sockaddr returns addr with port 0 for a system call.
func sockaddr(addr netip.Addr) unix.Sockaddr {
	if addr.Is4() {
		return &unix.SockaddrInet4{Addr: addr.As4()}
	}
	sa := &unix.SockaddrInet6{Addr: addr.As16()}
	if zone := addr.Zone(); zone != "" {
		if i, err := net.InterfaceByName(zone); err == nil {
			sa.ZoneId = uint32(i.Index)
		}
	}
	return sa
}

// echo is an echo request and what its reply must bring back.
type echo struct {
	v4      bool
	id, seq int
	payload []byte
}

func newEcho(size int, v4 bool) echo {
	e := echo{v4: v4, payload: make([]byte, size)}
	rand.Read(e.payload)
	e.id = int(binary.BigEndian.Uint16(e.payload[0:]))
	e.seq = int(binary.BigEndian.Uint16(e.payload[2:]))
	return e
}

// request returns the message to send. For IPv6 the kernel fills in the
// checksum.
func (e echo) request() ([]byte, error) {
	m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: e.id, Seq: e.seq, Data: e.payload}}
	if !e.v4 {
		m.Type = ipv6.ICMPTypeEchoRequest
	}
	return m.Marshal(nil)
}

// match reports whether data is the reply. What is none is passed over; a
// reply of ours whose payload came back changed is an error.
func (e echo) match(data []byte, raw bool) (bool, error) {
	proto, reply := 1, icmp.Type(ipv4.ICMPTypeEchoReply)
	if !e.v4 {
		proto, reply = 58, ipv6.ICMPTypeEchoReply
	}
	m, err := icmp.ParseMessage(proto, data)
	if err != nil || m.Type != reply {
		return false, nil
	}
	body, ok := m.Body.(*icmp.Echo)
	if !ok || body.Seq != e.seq || raw && body.ID != e.id {
		return false, nil
	}
	if !bytes.Equal(body.Data, e.payload) {
		return false, fmt.Errorf("echo reply with a changed payload of %d octets, %d sent", len(body.Data), len(e.payload))
	}
	return true, nil
}
