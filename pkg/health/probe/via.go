package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// Via says where and how the packets of a probe go, if not to the address
// that is served and as the routing table says. The zero value changes
// nothing.
type Via struct {
	// Target is an address or a name to probe in place of the address. A name
	// is looked up by this machine's resolver in each probe, within its
	// time-out; of several addresses the first of the family of the address
	// that is served is taken, else the first. A look-up that fails is no
	// verdict.
	Target string
	// Source is the address of this machine to probe from. A target of
	// another family gets no verdict. All targets together then have no more
	// connections at a time than there are ports.
	Source netip.Addr
	// Interface is the interface through which packets leave and come in. If
	// there is none of that name, or this process may not choose, there is no
	// verdict.
	Interface string
}

// isPlain reports whether no name is to be looked up.
func (v Via) isPlain() bool {
	if v.Target == "" {
		return true
	}
	addr, err := netip.ParseAddr(v.Target)
	return err == nil && addr.Zone() == ""
}

// ownError is a fault of this machine: it gives no verdict.
type ownError struct{ text string }

func (e *ownError) Error() string { return e.text }

// aim sets the address to probe.
func (a *attempt) aim() error {
	if a.via.Target != "" {
		addr, err := lookUp(a.ctx, a.via.Target, a.addr)
		if err != nil {
			return err
		}
		a.addr = addr
	}
	if s := a.via.Source; s.IsValid() && s.Is4() != a.addr.Is4() {
		return &ownError{fmt.Sprintf("no source address of the family of %s", a.addr)}
	}
	return nil
}

// lookUp returns the address that stands for one that is served.
func lookUp(ctx context.Context, target string, served netip.Addr) (netip.Addr, error) {
	if addr, err := netip.ParseAddr(target); err == nil {
		return addr.Unmap(), nil
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", target)
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		return netip.Addr{}, ctx.Err()
	}
	if err != nil || len(addrs) == 0 {
		return netip.Addr{}, &ownError{"looking up " + target + ": " + lookUpText(err)}
	}
	for _, addr := range addrs {
		if !served.IsValid() || addr.Unmap().Is4() == served.Is4() {
			return addr.Unmap(), nil
		}
	}
	return addrs[0].Unmap(), nil
}

func lookUpText(err error) string {
	var e *net.DNSError
	if errors.As(err, &e) {
		return e.Err
	}
	return cmp.Or(err, errors.New("no address")).Error()
}

// dialer returns the dialer of an attempt.
func (a *attempt) dialer(network string) *net.Dialer {
	if !a.via.Source.IsValid() && a.via.Interface == "" {
		return &plainDialer
	}
	d := plainDialer
	if s := a.via.Source; s.IsValid() {
		ap := netip.AddrPortFrom(s, 0)
		if network == "udp" {
			d.LocalAddr = net.UDPAddrFromAddrPort(ap)
		} else {
			d.LocalAddr = net.TCPAddrFromAddrPort(ap)
		}
	}
	d.Control = a.via.control
	return &d
}

// control prepares a socket before it is bound.
func (v Via) control(_, _ string, c syscall.RawConn) error {
	var err error
	if e := c.Control(func(fd uintptr) { err = v.prepare(int(fd)) }); e != nil {
		return e
	}
	return err
}

// prepare sets the options of a socket that is not bound yet.
func (v Via) prepare(fd int) error {
	if v.Source.IsValid() {
		// The port is chosen in connect, so that one port serves many targets.
		// A kernel that does not know the option does without.
		_ = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	}
	if v.Interface == "" {
		return nil
	}
	if err := unix.BindToDevice(fd, v.Interface); err != nil {
		return &ownError{"interface " + v.Interface + ": " + err.Error()}
	}
	return nil
}
