package answer

import (
	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// The extended errors that are told (RFC 8914), each where a person or a resolver
// can do something about it. They are made once: a reply only points to one. None
// has a longer text than is needed to find the cause, and none says what the
// one who asks has no business to know.
var (
	// Section 4.21: the name server was set up for a zone that it does not have.
	edeNotAuthoritative = &dnswire.EDE{Code: dnswire.EDENotAuthoritative}
	// Section 4.19: a transfer of a zone that is here.
	edeProhibited = &dnswire.EDE{Code: dnswire.EDEProhibited}
	// Section 4.22: a type or class that nothing is done for.
	edeNotSupported = &dnswire.EDE{Code: dnswire.EDENotSupported}
	// Section 4.1: no other code is about what is behind the name. (No Reachable
	// Authority and Network Error are a resolver's, about name servers.)
	edeAllDown = &dnswire.EDE{Code: dnswire.EDEOther, Text: "no site is up"}
)

// explainRefusal returns the extended error for a response code that stands for
// itself, or nil.
func explainRefusal(q *dnswire.Query, r dnswire.RCode) *dnswire.EDE {
	switch r {
	case dnswire.RCodeNotImp:
		return edeNotSupported
	case dnswire.RCodeNotAuth:
		return edeNotAuthoritative
	case dnswire.RCodeRefused:
		switch {
		case q.Class != dnswire.ClassIN:
			return nil // version.bind: it is nobody's business why
		case q.Type == dnswire.TypeAXFR || q.Type == dnswire.TypeIXFR:
			return edeProhibited
		}
		return edeNotAuthoritative
	}
	return nil
}

// steeredAway returns the extended error for an answer by which all_down takes a
// name away, or nil.
func steeredAway(c *policy.Choice) *dnswire.EDE {
	if c.LastResort && (c.Action == policy.ServFail || c.Action == policy.NoData) {
		return edeAllDown
	}
	return nil
}

// finishEDNS adds what is told beside the answer, as far as there is room: no
// answer is truncated for its sake. r.reply is being sent.
func (r *Responder) finishEDNS(st *State, o *Outcome) {
	ede := r.ede
	if ede == nil && o.RCode != dnswire.RCodeNoError {
		ede = explainRefusal(&r.query, o.RCode)
	}
	if ede != nil && r.msg.Fits(&r.reply, ede.Len()) {
		r.reply.EDE = ede
	}
	// RFC 9567, Section 6.2: it is sent unasked; but not about reports, which
	// would be reported in turn, and not where the answer has yet to come over TCP.
	if a := st.ReportAgent; len(a) > 1 && o.Zone != nil && !r.msg.Truncated() && !isBelow(r.query.Lower, a) && r.msg.Fits(&r.reply, reportLen+len(a)) {
		r.reply.ReportAgent = a
	}
}

const reportLen = 4 // code and length of an option
