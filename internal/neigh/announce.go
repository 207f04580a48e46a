package neigh

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Errors that a caller may want to tell from others, with errors.Is.
var (
	// ErrNotEthernet: the interface has no Ethernet address, so neighbours are
	// not found by ARP or NDP on it.
	ErrNotEthernet = errors.New("no Ethernet address")
	// ErrNoInterface: the interface is gone or down.
	ErrNoInterface = errors.New("interface is gone or down")
	// ErrPermission: AF_PACKET needs CAP_NET_RAW.
	ErrPermission = errors.New("not permitted: CAP_NET_RAW is needed")
)

// Error is what went wrong on one interface.
type Error struct {
	Interface string
	Sent      int   // frames that went out before
	Err       error // one of the Err… above, or a unix.Errno
}

func (e *Error) Error() string {
	return fmt.Sprintf("announce on %s: %v after %d frames", e.Interface, e.Err, e.Sent)
}

func (e *Error) Unwrap() error { return e.Err }

// Interface is where to announce, and by which link address.
type Interface struct {
	Name  string
	Index int
	MAC   net.HardwareAddr
	// Router: this node forwards IPv6 on the interface. Neighbours that take
	// the address for a router drop it as such if told otherwise (RFC 4861,
	// Section 7.2.5).
	Router bool
}

// Options say how often and how fast.
type Options struct {
	Count int // of each frame, one round of all addresses after another; 0: 1
	// ARPInterval and NAInterval are the pauses after one frame
	// (vrrp_garp_interval, vrrp_gna_interval). 0: all go out at once.
	ARPInterval time.Duration
	NAInterval  time.Duration
}

// Announcer sends announcements. Several goroutines may use it.
type Announcer struct{ fd int }

// Open returns an Announcer for the network namespace of the calling thread.
func Open() (*Announcer, error) {
	// Protocol 0 receives nothing.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if errors.Is(err, unix.EPERM) {
		err = ErrPermission
	}
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	return &Announcer{fd}, nil
}

// Close closes the socket. No Announce may be running.
func (a *Announcer) Close() error { return unix.Close(a.fd) }

// Announce tells all neighbours on an interface that addrs are at its MAC. It
// returns when all frames have been handed to the device, or ctx ends. Without
// pauses it does not wait; with them it takes as long as they say, so an
// instance should not wait for it. The error is an [Error].
func (a *Announcer) Announce(ctx context.Context, ifc Interface, addrs []netip.Addr, opt Options) error {
	if len(ifc.MAC) != 6 {
		return &Error{ifc.Name, 0, ErrNotEthernet}
	}
	frames := frames(ifc, addrs)
	sent := 0
	for range max(opt.Count, 1) {
		n, err := a.round(ctx, ifc.Index, frames, opt)
		sent += n
		if err != nil {
			return &Error{ifc.Name, sent, err}
		}
	}
	return nil
}

// frames returns one frame for each address.
func frames(ifc Interface, addrs []netip.Addr) [][]byte {
	b := make([]byte, 0, len(addrs)*naLen)
	out := make([][]byte, 0, len(addrs))
	for _, ip := range addrs {
		start := len(b)
		switch ip = ip.Unmap(); {
		case ip.Is4():
			b = appendARP(b, ifc.MAC, ip)
		case ip.Is6():
			b = appendNA(b, ifc.MAC, ip, ifc.Router)
		default:
			continue
		}
		out = append(out, b[start:len(b):len(b)])
	}
	return out
}

// round sends each frame once, with the pauses asked for.
func (a *Announcer) round(ctx context.Context, index int, frames [][]byte, opt Options) (sent int, err error) {
	for sent < len(frames) {
		if err := ctx.Err(); err != nil {
			return sent, err
		}
		n := 1 // frames up to and with the first that has a pause behind it
		for n < len(frames)-sent && opt.pause(frames[sent+n-1]) == 0 {
			n++
		}
		done, err := a.send(ctx, index, frames[sent:sent+n])
		sent += done
		if err != nil {
			return sent, err
		}
		if err := sleep(ctx, opt.pause(frames[sent-1])); err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// pause returns the pause behind a frame.
func (o Options) pause(frame []byte) time.Duration {
	if len(frame) == arpLen {
		return o.ARPInterval
	}
	return o.NAInterval
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fullTries and fullPause bound the wait for a device whose queue is full.
const (
	fullTries = 20
	fullPause = time.Millisecond
)

// send hands frames to the device, and returns how many it took.
func (a *Announcer) send(ctx context.Context, index int, frames [][]byte) (sent int, err error) {
	to := &unix.SockaddrLinklayer{Ifindex: index, Halen: 6}
	for tries := 0; sent < len(frames); {
		// The type of the frame, in the order of the network.
		to.Protocol = binary.NativeEndian.Uint16(frames[sent][12:])
		err := unix.Sendto(a.fd, frames[sent], unix.MSG_DONTWAIT, to)
		switch err {
		case nil:
			sent, tries = sent+1, 0
		case unix.EINTR:
		case unix.EAGAIN, unix.ENOBUFS:
			if tries++; tries > fullTries {
				return sent, err
			}
			if err := sleep(ctx, fullPause); err != nil {
				return sent, err
			}
		case unix.ENODEV, unix.ENXIO, unix.ENETDOWN:
			return sent, fmt.Errorf("%w (%w)", ErrNoInterface, err)
		default:
			return sent, err
		}
	}
	return sent, nil
}
