package answer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// summarize says in one sentence why a reply is what it is: by the policies that
// were asked, and of what no policy decides by the look-up.
func summarize(e *Explanation, t *trace, rcode dnswire.RCode) string {
	parts := slices.Clone(t.summaries)
	empty := rcode == dnswire.RCodeNoError && len(e.Answers) == 0
	switch {
	case len(t.steps) == 0:
		return "no policy is asked: " + unasked(rcode)
	case t.last == zone.Steered && len(parts) > 0:
		if empty && len(e.Sites) > 0 {
			parts = append(parts, "it has no "+e.Type+" record there")
		}
	default:
		parts = append(parts, t.plain(e, empty))
	}
	return strings.Join(parts, "; ")
}

// unasked says why nothing was looked up.
func unasked(rcode dnswire.RCode) string {
	if rcode == dnswire.RCodeRefused || rcode == dnswire.RCodeNotAuth {
		return "no zone here answers it"
	}
	return "the answer is " + rcode.String()
}

// plain says what the last look-up came to, which no policy decided.
func (t *trace) plain(e *Explanation, empty bool) string {
	where := "zone " + t.lastZone
	switch t.last {
	case zone.Delegation:
		return t.lastName + " is delegated by " + where + ", whose name servers are named to everybody alike"
	case zone.NXDomain:
		return t.lastName + " does not exist in " + where
	case zone.CNAME, zone.DNAME:
		return t.lastName + " leads by its " + strings.ToUpper(t.last.String()) + " to a name that is not answered here"
	}
	if empty {
		return t.lastName + " has no " + e.Type + " record in " + where
	}
	return fmt.Sprintf("%s is not steered for %s: %s tells everybody the same", t.lastName, e.Type, where)
}
