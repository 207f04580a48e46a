// Package dnsclient owns asking other DNS servers: a resolver, the name
// servers of a parent zone, and those of a zone.
//
// It does not judge what they say; pkg/delegation does. The entry point is
// [Client.Learn].
package dnsclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/pkg/delegation"
)

// Client asks. Resolver must be set.
type Client struct {
	Resolver netip.AddrPort
	Port     uint16        // of name servers; 0 means 53
	Timeout  time.Duration // of one try; 0 means 2s
	Tries    int           // 0 means 2
}

// maxAsked bounds the servers that are asked in one go.
const maxAsked = 64

// Learn asks parent and name servers about the zone of p.
func (c *Client) Learn(ctx context.Context, p delegation.Plan) delegation.Learnt {
	l := delegation.Learnt{Lost: map[string]string{}}
	var wg sync.WaitGroup
	wg.Go(func() { c.askParent(ctx, p, &l) })
	servers := c.addresses(ctx, p, l.Lost)
	l.Servers = make([]delegation.ServerReply, len(servers))
	for i, s := range servers {
		wg.Go(func() { l.Servers[i] = c.askServer(ctx, p.Zone, s.name, s.addr) })
	}
	wg.Wait()
	return l
}

// located is a name server with one of its addresses.
type located struct {
	name string
	addr netip.Addr
}

// addresses returns every address of the plan's name servers: the glue of
// those in the zone, and for the others what the resolver says.
func (c *Client) addresses(ctx context.Context, p delegation.Plan, lost map[string]string) []located {
	var out []located
	for _, s := range p.Servers {
		addrs := s.Glue
		if !s.Inside {
			var err error
			if addrs, err = c.resolve(ctx, s.Name); err != nil {
				lost[s.Name] = err.Error()
			}
		}
		for _, a := range addrs {
			out = append(out, located{s.Name, a})
		}
	}
	return out[:min(len(out), maxAsked)]
}

// askParent finds the zone above and asks each of its name servers.
func (c *Client) askParent(ctx context.Context, p delegation.Plan, l *delegation.Learnt) {
	names, parent, err := c.findParent(ctx, p.Zone)
	if err != nil {
		l.ParentErr = err.Error()
		return
	}
	l.Parent = parent
	var servers []located
	for _, n := range names {
		addrs, err := c.resolve(ctx, n)
		if err != nil {
			l.Referrals = append(l.Referrals, delegation.Referral{Server: n, Err: err.Error()})
		}
		for _, a := range addrs {
			servers = append(servers, located{n, a})
		}
	}
	servers = servers[:min(len(servers), maxAsked)]
	replies := make([]delegation.Referral, len(servers))
	var wg sync.WaitGroup
	for i, s := range servers {
		wg.Go(func() { replies[i] = c.askReferral(ctx, p.Zone, s) })
	}
	wg.Wait()
	l.Referrals = append(l.Referrals, replies...)
}

// findParent returns the closest zone above and its name servers.
func (c *Client) findParent(ctx context.Context, zone string) (servers []string, parent string, err error) {
	for name := zone; name != "."; {
		next, end := dns.NextLabel(name, 0)
		if name = name[next:]; end {
			name = "."
		}
		m, err := c.ask(ctx, c.Resolver, name, dns.TypeNS, true, "udp")
		if err != nil {
			return nil, "", fmt.Errorf("resolver %s: %w", c.Resolver, err)
		}
		for _, rr := range m.Answer {
			if ns, ok := rr.(*dns.NS); ok && strings.EqualFold(ns.Hdr.Name, name) {
				servers = append(servers, strings.ToLower(ns.Ns))
			}
		}
		if len(servers) > 0 {
			return servers, name, nil
		}
	}
	return nil, "", fmt.Errorf("resolver %s knows no zone above %s", c.Resolver, zone)
}

// resolve asks the resolver for the addresses of a name.
func (c *Client) resolve(ctx context.Context, name string) ([]netip.Addr, error) {
	var out []netip.Addr
	for _, t := range []uint16{dns.TypeA, dns.TypeAAAA} {
		m, err := c.ask(ctx, c.Resolver, name, t, true, "udp")
		if err != nil {
			return nil, fmt.Errorf("resolver %s: %s: %w", c.Resolver, name, err)
		}
		for _, rr := range m.Answer {
			if a, ok := address(rr); ok {
				out = append(out, a)
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("resolver %s has no address for %s", c.Resolver, name)
	}
	return out, nil
}

func address(rr dns.RR) (netip.Addr, bool) {
	switch rr := rr.(type) {
	case *dns.A:
		a, ok := netip.AddrFromSlice(rr.A)
		return a.Unmap(), ok
	case *dns.AAAA:
		return netip.AddrFromSlice(rr.AAAA)
	}
	return netip.Addr{}, false
}

// askReferral asks a server of the parent where the zone is.
func (c *Client) askReferral(ctx context.Context, zone string, s located) delegation.Referral {
	r := delegation.Referral{Server: fmt.Sprintf("%s (%s)", s.name, s.addr), Glue: map[string][]netip.Addr{}}
	m, err := c.ask(ctx, c.server(s.addr), zone, dns.TypeNS, false, "udp")
	if err != nil {
		r.Err, r.Own = verdict(err)
		return r
	}
	r.Answer = m.Authoritative && len(m.Answer) > 0
	r.NS = nameServers(slices.Concat(m.Answer, m.Ns), zone)
	for _, rr := range m.Extra {
		if a, ok := address(rr); ok {
			name := strings.ToLower(rr.Header().Name)
			r.Glue[name] = append(r.Glue[name], a)
		}
	}
	return r
}

// askServer asks a name server of the zone for SOA and NS, and once over TCP.
func (c *Client) askServer(ctx context.Context, zone, name string, addr netip.Addr) delegation.ServerReply {
	r := delegation.ServerReply{Name: name, Addr: addr}
	soa, err := c.ask(ctx, c.server(addr), zone, dns.TypeSOA, false, "udp")
	if err != nil {
		r.Err, r.Own = verdict(err)
		return r
	}
	r.AA, r.RCode = soa.Authoritative, dns.RcodeToString[soa.Rcode]
	for _, rr := range soa.Answer {
		if s, ok := rr.(*dns.SOA); ok {
			r.Serial = s.Serial
		}
	}
	ns, err := c.ask(ctx, c.server(addr), zone, dns.TypeNS, false, "tcp")
	if err != nil {
		r.TCPErr = err.Error()
		if ns, err = c.ask(ctx, c.server(addr), zone, dns.TypeNS, false, "udp"); err != nil {
			r.Err = err.Error()
			return r
		}
	}
	r.NS = nameServers(ns.Answer, zone)
	return r
}

// nameServers returns the names in the NS records of the zone.
func nameServers(rrs []dns.RR, zone string) []string {
	var out []string
	for _, rr := range rrs {
		if ns, ok := rr.(*dns.NS); ok && strings.EqualFold(ns.Hdr.Name, zone) {
			out = append(out, strings.ToLower(ns.Ns))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (c *Client) server(a netip.Addr) netip.AddrPort {
	port := c.Port
	if port == 0 {
		port = 53
	}
	return netip.AddrPortFrom(a, port)
}

// ask puts one question and returns the reply. A reply that did not fit is
// asked for again over TCP.
func (c *Client) ask(ctx context.Context, server netip.AddrPort, name string, t uint16, recurse bool, network string) (*dns.Msg, error) {
	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(name), t)
	q.RecursionDesired = recurse
	q.SetEdns0(1232, false)
	cl := &dns.Client{Net: network, Timeout: c.Timeout}
	if cl.Timeout == 0 {
		cl.Timeout = 2 * time.Second
	}
	tries := c.Tries
	if tries == 0 {
		tries = 2
	}
	var err error
	for range tries {
		var m *dns.Msg
		if m, _, err = cl.ExchangeContext(ctx, q, server.String()); err == nil {
			if m.Truncated && network == "udp" {
				return c.ask(ctx, server, name, t, recurse, "tcp")
			}
			return m, nil
		}
		if _, own := verdict(err); own != nil || ctx.Err() != nil {
			break
		}
	}
	return nil, short(err)
}

// verdict tells faults of our own, such as a host without IPv6, from those of
// the server.
func verdict(err error) (text string, own error) {
	for _, e := range []error{syscall.ENETUNREACH, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT} {
		if errors.Is(err, e) {
			return "", e
		}
	}
	return err.Error(), nil
}

// short drops the addresses that the net package puts before a reason.
func short(err error) error {
	var op *net.OpError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &op) && op.Timeout():
		return errors.New("no reply")
	case errors.As(err, &op):
		return op.Err
	}
	return err
}
