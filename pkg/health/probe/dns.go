package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// DNSConfig says how to probe with a DNS query. Only Name is needed.
type DNSConfig struct {
	Port      uint16     // default 53, with TLS 853
	Name      string     // asked for
	Type      string     // default A
	Transport string     // udp, tcp or tls; default udp; what is cut off is asked for again over TCP
	RCode     string     // that passes; default NOERROR
	Expect    []string   // data of records of the type that must all be in the answer, as in a zone file
	Recursion bool       // ask for recursion
	TLS       *TLSConfig // with tls; nil: the defaults
	Via       Via
}

// DNS is a [Prober] that passes when a query gets the answer wanted.
type DNS struct {
	c      DNSConfig
	qtype  uint16
	rcode  int
	expect []dns.RR
	tls    *tls.Config
}

// NewDNS returns a prober, or what is wrong with c.
func NewDNS(c DNSConfig) (*DNS, error) {
	c.Type, c.Transport, c.RCode = cmp.Or(c.Type, "A"), cmp.Or(c.Transport, "udp"), cmp.Or(c.RCode, "NOERROR")
	c.Name = dns.Fqdn(c.Name)
	if c.Port == 0 && c.Transport == "tls" {
		c.Port = 853
	}
	c.Port = cmp.Or(c.Port, 53)
	p := &DNS{c: c}
	var known bool
	if p.qtype, known = dns.StringToType[c.Type]; !known {
		return nil, fmt.Errorf("type %q: a type such as A or SOA", c.Type)
	}
	if p.rcode, known = dns.StringToRcode[c.RCode]; !known {
		return nil, fmt.Errorf("rcode %q: a code such as NOERROR", c.RCode)
	}
	if _, ok := dns.IsDomainName(c.Name); !ok {
		return nil, fmt.Errorf("name %q: a domain name", c.Name)
	}
	for _, text := range c.Expect {
		rr, err := dns.NewRR(c.Name + " 0 IN " + c.Type + " " + text)
		if err != nil || rr == nil {
			return nil, fmt.Errorf("expect %q: no data of type %s", text, c.Type)
		}
		p.expect = append(p.expect, rr)
	}
	if c.Transport == "tls" {
		if c.TLS == nil {
			p.c.TLS = &TLSConfig{}
		}
		p.tls = p.c.TLS.client("", "dot")
	}
	return p, nil
}

// Probe asks addr.
func (p *DNS) Probe(ctx context.Context, addr netip.Addr) health.Result {
	a, cancel := begin(ctx, addr, p.c.Via)
	defer cancel()
	return a.end(p.attempt(a))
}

const answering stage = "waiting for the answer"

func (p *DNS) attempt(a *attempt) error {
	if err := a.ready(); err != nil {
		return err
	}
	reply, err := p.ask(a, p.c.Transport)
	if err == nil && reply.Truncated && p.c.Transport == "udp" {
		reply, err = p.ask(a, "tcp")
	}
	if err != nil {
		return err
	}
	return p.judge(reply)
}

// ask asks once over a transport.
func (p *DNS) ask(a *attempt, transport string) (*dns.Msg, error) {
	c, err := p.connect(a, transport)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	stop := context.AfterFunc(a.ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	q := new(dns.Msg)
	q.SetQuestion(p.c.Name, p.qtype)
	q.RecursionDesired = p.c.Recursion
	q.SetEdns0(dns.DefaultMsgSize, false)
	out, err := q.Pack()
	if err != nil {
		return nil, err
	}
	conn := &dns.Conn{Conn: c, UDPSize: dns.DefaultMsgSize}
	a.stage = answering
	if _, err := conn.Write(out); err != nil {
		return nil, err
	}
	return p.await(conn, q, transport)
}

// await reads until the answer to q comes. Over UDP, what does not belong to q
// is passed over, since anybody may have sent it.
func (p *DNS) await(conn *dns.Conn, q *dns.Msg, transport string) (*dns.Msg, error) {
	for {
		data, err := conn.ReadMsgHeader(nil)
		if err != nil && !errors.Is(err, dns.ErrShortRead) {
			return nil, err
		}
		reply := new(dns.Msg)
		bad := cmp.Or(err, reply.Unpack(data))
		if bad == nil {
			bad = belongs(reply, q)
		}
		switch {
		case bad == nil:
			return reply, nil
		case transport != "udp":
			return nil, fmt.Errorf("bad answer: %w", bad)
		}
	}
}

// belongs returns why reply does not answer q, or nil.
func belongs(reply, q *dns.Msg) error {
	switch {
	case reply.Id != q.Id, !reply.Response:
		return errors.New("not the answer to the query")
	case len(reply.Question) == 0 && reply.Rcode != dns.RcodeSuccess:
		return nil // as of a server that did not understand the query
	case len(reply.Question) != 1 || reply.Question[0].Qtype != q.Question[0].Qtype ||
		!strings.EqualFold(reply.Question[0].Name, q.Question[0].Name):
		return errors.New("it is about another question")
	}
	return nil
}

// connect opens a connection to the address.
func (p *DNS) connect(a *attempt, transport string) (net.Conn, error) {
	if transport == "udp" {
		a.stage = connecting
		c, err := a.dialer("udp").DialContext(a.ctx, "udp", netip.AddrPortFrom(a.addr, p.c.Port).String())
		if err != nil {
			return nil, err
		}
		return c, c.SetDeadline(a.deadline)
	}
	tcp, err := a.dial(p.c.Port)
	if err != nil || transport == "tcp" {
		return tcp, err
	}
	c := &conn{Conn: tcp, tcp: tcp}
	if err := a.secure(c, namedFor(p.tls, a.addr)); err != nil {
		c.abort()
		return nil, err
	}
	if err := a.checkExpiry(c.expires, *p.c.TLS); err != nil {
		c.abort()
		return nil, err
	}
	return c.Conn, nil
}

// judge returns what is wrong with an answer.
func (p *DNS) judge(reply *dns.Msg) error {
	if reply.Rcode != p.rcode {
		return fmt.Errorf("answer %s, want %s", cmp.Or(dns.RcodeToString[reply.Rcode], fmt.Sprint(reply.Rcode)), p.c.RCode)
	}
	for i, want := range p.expect {
		if !hasData(reply.Answer, want) {
			return fmt.Errorf("answer lacks %s %s; it has %s", p.c.Type, p.c.Expect[i], p.dataText(reply.Answer))
		}
	}
	return nil
}

// hasData reports whether one of the records has type and data of want,
// whatever its name and TTL.
func hasData(records []dns.RR, want dns.RR) bool {
	for _, rr := range records {
		if rr.Header().Rrtype != want.Header().Rrtype {
			continue
		}
		same := dns.Copy(rr)
		same.Header().Name, same.Header().Class = want.Header().Name, want.Header().Class
		if dns.IsDuplicate(same, want) {
			return true
		}
	}
	return false
}

// dataText lists a few of the data that came instead.
func (p *DNS) dataText(records []dns.RR) string {
	var texts []string
	for _, rr := range records {
		if rr.Header().Rrtype == p.qtype && len(texts) < 3 {
			texts = append(texts, strings.TrimPrefix(rr.String(), rr.Header().String()))
		}
	}
	if len(texts) == 0 {
		return "none"
	}
	return strings.Join(texts, ", ")
}
