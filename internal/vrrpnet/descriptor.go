package vrrpnet

import (
	"context"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// descriptor is one socket of the kernel; a [Socket] has several in its life.
type descriptor struct {
	file    *os.File // nil while it could not be opened
	fd      int      // of file
	source  netip.Addr
	index   int // of the interface; 0: any
	is6     bool
	raw     bool
	polled  bool          // see Config.Polled; every call says itself that it does not wait
	changed chan struct{} // closed when the descriptor is

	// Of the one goroutine that reads: kept, since an instance reads each time
	// that it wakes.
	buf, oob []byte
}

func (d *descriptor) close() {
	close(d.changed)
	if d.file != nil {
		d.file.Close()
	}
}

func (d *descriptor) dead() bool {
	select {
	case <-d.changed:
		return true
	default:
		return false
	}
}

// wait returns nil when something can be read, else when the descriptor is
// closed or ctx ends.
func (d *descriptor) wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.file == nil {
		select {
		case <-d.changed:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if d.polled {
		return errPolled
	}
	rc, err := d.file.SyscallConn()
	if err != nil {
		return err
	}
	defer d.interrupt(ctx)()
	err = rc.Read(func(fd uintptr) bool { return readable(int(fd)) })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// interrupt makes a reader return when ctx ends; the function that it returns
// must be called afterwards.
func (d *descriptor) interrupt(ctx context.Context) func() {
	ran := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ran)
		d.file.SetReadDeadline(time.Unix(1, 0))
	})
	return func() {
		if !stop() {
			<-ran
			d.file.SetReadDeadline(time.Time{}) // the next reader must not meet it
		}
	}
}

func readable(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return n > 0 || err != nil && err != unix.EINTR
}

// send sends b at once, or not at all.
func (d *descriptor) send(b, control []byte, to unix.Sockaddr) error {
	if d.file == nil {
		return ErrNoInterface
	}
	rc, err := d.file.SyscallConn()
	if err != nil {
		return err
	}
	var serr error
	err = rc.Control(func(fd uintptr) {
		for range 3 { // a signal, or news of an earlier packet, which is told once
			if _, serr = unix.SendmsgN(int(fd), b, control, to, unix.MSG_DONTWAIT); serr == nil {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return serr
}

// drain appends at most limit of the packets that wait.
func (d *descriptor) drain(dst []Packet, limit int) []Packet {
	if d.file == nil {
		return dst
	}
	rc, err := d.file.SyscallConn()
	if err != nil {
		return dst
	}
	_ = rc.Control(func(fd uintptr) {
		if d.buf == nil {
			d.buf, d.oob = make([]byte, packetMax), make([]byte, 256)
		}
		for tries := 0; tries < 2*limit && limit > 0; tries++ {
			n, oobn, _, from, err := unix.Recvmsg(int(fd), d.buf, d.oob, unix.MSG_DONTWAIT)
			if err == unix.EAGAIN {
				return
			}
			if err != nil {
				continue // an error of a packet that was sent; it is told once
			}
			if p, ok := d.packet(d.buf[:n], d.oob[:oobn], from); ok {
				dst = append(dst, p)
				limit--
			}
		}
	})
	return dst
}

// packet puts together what was received. It is refused if it came in by
// another interface before the socket was bound to ours.
func (d *descriptor) packet(b, oob []byte, from unix.Sockaddr) (Packet, bool) {
	var p Packet
	info := parseControl(oob)
	p.Interface, p.TTL, p.Dst = info.index, info.ttl, info.dst
	p.At = sinceBoot(info.wall)
	switch sa := from.(type) {
	case *unix.SockaddrInet4:
		p.Src = netip.AddrFrom4(sa.Addr)
	case *unix.SockaddrInet6:
		p.Src = netip.AddrFrom16(sa.Addr)
	}
	if d.index != 0 && p.Interface != d.index || !p.Src.IsValid() || !p.Dst.IsValid() {
		return p, false
	}
	if d.raw && !d.is6 { // the header comes along
		if len(b) < 20 || len(b) < int(b[0]&0x0f)*4 {
			return p, false
		}
		b = b[int(b[0]&0x0f)*4:]
	}
	p.Data = append([]byte(nil), b...)
	return p, true
}
