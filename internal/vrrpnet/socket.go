package vrrpnet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// DrainMax bounds what one [Socket.Drain] returns: more comes with the next.
const DrainMax = 1024

// Socket is what [Conn] and [Messages] have in common: a socket that is
// exchanged for a new one when its interface has come back.
type Socket struct {
	ifname string
	open   func() (*descriptor, error)

	mu     sync.Mutex // guards what follows
	now    *descriptor
	closed bool
}

// Reopen exchanges the socket for a new one: after the interface or the source
// address has gone and come back. Should it fail, the old one is closed all
// the same, and Reopen can be tried again; until then Read and Wait wait, and
// sending returns [ErrNoInterface].
func (s *Socket) Reopen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return &Error{"open", s.ifname, ErrClosed}
	}
	d, err := s.open()
	if err != nil {
		d = &descriptor{}
		if s.now != nil {
			d.source, d.is6 = s.now.source, s.now.is6
		}
	}
	d.changed = make(chan struct{})
	if s.now != nil {
		s.now.close()
	}
	s.now = d
	return s.result("open", err)
}

// Close closes the socket; Read and Wait then return [ErrClosed].
func (s *Socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.now.close()
	}
	return nil
}

// Source returns the address that is sent from.
func (s *Socket) Source() netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.source
}

// Descriptor returns the kernel's number of the socket, for a caller that polls
// it beside others of its own, and then calls [Socket.Drain]. It is good until
// Reopen or Close; ok is false while there is none.
func (s *Socket) Descriptor() (fd int, ok bool) {
	d, err := s.current()
	if err != nil || d.file == nil {
		return 0, false
	}
	return d.fd, true
}

func (s *Socket) current() (*descriptor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, &Error{"use", s.ifname, ErrClosed}
	}
	return s.now, nil
}

// Wait returns when a packet can be read, without reading it: for a goroutine
// that wakes the owner of an instance, who then calls [Socket.Drain]. It
// returns ctx.Err() when ctx ends, and [ErrClosed] after Close; an error at once
// with [Config].Polled.
func (s *Socket) Wait(ctx context.Context) error {
	for {
		d, err := s.current()
		if err != nil {
			return err
		}
		err = d.wait(ctx)
		switch {
		case err == nil || ctx.Err() != nil:
			return err
		case !d.dead():
			return s.result("receive", err)
		}
	}
}

// Read waits for one packet. A packet that Read holds when [Socket.Drain] is
// called elsewhere is not among those that Drain returns; where that matters,
// use [Socket.Wait].
func (s *Socket) Read(ctx context.Context) (Packet, error) {
	for {
		if err := s.Wait(ctx); err != nil {
			return Packet{}, err
		}
		if d, err := s.current(); err == nil {
			if p := d.drain(nil, 1); len(p) == 1 {
				return p[0], nil
			}
		}
	}
}

// Drain appends to dst the packets that wait, at most [DrainMax], and returns
// the extended slice. It never waits.
func (s *Socket) Drain(dst []Packet) []Packet {
	d, err := s.current()
	if err != nil {
		return dst
	}
	return d.drain(dst, DrainMax)
}

// result returns err, if it is one, as an [Error].
func (s *Socket) result(op string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{op, s.ifname, classify(err)}
}

// classify turns what the kernel said into an error that callers know.
func classify(err error) error {
	switch {
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return fmt.Errorf("%w (%w)", ErrNoInterface, err)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf("%w (%w)", ErrNoSource, err)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w (%w)", ErrPermission, err)
	}
	return err
}
