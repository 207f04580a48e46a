package differential

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// decision returns why we differ from most of the others, "" if there is no
// reason.
func decision(q question, ours reply, theirs []reply) string {
	for _, d := range decisions {
		if d.applies(q, ours, theirs) {
			return d.reason
		}
	}
	return ""
}

var decisions = []struct {
	reason  string
	applies func(q question, ours reply, theirs []reply) bool
}{
	{"types that are no data (AXFR, MAILB, OPT, TSIG …) are refused with the code that BIND uses", noData},
	{"for ANY, any of the records on the way will do (RFC 8482)", anyRecords},
	{"hosts beside an answer are a courtesy; ours are those of another server", courtesy},
	{"each server stops a chain without end at a length of its own", endless},
	{"an alias into another zone served here is followed (RFC 1034, Section 4.3.2), as by NSD; BIND and Knot leave that to the resolver", acrossZones},
}

// acrossZones reports whether we reply as NSD does, which goes on where BIND and
// Knot stop with an alias.
func acrossZones(q question, ours reply, theirs []reply) bool {
	if len(theirs) != 3 {
		return false
	}
	bind, knot, nsd := theirs[0], theirs[1], theirs[2]
	fields := strings.Fields(bind.answer)
	if len(fields) == 0 || zoneAround(fields[len(fields)-1]) == zoneAround(q.name) {
		return false // no other zone comes into it
	}
	return ours.answer == nsd.answer && ours.authority == nsd.authority && bind.answer == knot.answer &&
		bind.authority == "" && knot.authority == "" && strings.HasPrefix(ours.answer, bind.answer)
}

// zoneAround returns the origin of the deepest zone served that holds the name.
func zoneAround(name string) string {
	name = strings.ToLower(name)
	for at, end := 0, false; !end; at, end = dns.NextLabel(name, at) {
		if origins[name[at:]] {
			return name[at:]
		}
	}
	return "."
}

// noData reports whether a type was asked for that no zone holds.
func noData(q question, ours reply, theirs []reply) bool {
	switch q.qtype {
	case dns.TypeAXFR, dns.TypeIXFR, dns.TypeMAILA, dns.TypeMAILB, dns.TypeOPT, dns.TypeTSIG, dns.TypeTKEY:
		return ours.head == theirs[0].head
	}
	return false
}

// anyRecords reports whether ANY was asked for and all gave some records, or more
// than fit, and the same code.
func anyRecords(q question, ours reply, theirs []reply) bool {
	code, truncated := strings.CutSuffix(ours.head, " tc")
	some := truncated || ours.answer != ""
	return q.qtype == dns.TypeANY && some && !slices.ContainsFunc(theirs, func(r reply) bool {
		head, truncated := strings.CutSuffix(r.head, " tc")
		return head != code || r.answer == "" && !truncated || r.authority != ours.authority
	})
}

// courtesy reports whether only the additional section of an authoritative answer
// differs, and one of the others has the same as we.
func courtesy(_ question, ours reply, theirs []reply) bool {
	same := func(r reply) bool {
		return r.head == ours.head && r.answer == ours.answer && r.authority == ours.authority
	}
	return strings.HasPrefix(ours.head, "NOERROR aa") && ours.answer != "" && slices.Contains(theirs, ours) &&
		!slices.ContainsFunc(theirs, func(r reply) bool { return !same(r) })
}

// endless reports whether we follow a long chain as another server does, only
// further or less far, and no two of the others agree on a whole reply.
func endless(q question, ours reply, theirs []reply) bool {
	mine := strings.Split(ours.answer, "; ")
	long, alike := len(mine) > 5, false
	for i, r := range theirs {
		truncated := strings.Contains(r.head, " tc")
		if !truncated && q.qtype != dns.TypeANY && slices.Contains(theirs[:i], r) {
			return false
		}
		chain := strings.Split(r.answer, "; ")
		long = long || len(chain) > 5
		n := min(len(chain), len(mine))
		if truncated || r.answer != "" && (ours.answer == "" || slices.Equal(chain[:n], mine[:n])) {
			alike = true
		}
	}
	return long && alike
}
