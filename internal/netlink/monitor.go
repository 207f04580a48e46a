package netlink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// EventKind is what an [Event] tells of.
type EventKind uint8

// Kinds of events.
const (
	// Synced brings all that there is: it comes first, and again whenever the
	// kernel had more to say than was read. What was known before counts no more.
	Synced      EventKind = iota
	LinkChanged           // an interface is new or changed
	LinkGone
	AddressChanged // an address is new or changed
	AddressGone
)

// Event is news from the kernel.
type Event struct {
	Kind    EventKind
	At      time.Duration // when it was read, see [Now]
	Link    Link          // LinkChanged, LinkGone
	Address Address       // AddressChanged, AddressGone
	Links   []Link        // Synced
	Addrs   []Address     // Synced
}

// Monitor tells of changes of interfaces and addresses.
//
// That vipd's own addresses (see [AddrProto]) are added or renewed is filtered
// away in the kernel: 200 addresses would wake us 400 times a second. That one
// is gone, or was found elsewhere by IPv6's duplicate detection, comes through.
type Monitor struct {
	file   *os.File
	conn   *Conn
	events chan Event
}

// monitorBuffer is how many bytes of news may wait in the kernel.
const monitorBuffer = 1 << 20

// OpenMonitor subscribes in the network namespace of the calling thread. News
// is kept from then on; [Monitor.Run] reads it.
func OpenMonitor() (*Monitor, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	conn, err := Open()
	if err == nil {
		err = subscribe(fd)
	}
	if err != nil {
		unix.Close(fd)
		if conn != nil {
			conn.Close()
		}
		return nil, err
	}
	return &Monitor{file: os.NewFile(uintptr(fd), "netlink"), conn: conn, events: make(chan Event, 64)}, nil
}

func subscribe(fd int) error {
	if err := ignoreOwnRenewals(fd); err != nil {
		return fmt.Errorf("netlink filter: %w", err)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, monitorBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, monitorBuffer)
	}
	groups := uint32(1<<(unix.RTNLGRP_LINK-1) | 1<<(unix.RTNLGRP_IPV4_IFADDR-1) | 1<<(unix.RTNLGRP_IPV6_IFADDR-1))
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	return nil
}

// Events returns the channel on which [Monitor.Run] tells. A reader that is
// slow loses nothing but gets [Synced] instead of each change.
func (m *Monitor) Events() <-chan Event { return m.events }

// Run reads news until ctx ends, then closes the channel and the sockets and
// returns nil.
func (m *Monitor) Run(ctx context.Context) error {
	defer close(m.events)
	defer m.conn.Close()
	defer m.file.Close()
	defer context.AfterFunc(ctx, func() { m.file.SetReadDeadline(time.Unix(1, 0)) })()
	err := m.sync(ctx)
	buf := make([]byte, 1<<16)
	for err == nil {
		err = m.readOnce(ctx, buf)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (m *Monitor) readOnce(ctx context.Context, buf []byte) error {
	n, err := m.receive(buf)
	switch {
	case errors.Is(err, unix.ENOBUFS):
		return m.sync(ctx)
	case err != nil:
		return fmt.Errorf("netlink: %w", err)
	}
	at := Now()
	var list []Event
	eachMessage(buf[:n], func(h unix.NlMsghdr, body []byte) {
		if ev, ok := parseEvent(h.Type, body); ok {
			ev.At = at
			list = append(list, ev)
		}
	})
	for _, ev := range list {
		if err := m.tell(ctx, ev); err != nil {
			return err
		}
	}
	return nil
}

// receive reads news of the kernel; what any other process sends is passed over.
func (m *Monitor) receive(buf []byte) (int, error) {
	rc, err := m.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	for {
		var n int
		var from unix.Sockaddr
		var rerr error
		err := rc.Read(func(fd uintptr) bool {
			n, from, rerr = unix.Recvfrom(int(fd), buf, 0)
			return rerr != unix.EAGAIN && rerr != unix.EINTR
		})
		if err = errors.Join(err, rerr); err != nil {
			return 0, err
		}
		if sa, ok := from.(*unix.SockaddrNetlink); ok && sa.Pid == nl.PidKernel {
			return n, nil
		}
	}
}

// sync tells all that there is. What changes meanwhile is told again after it.
func (m *Monitor) sync(ctx context.Context) error {
	links, err := m.conn.Links()
	if err != nil {
		return err
	}
	addrs, err := m.conn.Addresses()
	if err != nil {
		return err
	}
	return m.tell(ctx, Event{Kind: Synced, At: Now(), Links: links, Addrs: addrs})
}

func (m *Monitor) tell(ctx context.Context, ev Event) error {
	select {
	case m.events <- ev:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func parseEvent(typ uint16, body []byte) (Event, bool) {
	var ev Event
	var ok bool
	switch typ {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		// A bridge tells of its ports too, in a family of its own.
		if len(body) == 0 || body[0] != unix.AF_UNSPEC {
			return ev, false
		}
		ev.Kind = LinkChanged
		if typ == unix.RTM_DELLINK {
			ev.Kind = LinkGone
		}
		ev.Link, ok = parseLink(body)
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		ev.Kind = AddressChanged
		if typ == unix.RTM_DELADDR {
			ev.Kind = AddressGone
		}
		ev.Address, ok = parseAddress(body)
	}
	return ev, ok
}
