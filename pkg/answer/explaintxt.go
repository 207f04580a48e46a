package answer

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/policy"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// explainLabel is the first label of a name under which those who may ask are
// told how the rest of the name is answered: TXT at _explain.www.example.com.
const explainLabel = "\x08_explain"

// asksToExplain reports whether the question is one for an explanation that its
// sender may have. For anybody else the name is one like any other.
func (r *Responder) asksToExplain(st *State, req *Request) bool {
	q := &r.query
	if q.Type != dnswire.TypeTXT || len(st.ExplainTo) == 0 || !strings.HasPrefix(string(q.Lower), explainLabel) {
		return false
	}
	from := req.From.Addr().Unmap()
	for _, p := range st.ExplainTo {
		if p.Contains(from) {
			return true
		}
	}
	return false
}

// explain answers with the account of another question: for the name behind
// the label, for A, or for the type that the next label names, such as _mx. It
// is no hot path: few may ask.
func (r *Responder) explain(st *State, req *Request, o *Outcome) {
	q := &r.query
	asked := Question{Name: dnswire.Name(q.Lower[len(explainLabel):]), Type: dnswire.TypeA, Draw: r.Draw, Client: r.clientPrefix(req)}
	if label := int(asked.Name[0]); label > 1 && asked.Name[1] == '_' {
		if t, known := dnswire.ParseType(strings.ToUpper(string(asked.Name[2 : 1+label]))); known {
			asked.Name, asked.Type = asked.Name[1+label:], t
		}
	}
	if st.Reasons != nil {
		asked.Why = st.Reasons()
	}
	if i := st.Zones.Number([]byte(asked.Name), asked.Type); i != zone.None {
		o.Zone = st.Bound[i]
	}
	r.msg.SetAA(true)
	e, err := Explain(st.silent(), asked)
	lines, first := []string{"this cannot be explained"}, 1
	if err == nil {
		lines = e.Lines()
		// Whoever reads one line should read why. The sentence ends the lines for
		// people; here it comes first, if it fits one string, as number 0.
		if n := len(lines) - 1; e.Summary != "" && len("00 ")+len(e.Summary) <= maxString {
			lines, first = append([]string{e.Summary}, lines[:n]...), 0
		}
	}
	if r.ecs.Source > 0 {
		r.ecs.Scope = r.ecs.Source // it is about this client
	}
	for i, line := range lines {
		text := fmt.Appendf(nil, "%02d %s", i+first, line)
		if !r.msg.AppendRecord(dnswire.Answer, q.Name, dnswire.TypeTXT, 0, characterStrings(text)) {
			r.msg.Truncate()
			return
		}
	}
}

// clientPrefix returns the client whose place decides, as Question has it.
func (r *Responder) clientPrefix(req *Request) netip.Prefix {
	if e := &r.query.EDNS; e.HasECS && e.ECS.Source > 0 {
		return netip.PrefixFrom(e.ECS.Addr, int(e.ECS.Source))
	}
	a := req.From.Addr().Unmap()
	return netip.PrefixFrom(a, a.BitLen())
}

// silent returns a state that explains to nobody, so that an explanation is
// never one of an explanation.
func (st *State) silent() *State {
	next := st.WithHealth(st.Health.Load())
	next.ExplainTo = nil
	return next
}

// maxString is how much a character-string holds (RFC 1035, Section 3.3).
const maxString = 255

// characterStrings returns text as the RDATA of a TXT record.
func characterStrings(text []byte) []byte {
	var out []byte
	for len(text) > 0 {
		n := min(len(text), maxString)
		out = append(append(out, byte(n)), text[:n]...)
		text = text[n:]
	}
	return out
}

// Lines returns the explanation for people, line by line.
func (e *Explanation) Lines() []string {
	head := e.Name + " " + e.Type
	if e.Client != "" {
		head += " for client " + e.Client
	}
	lines := []string{head}
	for _, line := range (&policy.Trace{Steps: e.Steps}).Lines() {
		lines = append(lines, "  "+line)
	}
	from := ""
	if len(e.Sites) > 0 {
		from = " from " + strings.Join(e.Sites, ", ")
	}
	lines = append(lines, fmt.Sprintf("%s%s, TTL %d, scope /%d", e.RCode, from, e.TTL, e.Scope))
	for _, a := range e.Answers {
		lines = append(lines, "  "+a)
	}
	for _, n := range e.Notes {
		lines = append(lines, "note: "+n)
	}
	if e.Summary != "" { // an older server tells none
		lines = append(lines, "why: "+e.Summary)
	}
	return lines
}
