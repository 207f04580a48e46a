package answer

import (
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/policy"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// Responder holds the scratch memory of one worker; reuse makes a reply cost no
// allocation. It is not safe for concurrent use. Draw must be set.
type Responder struct {
	// Draw is the source of randomness for weights and rotation; it belongs to
	// this worker alone, so that it needs no lock.
	Draw policy.Draw

	query  dnswire.Query
	msg    dnswire.Message
	reply  dnswire.Reply
	ecs    dnswire.ECS
	cookie [24]byte
	input  policy.Input
	choice policy.Choice
	chain  chain
	lower  [dnswire.MaxName]byte
	ede    *dnswire.EDE // why steering leaves the name without an answer; nil mostly
	trace  *trace       // nil on the wire

	prepared prepared
}

// Request is what is known of a question beside its bytes.
type Request struct {
	From netip.AddrPort // who asked
	TCP  bool
	Now  uint32 // Unix seconds, for cookies
}

// Answer appends the reply to packet to out[:0] and returns it; nil means
// silence. The returned outcome is valid in both cases.
func (r *Responder) Answer(st *State, packet []byte, req Request, out []byte) ([]byte, Outcome) {
	var o Outcome
	reply := r.AnswerTo(st, packet, &req, out, &o)
	return reply, o
}

// AnswerTo is Answer for the way of every query: the outcome is written where the
// caller wants it and nothing is copied. It keeps neither req nor o.
func (r *Responder) AnswerTo(st *State, packet []byte, req *Request, out []byte, o *Outcome) []byte {
	q := &r.query
	*o = Outcome{Verdict: q.Parse(packet), Steer: -1, Site: -1}
	if o.Verdict == dnswire.Drop {
		return nil
	}
	o.Type = q.Type
	r.ede = nil
	m := &r.msg
	m.Start(out, q, r.limit(st, req))
	edns := r.startReply(st, req, o.Verdict)
	if edns != nil {
		m.Reserve(edns.Len())
	}
	if o.RCode = o.Verdict.RCode(); o.Verdict == dnswire.Proceed {
		r.answer(st, packet, req, o)
		if edns != nil {
			o.Scope = r.ecs.Scope
			r.finishEDNS(st, o)
		}
	}
	m.SetRCode(o.RCode)
	return m.Finish(edns)
}

// limit returns the size of the largest reply that may be sent, in octets.
func (r *Responder) limit(st *State, req *Request) int {
	if req.TCP {
		return 65535
	}
	if !r.query.EDNS.Present {
		return 512
	}
	// RFC 6891, Section 6.2.3: values lower than 512 are treated as 512.
	return max(512, min(int(r.query.EDNS.UDPSize), int(st.udpSize())))
}

func (st *State) udpSize() uint16 {
	if st.UDPSize == 0 {
		return DefaultUDPSize
	}
	return st.UDPSize
}

// startReply fills in the EDNS part of the reply; nil if none was asked for
// (RFC 6891, Section 7: no OPT unless the question had one).
func (r *Responder) startReply(st *State, req *Request, v dnswire.Verdict) *dnswire.Reply {
	e := &r.query.EDNS
	if !e.Present {
		return nil
	}
	r.reply = dnswire.Reply{UDPSize: st.udpSize(), DO: e.DO}
	r.ecs = dnswire.ECS{}
	if v != dnswire.Proceed {
		return &r.reply
	}
	if e.KeepAlive && req.TCP && st.TCPIdle > 0 {
		r.reply.KeepAlive, r.reply.IdleTimeout = true, st.TCPIdle
	}
	if e.NSID {
		r.reply.NSID = st.NSID
	}
	if e.HasECS {
		// RFC 7871, Section 7.2.1: family, source prefix and address are
		// echoed; the scope is 0 until a steered name says otherwise.
		r.ecs = e.ECS
		r.ecs.Scope = 0
		r.reply.ECS = &r.ecs
	}
	if e.HasCookie && st.Cookies.Enabled {
		b := append(r.cookie[:0], e.ClientCookie[:]...)
		r.reply.Cookie = dnswire.AppendServerCookie(b, st.Cookies.Current, e.ClientCookie, req.From.Addr(), req.Now)
	}
	return &r.reply
}

// answer carries out a well-formed question.
func (r *Responder) answer(st *State, packet []byte, req *Request, o *Outcome) {
	q := &r.query
	switch {
	case !q.HasQuestion:
		// A question for a cookie alone; one that is no good is told so
		// (RFC 7873, Section 5.4).
		if q.EDNS.ServerCookie != nil && !st.Cookies.good(&q.EDNS, req) {
			o.RCode = dnswire.RCodeBadCookie
		}
		return
	case q.Class == dnswire.ClassCH:
		r.chaos(st, o)
		return
	case q.Class != dnswire.ClassIN:
		o.RCode = otherClass(q.Class)
		return
	}
	switch q.Type {
	case dnswire.TypeAXFR, dnswire.TypeIXFR:
		o.RCode = r.transfer(st)
		return
	case dnswire.TypeMAILA, dnswire.TypeMAILB:
		o.RCode = dnswire.RCodeNotImp // obsolete since RFC 973
		return
	case dnswire.TypeOPT, dnswire.TypeTSIG, dnswire.TypeTKEY:
		o.RCode = dnswire.RCodeFormErr // not types of data
		return
	}
	if firstMeta <= q.Type && q.Type < dnswire.TypeTKEY {
		o.RCode = dnswire.RCodeFormErr // as BIND; of type 128 by RFC 9824, Section 3.5
		return
	}
	if r.asksToExplain(st, req) {
		r.explain(st, req, o)
		return
	}
	found, known := r.prepared.take(st, packet)
	if !known || q.Type == dnswire.TypeDS {
		found, known = zone.Found{Number: st.Zones.Number(q.Lower, q.Type)}, false
	}
	if found.Number == zone.None {
		o.RCode = dnswire.RCodeRefused
		return
	}
	o.Zone = st.Bound[found.Number]
	if known {
		r.resolve(st, req, o, o.Zone.LookupFound(q.Lower, q.Type, found))
	} else {
		r.resolve(st, req, o, o.Zone.Lookup(q.Lower, q.Type))
	}
}

// Lower returns the name that was asked for last, in lower case and wire form; nil
// if there was none. It holds until the next question.
func (r *Responder) Lower() []byte { return r.query.Lower }

// KnowsClient reports whether the last question came with a server cookie that
// proves where it comes from (RFC 7873, Section 5.2.5).
func (r *Responder) KnowsClient(st *State, req *Request) bool {
	e := &r.query.EDNS
	return e.ServerCookie != nil && st.Cookies.Enabled && st.Cookies.good(e, req)
}

// firstMeta is the first of the types that are no types of data, up to 255
// (RFC 6895, Section 3.1).
const firstMeta dnswire.Type = 128

// otherClass returns the code for a class in which nothing is served, as BIND
// has it: those that no data can be in are malformed, those that nobody has
// defined are not implemented.
func otherClass(c dnswire.Class) dnswire.RCode {
	switch c {
	case 0, dnswire.ClassNONE, dnswire.ClassANY:
		return dnswire.RCodeFormErr
	case dnswire.ClassHS:
		return dnswire.RCodeRefused
	}
	return dnswire.RCodeNotImp
}

// transfer returns the code for a zone transfer: none are made, and those who
// ask for what is no zone here are told that (RFC 5936, Section 2.2.1).
func (r *Responder) transfer(st *State) dnswire.RCode {
	z := st.Zones.Find(r.query.Lower, r.query.Type)
	if z == nil || string(z.Origin) != string(r.query.Lower) {
		return dnswire.RCodeNotAuth
	}
	return dnswire.RCodeRefused
}

// client returns the address whose place decides: that of the client subnet,
// or where there is none, or one that says nothing (RFC 7871, Section 7.1.2:
// SOURCE 0), that of the sender.
func (r *Responder) client(req *Request) netip.Addr {
	if e := &r.query.EDNS; e.HasECS && e.ECS.Source > 0 {
		return e.ECS.Addr
	}
	return req.From.Addr().Unmap()
}
