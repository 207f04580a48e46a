package probe

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// flight is one probe of a [Loop] on its way.
type flight struct {
	l     *Loop
	job   Job
	a     attempt
	fd    int
	mark  uint32 // tells the users of one descriptor apart
	index int    // among the deadlines

	connected bool
	out       []byte // still to be sent
	in        []byte // what has come, unless it was complete at once
	skipped   int    // bytes of the body that have come and were not kept
	tried     int    // length of in when it was last shown to the reader in vain
	seen      progress
}

// mostKept bounds what is kept of one answer. Only a body in very small chunks
// is longer before its 64 KiB are full; the blocking client sees to that one.
const mostKept = MaxHeaders + MaxBody

// launch begins a probe.
func (l *Loop) launch(job Job) {
	f := l.take()
	now := time.Now()
	*f = flight{
		l: l, job: job, fd: -1, index: -1, in: f.in[:0],
		a: attempt{ctx: l.ctx, addr: job.Key.Addr.Unmap(), start: now, deadline: now.Add(job.Timeout), stage: connecting},
	}
	var port uint16
	switch p := job.Prober.(type) {
	case *HTTP:
		f.a.via, port = p.c.Via, p.start.port
	case *TCP:
		f.a.via, port = p.c.Via, p.c.Port
	}
	if err := f.a.ready(); err != nil {
		f.end(err)
		return
	}
	if f.a.addr.Zone() != "" {
		f.retry() // the zone needs looking up
		return
	}
	if err := f.connect(port); err != nil {
		f.close(err)
		return
	}
	l.due.add(f)
}

// connect begins to connect. The descriptor is watched by its edges: each
// change is told once.
func (f *flight) connect(port uint16) error {
	fd, err := unix.Socket(family(f.a.addr), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return err
	}
	f.fd = fd
	if err := f.a.via.prepare(fd); err != nil {
		return err
	}
	if s := f.a.via.Source; s.IsValid() {
		if err := unix.Bind(fd, tcpSockaddr(netip.AddrPortFrom(s, 0))); err != nil {
			return err
		}
	}
	if err := startConnect(fd, netip.AddrPortFrom(f.a.addr, port)); err != nil {
		return err
	}
	f.l.admit(f)
	ev := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&(1<<32-1),
		Fd:     int32(fd), Pad: int32(f.mark),
	}
	return addToPoll(f.l.poll, fd, &ev)
}

// admit gives f its place and mark.
func (l *Loop) admit(f *flight) {
	for len(l.flights) <= f.fd {
		l.flights = append(l.flights, nil)
	}
	l.lastMark++
	f.mark = l.lastMark
	l.flights[f.fd] = f
}

func family(addr netip.Addr) int {
	if addr.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func tcpSockaddr(ap netip.AddrPort) unix.Sockaddr {
	if ap.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(ap.Port()), Addr: ap.Addr().As16()}
}

// step does what the events allow.
func (f *flight) step(events uint32) {
	held := len(f.out) > 0
	if !f.connected {
		if !f.established(events) {
			return
		}
		f.connected = true
		if f.greet() {
			f.close(nil)
			return
		}
	}
	if err := f.send(); err != nil {
		f.close(err)
		return
	}
	if len(f.out) > 0 {
		return
	}
	if t, ok := f.job.Prober.(*TCP); ok {
		if t.c.Expect == "" {
			f.close(nil)
			return
		}
		f.a.stage = expecting
	}
	if held || events&^unix.EPOLLOUT != 0 { // if held up, an edge may have been passed over
		f.receive(events)
	}
}

// established reports whether the connection is there; if that has failed, it
// ends the probe.
func (f *flight) established(events uint32) bool {
	if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		no, err := unix.GetsockoptInt(f.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		switch {
		case err != nil:
			f.close(err)
			return false
		case no != 0:
			f.close(syscall.Errno(no))
			return false
		}
	}
	if events&(unix.EPOLLOUT|unix.EPOLLHUP) == 0 {
		return false
	}
	if f.connectedToItself() {
		// The blocking client repeats the dial.
		f.leave()
		f.retry()
		return false
	}
	return true
}

// connectedToItself reports whether the local port and the one connected to
// are by chance the same one, which would look like a target that is up. Most
// targets have a port that the system never hands out, and are not asked about.
func (f *flight) connectedToItself() bool {
	port := f.port()
	if port < f.l.lowPort || port > f.l.highPort {
		return false
	}
	sa, err := unix.Getsockname(f.fd)
	if err != nil {
		return false
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return sa.Port == int(port) && sa.Addr == f.a.addr.As4()
	case *unix.SockaddrInet6:
		return sa.Port == int(port) && sa.Addr == f.a.addr.As16()
	}
	return false
}

func (f *flight) port() uint16 {
	switch p := f.job.Prober.(type) {
	case *HTTP:
		return p.start.port
	case *TCP:
		return p.c.Port
	}
	return 0
}

// greet sets what is to be sent, and reports whether a connection is all that
// was wanted.
func (f *flight) greet() (done bool) {
	switch p := f.job.Prober.(type) {
	case *HTTP:
		f.a.stage = waiting
		s := f.l.scratch
		s.out = p.start.at(f.a.addr).append(s.out[:0], p.tail)
		f.out = s.out
	case *TCP:
		if p.c.Send == "" && p.c.Expect == "" {
			return true
		}
		f.a.stage = sending
		f.out = []byte(p.c.Send)
	}
	return false
}

// send sends as much as goes now.
func (f *flight) send() error {
	for len(f.out) > 0 {
		n, err := writeNow(f.fd, f.out)
		switch err {
		case 0:
			f.out = f.out[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			f.out = bytes.Clone(f.out) // what is to be sent may lie in the scratch
			return nil
		default:
			return err
		}
	}
	f.out = nil
	return nil
}

// receive reads what has come.
func (f *flight) receive(events uint32) {
	gone := events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
	for {
		n, err := readNow(f.fd, f.l.in)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return
		case err != 0:
			f.close(err)
			return
		case n == 0:
			f.close(io.EOF)
			return
		}
		if f.take(f.l.in[:n]) {
			return
		}
		if n < len(f.l.in) && !gone {
			return // more will be told
		}
	}
}

// errMore stands at the end of what has come, while more may.
var errMore = errors.New("more to come")

// take looks at what has come, and reports whether the probe has ended.
func (f *flight) take(b []byte) (ended bool) {
	all := b
	if len(f.in) > 0 || f.skipped > 0 {
		f.in = append(f.in, b...)
		all = f.in
	}
	if f.isComplete(all) {
		if err := f.read(all, errMore); !errors.Is(err, errMore) {
			f.leave()
			f.end(err)
			return true
		}
		f.seen.at, f.tried = strange, len(all)
	}
	if len(f.in) == 0 {
		f.in = append(f.in, all...)
	}
	if p, ok := f.job.Prober.(*HTTP); ok && !p.c.wantsBody() && f.seen.skips() && len(f.in) > f.seen.pos {
		f.skipped += len(f.in) - f.seen.pos
		f.in = f.in[:f.seen.pos]
	}
	if len(f.in) > mostKept {
		f.leave()
		f.retry()
		return true
	}
	return false
}

// isComplete reports whether what has come is worth reading.
func (f *flight) isComplete(all []byte) bool {
	switch p := f.job.Prober.(type) {
	case *HTTP:
		at := f.seen.advance(all, f.skipped, p.c.Method == "HEAD")
		// What is strange is read whenever there is markedly more of it, and at
		// the end: each time it comes, it would be read a number of times that
		// grows with its square.
		return at == complete || at == strange && len(all)-f.tried > len(all)/8
	case *TCP:
		from := max(0, f.tried-len(p.c.Expect)+1)
		f.tried = len(all)
		return bytes.Contains(all[from:], []byte(p.c.Expect)) || len(all) >= MaxBody
	}
	return true
}

// read returns what the blocking client would say about an answer that
// consists of what has come and then ends with last.
func (f *flight) read(all []byte, last error) error {
	r := &replay{data: all, filler: f.skipped, last: last}
	switch p := f.job.Prober.(type) {
	case *HTTP:
		f.a.stage = waiting
		return p.review(&f.a, r, f.l.scratch)
	case *TCP:
		return awaitText(r, []byte(p.c.Expect))
	}
	return last
}

// close ends the probe: its time is over, or the connection has ended or could
// not be made. A nil error is a pass.
func (f *flight) close(err error) {
	if f.connected && err != nil && len(f.out) == 0 && f.a.stage != sending {
		err = f.read(f.in, err)
	}
	f.leave()
	f.end(err)
}

// leave gives the connection up.
func (f *flight) leave() {
	if f.index >= 0 {
		f.l.due.remove(f)
	}
	if f.fd >= 0 {
		if f.fd < len(f.l.flights) && f.l.flights[f.fd] == f {
			f.l.flights[f.fd] = nil
		}
		closeNow(f.fd) // which also takes it out of the poll
		f.fd = -1
	}
}

// retry leaves the probe to the blocking client.
func (f *flight) retry() {
	f.l.retry(f.job, f.a.start, f.a.deadline)
	f.l.give(f)
}

// end tells the result.
func (f *flight) end(err error) {
	f.l.finish(Outcome{f.job.Key, f.a.end(err)})
	f.l.give(f)
}

func (l *Loop) take() *flight {
	if n := len(l.spare); n > 0 {
		f := l.spare[n-1]
		l.spare = l.spare[:n-1]
		return f
	}
	return &flight{}
}

// give keeps f for a later probe, with its memory unless that is large.
func (l *Loop) give(f *flight) {
	const most = 4 << 10
	if len(l.spare) < maxSpare {
		if cap(f.in) > most {
			f.in = nil
		}
		*f = flight{in: f.in[:0], fd: -1, index: -1}
		l.spare = append(l.spare, f)
	}
}

// replay reads as the connection did from which data came: data, then filler
// bytes of any kind, then last.
type replay struct {
	data   []byte
	filler int
	last   error
}

// Read implements io.Reader.
func (r *replay) Read(b []byte) (int, error) {
	switch {
	case len(r.data) > 0:
		n := copy(b, r.data)
		r.data = r.data[n:]
		return n, nil
	case r.filler > 0:
		n := min(len(b), r.filler)
		clear(b[:n])
		r.filler -= n
		return n, nil
	}
	return 0, r.last
}
