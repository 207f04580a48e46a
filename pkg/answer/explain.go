package answer

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// Question is what Explain answers.
type Question struct {
	Name   dnswire.Name
	Type   dnswire.Type
	Client netip.Prefix // as a client subnet; invalid: nobody in particular
	// Why returns why a thing is up or down; may be nil.
	Why  func(health.ID) string
	Draw policy.Draw
}

// Explanation is a reply with the account of how it came about, in the form of
// `geodns explain --json`.
type Explanation struct {
	Name    string        `json:"name"`
	Type    string        `json:"type"`
	Client  string        `json:"client"`
	RCode   string        `json:"rcode"`
	Policy  string        `json:"policy"` // that answered last; "" if the name is not steered
	Sites   []string      `json:"sites"`  // chosen, in order
	Answers []string      `json:"answers"`
	TTL     uint32        `json:"ttl"`   // seconds; of the answers, else of the negative answer
	Scope   uint8         `json:"scope"` // length of the client's prefix for which this holds
	Steps   []policy.Step `json:"steps"`
	Notes   []string      `json:"notes,omitempty"`
	Summary string        `json:"summary"` // one sentence that says why
}

// Explain answers q as the wire would, by the same code, and says how.
func Explain(st *State, q Question) (*Explanation, error) {
	packet, err := q.packet()
	if err != nil {
		return nil, err
	}
	t := &trace{policy: policy.Trace{Why: q.Why}}
	r := &Responder{Draw: q.Draw, trace: t}
	reply, o := r.Answer(st, packet, Request{TCP: true}, nil)
	if reply == nil {
		return nil, errors.New("the question would be met with silence")
	}
	var m dns.Msg
	if err := m.Unpack(reply); err != nil {
		return nil, fmt.Errorf("the reply cannot be read: %w", err)
	}
	e := &Explanation{
		Name: q.Name.String(), Type: q.Type.String(), Client: q.clientText(), RCode: o.RCode.String(),
		Policy: t.name, Sites: append([]string{}, t.sites...), Answers: []string{}, Steps: t.steps,
	}
	if st.Zones.Find([]byte(q.Name), q.Type) == nil {
		e.Notes = append(e.Notes, "no zone here holds the name")
	}
	e.records(&m)
	e.Summary = summarize(e, t, o.RCode)
	return e, nil
}

// packet returns the question as a query with the client as its subnet.
func (q *Question) packet() ([]byte, error) {
	var m dns.Msg
	m.SetQuestion(q.Name.String(), uint16(q.Type))
	m.RecursionDesired = false
	m.SetEdns0(DefaultUDPSize, false)
	if c := q.Client; c.IsValid() {
		family := uint16(2)
		if c.Addr().Is4() {
			family = 1
		}
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_SUBNET{
			Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: uint8(c.Bits()),
			Address: c.Masked().Addr().AsSlice(),
		})
	}
	return m.Pack()
}

// clientText is the client as a person writes it: without the length if it is
// that of a whole address.
func (q *Question) clientText() string {
	switch {
	case !q.Client.IsValid():
		return ""
	case q.Client.IsSingleIP():
		return q.Client.Addr().String()
	}
	return q.Client.String()
}

// records takes answers, TTL and scope over from the reply.
func (e *Explanation) records(m *dns.Msg) {
	for i, rr := range m.Answer {
		e.Answers = append(e.Answers, strings.ReplaceAll(rr.String(), "\t", " "))
		if ttl := rr.Header().Ttl; i == 0 || ttl < e.TTL {
			e.TTL = ttl
		}
	}
	if len(m.Answer) == 0 && len(m.Ns) > 0 {
		e.TTL = m.Ns[0].Header().Ttl
	}
	opt := m.IsEdns0()
	if opt == nil {
		return
	}
	for _, o := range opt.Option {
		if subnet, ok := o.(*dns.EDNS0_SUBNET); ok {
			e.Scope = subnet.SourceScope
		}
	}
}

// WithHealth returns a state that differs from st in its health alone.
func (st *State) WithHealth(s *health.Snapshot) *State {
	next := &State{
		Zones: st.Zones, Bound: st.Bound, Cookies: st.Cookies,
		NSID: st.NSID, Version: st.Version, UDPSize: st.UDPSize, TCPIdle: st.TCPIdle,
		ReportAgent: st.ReportAgent, ExplainTo: st.ExplainTo, Reasons: st.Reasons,
	}
	next.Health.Store(s)
	return next
}
