package differential

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// reply is what counts of a reply, in a form in which equal ones are equal.
type reply struct {
	head       string // response code, aa, tc
	answer     string // aliases in their order, then the other records sorted
	authority  string // SOA, or the NS records of a referral
	additional string // addresses of the hosts that the records name
}

// String returns the reply in one line.
func (r reply) String() string {
	s := r.head
	for _, part := range []struct{ name, text string }{{"", r.answer}, {"authority", r.authority}, {"additional", r.additional}} {
		if part.text != "" {
			s += strings.TrimRight(" | "+part.name, " ") + " " + part.text
		}
	}
	return s
}

// normal returns what counts of a packet.
func normal(q question, packet []byte) reply {
	if packet == nil {
		return reply{head: "silence"}
	}
	var m dns.Msg
	if err := m.Unpack(packet); err != nil {
		return reply{head: "unreadable: " + err.Error()}
	}
	r := reply{head: head(q, &m), answer: chainFirst(m.Answer)}
	if q.qtype == dns.TypeANY {
		r.answer = anyAnswer(q, m.Answer)
	}
	referral := referred(&m)
	for _, rr := range m.Ns {
		// The NS records of the zone beside an answer are a courtesy.
		if _, ns := rr.(*dns.NS); ns && !referral {
			m.Ns = slices.DeleteFunc(slices.Clone(m.Ns), func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeNS })
			break
		}
	}
	r.authority = sorted(m.Ns)
	extra := slices.DeleteFunc(m.Extra, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT })
	r.additional = sorted(extra)
	if m.Truncated { // what is left in is up to the server
		r.answer, r.authority, r.additional = "", "", ""
	}
	return r
}

// head returns the response code and the bits that are compared. What is wrong
// with the header is told in it too.
func head(q question, m *dns.Msg) string {
	s := dns.RcodeToString[m.Rcode]
	for _, bit := range []struct {
		on   bool
		name string
	}{
		{m.Authoritative, "aa"}, {m.Truncated, "tc"}, {!m.Response, "no-qr"}, {m.RecursionAvailable, "ra"},
		{(m.IsEdns0() != nil) != (q.how != plain), "wrong-opt"},
		{len(m.Question) != 1 || m.Question[0].Name != q.name || m.Question[0].Qtype != q.qtype, "other-question"},
	} {
		if bit.on {
			s += " " + bit.name
		}
	}
	return s
}

// referred reports whether the reply sends to other servers: it has the NS
// records of a name that is not the origin of a zone served here.
func referred(m *dns.Msg) bool {
	return m.Rcode == dns.RcodeSuccess && len(m.Ns) > 0 && !slices.ContainsFunc(m.Ns, func(rr dns.RR) bool {
		return rr.Header().Rrtype != dns.TypeNS || origins[strings.ToLower(rr.Header().Name)]
	})
}

// origins are those of the zones that are served at present.
var origins = map[string]bool{}

// anyAnswer stands for the answer to ANY, of which any part will do (RFC 8482).
func anyAnswer(q question, rrs []dns.RR) string {
	rrs = slices.DeleteFunc(slices.Clone(rrs), func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeHINFO })
	if len(rrs) == 0 {
		return ""
	}
	if strings.EqualFold(rrs[0].Header().Name, q.name) {
		return "(records of the name)"
	}
	aliases := slices.DeleteFunc(slices.Clone(rrs), func(rr dns.RR) bool { return !isAlias(rr) })
	s := chainFirst(aliases)
	if len(aliases) < len(rrs) {
		s += "; (records)"
	}
	return s
}

func isAlias(rr dns.RR) bool {
	return rr.Header().Rrtype == dns.TypeCNAME || rr.Header().Rrtype == dns.TypeDNAME
}

// chainFirst returns the records as text, CNAME and DNAME in their order, then
// the others sorted. At the end of a loop some servers repeat a record.
func chainFirst(rrs []dns.RR) string {
	var chain, rest []dns.RR
	for _, rr := range rrs {
		if isAlias(rr) {
			chain = append(chain, rr)
		} else {
			rest = append(rest, rr)
		}
	}
	parts := []string{}
	for _, rr := range chain {
		if s := text(rr); !slices.Contains(parts, s) {
			parts = append(parts, s)
		}
	}
	if len(rest) > 0 {
		parts = append(parts, sorted(rest))
	}
	return strings.Join(parts, "; ")
}

func sorted(rrs []dns.RR) string {
	var out []string
	for _, rr := range rrs {
		out = append(out, text(rr))
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}

// text returns a record with single spaces and names in lower case: servers may
// compress them to the letters of another occurrence.
func text(rr dns.RR) string {
	h := rr.Header()
	if h.Rrtype == dns.TypeTXT {
		h.Name = strings.ToLower(h.Name)
		return strings.Join(strings.Fields(rr.String()), " ")
	}
	return strings.ToLower(strings.Join(strings.Fields(rr.String()), " "))
}
