package probe

import (
	"bytes"
	"errors"
	"io"
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

// admit gives f its place and mark.
func (l *Loop) admit(f *flight) {
	for len(l.flights) <= f.fd {
		l.flights = append(l.flights, nil)
	}
	l.lastMark++
	f.mark = l.lastMark
	l.flights[f.fd] = f
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
