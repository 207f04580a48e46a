package steering

import (
	"strings"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// names are the two namespaces of a configuration: that of checks, and that of
// sites and policies.
type names struct {
	checks  map[string]diag.Pos
	specs   map[string]*policy.Spec // sites and policies, with their trees
	named   map[string]diag.Pos     // where each policy is named
	located map[string]bool         // sites that say where they are
	words   []string                // of targets, in order, for suggestions
	checked []string                // of checks, in order

	lastChecks []string // of the site that was read last

	// partial is true if a file could not be read as YAML: a name that is not
	// known may be defined there, and is not complained about.
	partial bool
}

func newNames() names {
	return names{
		checks:  map[string]diag.Pos{},
		specs:   map[string]*policy.Spec{},
		named:   map[string]diag.Pos{},
		located: map[string]bool{},
	}
}

// addCheck adds the name of a check; false if it stands already.
func (n *names) addCheck(r *reader, e entry) bool {
	if !r.validName("check", e) {
		return false
	}
	if before, twice := n.checks[e.key]; twice {
		r.wrong(value{pos: e.pos}, "another name for one of them", "check %s stands twice, also at %s", e.key, before)
		return false
	}
	n.checks[e.key] = e.pos
	n.checked = append(n.checked, e.key)
	return true
}

// addTarget adds the name of a site or policy; false if it stands already.
func (n *names) addTarget(r *reader, kind string, e entry, spec *policy.Spec) bool {
	if !r.validName(kind, e) {
		return false
	}
	if before, twice := n.specs[e.key]; twice {
		what := "%s %s stands twice, also at %s"
		was, pos := "site", before.Pos
		if !n.isSite(e.key) {
			was, pos = "policy", n.named[e.key]
		}
		if was != kind {
			what = "%s %s has the name of a " + was + " at %s"
		}
		r.wrong(value{pos: e.pos}, "another name for one of them", what, kind, e.key, pos)
		return false
	}
	n.specs[e.key] = spec
	if kind == "policy" {
		n.named[e.key] = e.pos
	}
	n.words = append(n.words, e.key)
	return true
}

// isSite reports whether a name is that of a site.
func (n *names) isSite(name string) bool {
	_, isPolicy := n.named[name]
	return n.specs[name] != nil && !isPolicy
}

// maxName is the longest name of a site, policy or check.
const maxName = 63

// validName reports whether a name can stand in a zone file, a URL and a
// metric as it is.
func (r *reader) validName(kind string, e entry) bool {
	ok := len(e.key) > 0 && len(e.key) <= maxName && !strings.HasPrefix(e.key, "-") && !strings.HasPrefix(e.key, ".")
	for _, c := range e.key {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.')
	}
	if !ok {
		r.wrong(value{pos: e.pos}, "letters, digits, '-', '_' and '.', at most 63, with a letter, digit or '_' first",
			"%q cannot be the name of a %s", e.key, kind)
	}
	return ok
}
