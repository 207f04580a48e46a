package delegation

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Learnt is what parent and name servers said.
type Learnt struct {
	Parent    string            // the zone above; "" if it was not found
	ParentErr string            // why it was not found
	Referrals []Referral        // from each address of the parent's name servers
	Servers   []ServerReply     // from each address of the zone's name servers
	Lost      map[string]string // names of name servers without an address, and why
}

// Referral is what one server of the parent says about the zone.
type Referral struct {
	Server string // name and address
	Err    string // no usable reply
	Own    error  // we cannot reach any address of this kind; no verdict
	NS     []string
	Glue   map[string][]netip.Addr // by name; empty if the reply was no referral
	Answer bool                    // it serves the zone itself and answered with authority
}

// ServerReply is what one address of a name server of the zone says.
type ServerReply struct {
	Name   string
	Addr   netip.Addr
	Err    string // over UDP
	TCPErr string
	Own    error // we cannot reach any address of this kind; no verdict
	AA     bool
	RCode  string
	NS     []string
	Serial uint32
}

// Finding is one result of the comparison.
type Finding struct {
	Level string `json:"level"` // "ok", "warning" or "error"
	Who   string `json:"who"`   // the parent or the server that it is about
	What  string `json:"what"`
	Right string `json:"right,omitempty"` // what would be right
}

// Levels of findings.
const (
	OK      = "ok"
	Warning = "warning"
	Error   = "error"
)

// Agree reports whether no finding is an error.
func Agree(findings []Finding) bool {
	return !slices.ContainsFunc(findings, func(f Finding) bool { return f.Level == Error })
}

// Compare says for the parent and for each name server whether they agree with
// the plan.
func Compare(p Plan, l Learnt) []Finding {
	var out []Finding
	if l.Parent == "" {
		out = append(out, Finding{Error, "parent", cmp.Or(l.ParentErr, "not found"), "a resolver that can find the zone above " + p.Zone})
	}
	for _, r := range l.Referrals {
		out = append(out, compareReferral(p, l.Parent, r)...)
	}
	if l.Parent != "" && !slices.ContainsFunc(l.Referrals, func(r Referral) bool { return r.Err == "" && r.Own == nil }) {
		out = append(out, Finding{Error, "parent " + l.Parent, "none of its name servers could be asked", ""})
	}
	for _, s := range p.Servers {
		if why, ok := l.Lost[s.Name]; ok {
			out = append(out, Finding{Error, s.Name, why, "an address record for it"})
		}
	}
	for _, r := range l.Servers {
		out = append(out, compareServer(p, r)...)
	}
	return out
}

// compareReferral judges one server of the parent.
func compareReferral(p Plan, parent string, r Referral) []Finding {
	who := "parent " + parent + " at " + r.Server
	switch {
	case r.Own != nil:
		return []Finding{{Warning, who, "not asked: " + r.Own.Error(), ""}}
	case r.Err != "":
		return []Finding{{Error, who, r.Err, ""}}
	case len(r.NS) == 0:
		return []Finding{{Error, who, "does not delegate " + p.Zone, "the NS records " + strings.Join(p.names(), ", ")}}
	}
	out := compareNS(p, who, r.NS)
	if !r.Answer {
		out = append(out, compareGlue(p, who, r.Glue)...)
	}
	if len(out) == 0 {
		what := fmt.Sprintf("delegates to the same %d name servers, with the same glue", len(r.NS))
		if r.Answer {
			what = fmt.Sprintf("serves the zone itself, with the same %d name servers", len(r.NS))
		}
		out = append(out, Finding{OK, who, what, ""})
	}
	return out
}

// names returns the names of the plan's servers.
func (p Plan) names() []string {
	out := make([]string, len(p.Servers))
	for i, s := range p.Servers {
		out[i] = s.Name
	}
	return out
}

// compareNS judges a set of NS records.
func compareNS(p Plan, who string, got []string) []Finding {
	var out []Finding
	want := p.names()
	if missing := without(want, got); len(missing) > 0 {
		out = append(out, Finding{Error, who, "lacks NS " + strings.Join(missing, ", "), "NS " + strings.Join(want, ", ")})
	}
	if extra := without(got, want); len(extra) > 0 {
		out = append(out, Finding{Error, who, "has NS " + strings.Join(extra, ", ") + ", which the zone does not", "NS " + strings.Join(want, ", ")})
	}
	return out
}

// compareGlue judges the addresses that come with a referral.
func compareGlue(p Plan, who string, got map[string][]netip.Addr) []Finding {
	var out []Finding
	for _, s := range p.Servers {
		if !s.Inside {
			continue
		}
		have := texts(got[s.Name])
		want := texts(s.Glue)
		if missing := without(want, have); len(missing) > 0 {
			out = append(out, Finding{Error, who, fmt.Sprintf("lacks glue %s for %s", strings.Join(missing, ", "), s.Name), strings.Join(want, ", ")})
		}
		if extra := without(have, want); len(extra) > 0 {
			out = append(out, Finding{Error, who, fmt.Sprintf("has stale glue %s for %s", strings.Join(extra, ", "), s.Name), strings.Join(want, ", ")})
		}
	}
	return out
}

// compareServer judges one address of a name server of the zone.
func compareServer(p Plan, r ServerReply) []Finding {
	who := fmt.Sprintf("%s at %s", r.Name, r.Addr)
	switch {
	case r.Own != nil:
		return []Finding{{Warning, who, "not asked: " + r.Own.Error(), ""}}
	case r.Err != "":
		return []Finding{{Error, who, r.Err, "a server that answers for " + p.Zone}}
	case r.RCode != "NOERROR" || !r.AA:
		return []Finding{{Error, who, fmt.Sprintf("does not serve %s with authority (%s)", p.Zone, r.RCode), "load the zone there"}}
	}
	out := compareNS(p, who, r.NS)
	if r.TCPErr != "" {
		out = append(out, Finding{Error, who, "TCP: " + r.TCPErr, "TCP on the same port, for answers that do not fit a packet"})
	}
	if r.Serial != p.Serial {
		out = append(out, Finding{Warning, who, fmt.Sprintf("has serial %d", r.Serial), fmt.Sprintf("%d, as in the file here", p.Serial)})
	}
	if len(out) == 0 {
		out = append(out, Finding{OK, who, fmt.Sprintf("authoritative, serial %d, UDP and TCP", r.Serial), ""})
	}
	return out
}

// without returns what is in a and not in b, letter case aside.
func without(a, b []string) []string {
	var out []string
	for _, x := range a {
		if !slices.ContainsFunc(b, func(y string) bool { return strings.EqualFold(x, y) }) {
			out = append(out, x)
		}
	}
	return out
}

func texts(addrs []netip.Addr) []string {
	out := make([]string, len(addrs))
	for i, a := range addrs {
		out[i] = a.String()
	}
	return out
}
