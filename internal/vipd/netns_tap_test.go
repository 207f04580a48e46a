package vipd_test

import (
	"context"
	bin "encoding/binary"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// tap is a stranger on the link of a lab: it sends frames that no kernel would,
// and keeps the adverts that it hears, each with the kernel's time.
type tap struct {
	t     *testing.T
	fd    int
	index int

	mu    sync.Mutex
	heard []heardAdvert
	done  chan struct{}
}

// heardAdvert is a VRRP packet as it came by.
type heardAdvert struct {
	at       time.Duration // wall clock
	src, dst netip.Addr
	ttl      uint8
	data     []byte
}

// inSpace runs f on a thread in a node's namespace, for good: sockets that f
// opens stay there.
func (l *lab) inSpace(node string, f func() error) {
	l.t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never back: the thread ends with us
		ns, err := netns.GetFromName(l.prefix + node)
		if err == nil {
			err = netns.Set(ns)
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		l.t.Fatal(err)
	}
}

// tap listens at a node's interface.
func (l *lab) tap(node string) *tap {
	l.t.Helper()
	all := bin.BigEndian.Uint16(bin.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	p := &tap{t: l.t, done: make(chan struct{})}
	l.inSpace(node, func() error {
		ifc, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		p.index = ifc.Index
		p.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all))
		if err != nil {
			return err
		}
		_ = unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20)
		_ = unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		tv := unix.NsecToTimeval(int64(50 * time.Millisecond))
		_ = unix.SetsockoptTimeval(p.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv)
		return unix.Bind(p.fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: p.index})
	})
	stop := make(chan struct{})
	go p.read(stop)
	l.t.Cleanup(func() { close(stop); <-p.done; unix.Close(p.fd) })
	return p
}

func (p *tap) read(stop chan struct{}) {
	defer close(p.done)
	buf, oob := make([]byte, 1<<16), make([]byte, 128)
	for {
		select {
		case <-stop:
			return
		default:
		}
		n, oobn, _, from, err := unix.Recvmsg(p.fd, buf, oob, 0)
		if ll, ok := from.(*unix.SockaddrLinklayer); err != nil || ok && ll.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		h, ok := parseFrame(buf[:n])
		if !ok {
			continue
		}
		msgs, _ := unix.ParseSocketControlMessage(oob[:oobn])
		for _, m := range msgs {
			if m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16 {
				h.at = time.Duration(bin.NativeEndian.Uint64(m.Data))*time.Second + time.Duration(bin.NativeEndian.Uint64(m.Data[8:]))
			}
		}
		p.mu.Lock()
		p.heard = append(p.heard, h)
		p.mu.Unlock()
	}
}

// parseFrame reads a VRRP packet in an Ethernet frame.
func parseFrame(b []byte) (h heardAdvert, ok bool) {
	switch {
	case len(b) >= 34 && bin.BigEndian.Uint16(b[12:]) == unix.ETH_P_IP && b[23] == 112:
		total := min(int(bin.BigEndian.Uint16(b[16:])), len(b)-14)
		h.src, h.dst, h.ttl = netip.AddrFrom4([4]byte(b[26:])), netip.AddrFrom4([4]byte(b[30:])), b[22]
		h.data = append([]byte(nil), b[34:14+total]...)
	case len(b) >= 54 && bin.BigEndian.Uint16(b[12:]) == unix.ETH_P_IPV6 && b[20] == 112:
		h.src, h.dst, h.ttl = netip.AddrFrom16([16]byte(b[22:])), netip.AddrFrom16([16]byte(b[38:])), b[21]
		h.data = append([]byte(nil), b[54:]...)
	default:
		return h, false
	}
	return h, len(h.data) >= 8
}

// adverts returns what was heard of one virtual router so far.
func (p *tap) adverts(vrid uint8) (out []heardAdvert) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.heard {
		if h.data[1] == vrid {
			out = append(out, h)
		}
	}
	return out
}

func (p *tap) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = nil
}

func (p *tap) send(frame []byte) {
	err := unix.Sendto(p.fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: p.index, Halen: 6})
	if err != nil && err != unix.ENOBUFS {
		p.t.Errorf("send: %v", err)
	}
}

// packet is an IP packet to be made as it stands.
type packet struct {
	src, dst netip.Addr
	ttl, tos uint8
	proto    uint8
	data     []byte
}

// frame returns the Ethernet frame of a packet to a node with that MAC, or to
// the group.
func (p packet) frame(mac net.HardwareAddr) []byte {
	to, dst := mac, p.dst.AsSlice()
	if p.dst.IsMulticast() && p.dst.Is4() {
		to = net.HardwareAddr{1, 0, 0x5e, dst[1] & 0x7f, dst[2], dst[3]}
	} else if p.dst.IsMulticast() {
		to = append(net.HardwareAddr{0x33, 0x33}, dst[12:]...)
	}
	b := append([]byte(nil), to...)
	b = append(b, 2, 0, 0, 0, 0, 99)
	if p.dst.Is4() {
		b = bin.BigEndian.AppendUint16(b, unix.ETH_P_IP)
		head := []byte{0x45, p.tos, 0, 0, 0, 1, 0, 0, p.ttl, p.proto, 0, 0}
		bin.BigEndian.PutUint16(head[2:], uint16(20+len(p.data)))
		head = append(append(head, p.src.AsSlice()...), dst...)
		bin.BigEndian.PutUint16(head[10:], ^onesSum(head))
		return append(append(b, head...), p.data...)
	}
	b = bin.BigEndian.AppendUint16(b, unix.ETH_P_IPV6)
	b = append(b, 0x60|p.tos>>4, p.tos<<4, 0, 0)
	b = bin.BigEndian.AppendUint16(b, uint16(len(p.data)))
	b = append(b, p.proto, p.ttl)
	b = append(append(b, p.src.AsSlice()...), dst...)
	return append(b, p.data...)
}

// onesSum is the sum of RFC 1071 over all parts, written anew here so that the
// tests do not judge the codec by itself.
func onesSum(parts ...[]byte) uint16 {
	sum := 0
	for _, b := range parts {
		for i, v := range b {
			if i%2 == 0 {
				sum += int(v) << 8
			} else {
				sum += int(v)
			}
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// mac returns the link address of a node's interface.
func (l *lab) hardware(n string) net.HardwareAddr {
	mac, err := net.ParseMAC(l.mac(n))
	if err != nil {
		l.t.Fatal(err)
	}
	return mac
}

// metric returns the value of a metric as it is written, with its labels; -1
// if there is none.
func (n *node) metric(name string) float64 {
	n.t.Helper()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", n.socket)
	}, DisableKeepAlives: true}}
	res, err := client.Get("http://vipd/metrics")
	if err != nil {
		n.t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	for _, line := range strings.Split(string(text), "\n") {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				n.t.Fatal(err)
			}
			return v
		}
	}
	return -1
}
