// Package answer owns the way from one question to one reply: it joins the
// bytes of the message (dnswire), the look-up of names (zone) and the choice of
// sites (policy) over one immutable [State].
//
// It does no I/O and knows no clock: the packet, the sender, the time and the
// source of randomness come in as arguments, the reply and an [Outcome] to
// count go out. It does not check health, read files or keep counters.
//
// The entry points are [Responder.Answer] for the wire and [Explain] for
// people; both run the same code.
package answer

import (
	"net/netip"
	"sync/atomic"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/policy"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// DefaultUDPSize is the largest UDP reply, and the size that the server
// advertises, in octets: what fits one packet on any path that matters
// (RFC 9715, Section 3.1).
const DefaultUDPSize = 1232

// State is everything that a reply depends on. It is immutable but for Health,
// which is swapped as a whole when a target goes up or down; it hangs off the
// state so that a reply never sees the health of another configuration.
type State struct {
	Zones   *zone.Set
	Bound   []*Zone // a binding for each zone of Zones, by its number there
	Health  atomic.Pointer[health.Snapshot]
	Cookies Cookies
	NSID    []byte // identity of this node (RFC 5001); nil: not told
	Version string // answer to version.bind in class CHAOS; "": refused
	UDPSize uint16 // largest UDP reply in octets; 0 means DefaultUDPSize
	TCPIdle uint16 // idle time of connections told to those who ask (RFC 7828), in 100 ms; 0: not told

	ReportAgent dnswire.Name // below which resolvers report errors (RFC 9567); "": not told

	ExplainTo []netip.Prefix // who is told over DNS how a question is answered
	// Reasons returns why things are up or down just now, for explanations; may
	// be nil.
	Reasons func() func(health.ID) string
}

// Zone binds the STEER records of a zone to compiled policies.
type Zone struct {
	*zone.Zone
	Slot uint32 // what the caller counts questions by; this package only carries it
	// Policies are in the order of Zone.Steers.
	Policies []*policy.Policy
	// Carried is what the sites of each policy carry beside addresses, in the
	// same order; nil if no site carries anything.
	Carried []*Carried
	// AnswerSlots, like Slot, are numbers that the caller counts by, in the order
	// of Zone.Steers.
	AnswerSlots []*Slots
}

// carried returns what the sites of a STEER record carry beside addresses, or
// nil.
func (z *Zone) carried(steer int) *Carried {
	if z.Carried == nil {
		return nil
	}
	return z.Carried[steer]
}

// Cookies are the secrets of DNS cookies (RFC 9018). Replies carry a cookie of
// Current; one of Previous is still believed, so that a secret can be rolled.
type Cookies struct {
	Current, Previous [16]byte
	Enabled           bool
}

// good reports whether the server cookie of a query is one that was given to its
// sender.
func (c *Cookies) good(e *dnswire.EDNS, req *Request) bool {
	from := req.From.Addr()
	return dnswire.CheckServerCookie(c.Current, e.ClientCookie, e.ServerCookie, from, req.Now) ||
		dnswire.CheckServerCookie(c.Previous, e.ClientCookie, e.ServerCookie, from, req.Now)
}

// Outcome says what became of a question, for whoever counts and logs.
type Outcome struct {
	Verdict    dnswire.Verdict
	Zone       *Zone // zone of the question's name; nil outside
	Type       dnswire.Type
	RCode      dnswire.RCode
	Steer      int   // index of the last STEER that was asked, -1 if none
	SteerZone  *Zone // zone of that STEER
	Site       int32 // first site chosen by it, -1 if none
	LastResort bool  // nothing was up, all_down spoke
	Scope      uint8 // that the client subnet was answered with
	// Covers is the wildcard or the zone cut that the question's name came under,
	// nil if neither: what answers to names that the client makes up have in common.
	Covers *zone.Node
}
