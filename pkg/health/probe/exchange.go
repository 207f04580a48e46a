package probe

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// The requests and responses are read and written on the connection itself,
// with net/http's reader of responses but without its Transport, which starts
// two goroutines for each connection: half of the CPU time of a probe.

// reply is what a probe looks at in a response. Its body lies in the scratch.
type reply struct {
	status   int
	location string
	load     string    // what the header of [LoadConfig] said
	expires  time.Time // of the certificate; zero without TLS
	body     []byte
	cut      bool // the body goes on after [MaxBody]
}

// scratch is the memory of one probe, used again by later ones.
type scratch struct {
	br   *bufio.Reader
	out  []byte
	body []byte
}

var scratches = sync.Pool{New: func() any { return newScratch() }}

func newScratch() *scratch { return &scratch{br: bufio.NewReader(nil)} }

// attempt makes the request, follows redirects if asked to, and judges the
// last response. A nil error is a pass.
func (p *HTTP) attempt(a *attempt) error {
	if err := a.ready(); err != nil {
		return err
	}
	s := scratches.Get().(*scratch)
	defer func() {
		s.br.Reset(nil) // lets go of the connection
		scratches.Put(s)
	}()

	t := p.start.at(a.addr)
	for followed := 0; ; followed++ {
		r, err := p.exchange(a, t, s)
		if err != nil {
			return err
		}
		if err := a.checkExpiry(r.expires, p.c.TLS); err != nil {
			return err
		}
		if p.c.Redirects == 0 || !isRedirect(r.status, r.location) {
			p.c.Load.read(a, r)
			return p.c.judge(r)
		}
		if followed == p.c.Redirects {
			return fmt.Errorf("too many redirects (limit %d), the last to %q", p.c.Redirects, r.location)
		}
		if t, err = t.redirected(a.addr, r.status, r.location); err != nil {
			return err
		}
	}
}

// review reads and judges the response that a [Loop] has got. A nil error is a
// pass.
func (p *HTTP) review(a *attempt, got io.Reader, s *scratch) error {
	r, _, err := p.readReply(&conn{got: got, left: MaxHeaders}, a, p.start, s)
	if err != nil {
		return err
	}
	p.c.Load.read(a, r)
	return p.c.judge(r)
}

// judge returns what is wrong with a response.
func (c HTTPConfig) judge(r reply) error {
	switch {
	case !c.wantsStatus(r.status) && isRedirect(r.status, r.location):
		return fmt.Errorf("status %d (to %q), want %s", r.status, r.location, rangesText(c.Status))
	case !c.wantsStatus(r.status):
		return fmt.Errorf("status %d, want %s", r.status, rangesText(c.Status))
	case c.Body != "" && !bytes.Contains(r.body, []byte(c.Body)):
		return fmt.Errorf("body lacks %q%s", c.Body, r.where())
	case c.BodyRegex != nil && !c.BodyRegex.Match(r.body):
		return fmt.Errorf("body does not match %q%s", c.BodyRegex, r.where())
	}
	return nil
}

func (r reply) where() string {
	if r.cut {
		return " in its first 64 KiB"
	}
	return ""
}

func rangesText(ranges []StatusRange) string {
	texts := make([]string, len(ranges))
	for i, r := range ranges {
		texts[i] = r.String()
	}
	return strings.Join(texts, " or ")
}

// exchange sends one request to t and reads the response, over the kept
// connection if there is one. If the target has closed that one meanwhile,
// the request is made again over a new one: for a probe, which is made again
// every few seconds, that is safe with any method.
func (p *HTTP) exchange(a *attempt, t target, s *scratch) (reply, error) {
	if p.h2 != nil {
		return p.exchange2(a, t, s)
	}
	if p.c.KeepAlive {
		if c := p.idle.take(p.endpoint(a, t), time.Now()); c != nil {
			r, err := p.exchangeOn(c, a, t, s)
			if err == nil || !c.isStale(err) {
				return r, err
			}
		}
	}
	c, err := p.open(a, t)
	if err != nil {
		return reply{}, err
	}
	return p.exchangeOn(c, a, t, s)
}

// exchangeOn sends the request on c and reads the response. It gives c away:
// to the idle connections if it can be used again, else it is closed.
func (p *HTTP) exchangeOn(c *conn, a *attempt, t target, s *scratch) (reply, error) {
	if err := c.tcp.SetDeadline(a.deadline); err != nil {
		c.abort()
		return reply{}, err
	}
	release := c.guard(a.ctx)
	r, reusable, err := p.roundTrip(c, a, t, s)
	undisturbed := release()
	switch {
	case err == nil && reusable && undisturbed && p.c.KeepAlive:
		p.idle.put(c, time.Now())
	case err == nil && undisturbed:
		c.Close()
	default:
		c.abort()
	}
	return r, err
}

// roundTrip writes the request and reads the response. reusable says that the
// response was read to its end and the target keeps the connection open.
func (p *HTTP) roundTrip(c *conn, a *attempt, t target, s *scratch) (r reply, reusable bool, err error) {
	a.stage = waiting
	c.left, c.answered, c.err = MaxHeaders, false, nil
	s.out = t.append(s.out[:0], p.tail)
	if _, err := c.Write(s.out); err != nil {
		return reply{}, false, err
	}
	return p.readReply(c, a, t, s)
}

// readReply reads the response to a request that was sent on c.
func (p *HTTP) readReply(c *conn, a *attempt, t target, s *scratch) (r reply, reusable bool, err error) {
	s.br.Reset(c)
	resp, err := readHeaders(s.br, t.method)
	if err != nil {
		return reply{}, false, c.cause(err)
	}
	r = reply{status: resp.StatusCode, location: resp.Header.Get("Location"), expires: c.expires}
	r.load = p.c.Load.header(resp.Header)
	if p.c.Redirects > 0 && isRedirect(r.status, r.location) {
		return r, false, nil // its body interests nobody
	}
	a.stage = reading
	c.left = math.MaxInt // readBody has its own bound
	if err := s.readBody(resp.Body, p.c.wantsBody(), &r); err != nil {
		return reply{}, false, c.cause(err)
	}
	reusable = !r.cut && !resp.Close && s.br.Buffered() == 0 && r.status != http.StatusSwitchingProtocols
	return r, reusable, nil
}

// methods are the requests that http.ReadResponse needs to know whether a
// response has a body. It only reads them.
var (
	headRequest  = &http.Request{Method: http.MethodHead}
	otherRequest = &http.Request{Method: http.MethodGet}
)

// maxInterim is how many interim responses may come before the final one.
const maxInterim = 10

// readHeaders reads status line and headers of the final response; interim
// ones are skipped (RFC 9110, Section 15.2), but for a change of protocol,
// after which nothing follows.
func readHeaders(br *bufio.Reader, method string) (*http.Response, error) {
	req := otherRequest
	if method == http.MethodHead {
		req = headRequest
	}
	for range maxInterim + 1 {
		resp, err := http.ReadResponse(br, req)
		if err != nil {
			return nil, explainGarbage(err)
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, nil
		}
	}
	return nil, fmt.Errorf("more than %d interim responses", maxInterim)
}

// explainGarbage adds the most frequent cause of what does not look like
// HTTP: a TLS alert or handshake record.
func explainGarbage(err error) error {
	text := err.Error()
	if strings.Contains(text, `"\x15\x03`) || strings.Contains(text, `"\x16\x03`) {
		return errors.New("the server speaks TLS, not plain HTTP")
	}
	return err
}

// readBody reads a body to its end or to [MaxBody], and keeps it in r if
// asked to.
func (s *scratch) readBody(body io.Reader, keep bool, r *reply) error {
	if s.body == nil {
		s.body = make([]byte, 0, 4<<10)
	}
	s.body = s.body[:0]
	for n := 0; n < MaxBody; {
		if !keep {
			s.body = s.body[:0]
		}
		s.body = slices.Grow(s.body, 1)
		room := min(cap(s.body)-len(s.body), MaxBody-n)
		m, err := body.Read(s.body[len(s.body) : len(s.body)+room])
		n += m
		s.body = s.body[:len(s.body)+m]
		if err == io.EOF {
			r.body = s.body
			return nil
		}
		if err != nil {
			return err
		}
	}
	r.body, r.cut = s.body, true
	return nil
}
