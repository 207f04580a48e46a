package policy

import (
	"net/netip"
	"time"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// Limits of what is compiled. They keep the cost of a Pick and the memory of a
// policy bounded whatever a file says.
const (
	MaxDepth  = 32      // policies within policies, the root counted
	MaxNodes  = 4096    // targets of one root when every name is written out
	MaxWeight = 1 << 31 // of one target; MaxNodes of them with their shares fit 64 bits
)

// Kind says how a policy chooses among its targets.
type Kind uint8

// The kinds of policies.
const (
	KindSite     Kind = iota // a site itself: its addresses
	KindFailover             // the first target that is up
	KindWeighted             // one of the targets that are up, by weight
	KindGeo                  // the target of the first matching rule whose target is up
	KindNearest              // the nearest site that is up
	KindAll                  // all targets that are up
)

// String returns the key that names the kind in steering.yaml.
func (k Kind) String() string {
	switch k {
	case KindSite:
		return "site"
	case KindFailover:
		return "failover"
	case KindWeighted:
		return "weighted"
	case KindGeo:
		return "geo"
	case KindNearest:
		return "nearest"
	case KindAll:
		return "all"
	}
	return "unknown"
}

// AllDown says what is answered when nothing is up.
type AllDown uint8

// The values of all_down.
const (
	Serve         AllDown = iota // as if all were up; the default
	ServeFallback                // the ordinary records at the name
	ServeNoData                  // no record of the type
	ServeServFail                // the error SERVFAIL
)

// allDownNames are the words of steering.yaml, in the order of the constants.
var allDownNames = [...]string{"serve", "fallback", "nodata", "servfail"}

// String returns the word of steering.yaml.
func (a AllDown) String() string {
	if int(a) < len(allDownNames) {
		return allDownNames[a]
	}
	return "unknown"
}

// ParseAllDown returns the value that word names.
func ParseAllDown(word string) (AllDown, bool) {
	for i, w := range allDownNames {
		if w == word {
			return AllDown(i), true
		}
	}
	return Serve, false
}

// AllDownNames returns the words that [ParseAllDown] knows.
func AllDownNames() []string { return allDownNames[:] }

// Spec is a policy as written: a tree whose leaves are sites. A named policy
// that is used in several places is one Spec pointed to from each. It is never
// changed once it is built, and has no cycles.
type Spec struct {
	Kind    Kind
	AllDown AllDown // counts only at the root
	Sticky  bool    // of KindWeighted: a client stays with its target

	Name string   // of the site or policy; "" for a policy written in place
	Text string   // as written, for a policy in place that a record holds; may be ""
	Pos  diag.Pos // of the policy's kind, or of the site's name

	Targets []Target // of all kinds but KindSite and KindGeo, in order
	Rules   []Rule   // of KindGeo, in order

	MinHealthy int        // with fewer targets up it is down as a whole; 0 and 1: any will do; not of KindGeo
	Limit      int        // of KindNearest: so many of the nearest are candidates; 0: all
	Max        int        // of KindAll: at most so many addresses; 0: [DefaultMax]
	Trickle    float64    // of KindFailover: percent of the clients that the next target gets; 0: none
	Guard      *GuardSpec // bounds what failed checks take out; nil: that of the policy around it

	Budget time.Duration // within which clients must avoid a dead site; 0: not said

	AllDownPos *diag.Pos // where AllDown is written; nil if it is not
}

// DefaultMax is how many addresses a policy of KindAll answers at most if it
// does not say.
const DefaultMax = 8

// Target is one child of a policy of any kind but geo.
type Target struct {
	Spec   *Spec
	Weight uint32   // 0 to MaxWeight; of KindWeighted only
	Bias   int8     // -99 to 99 percent, above 0 draws clients in; of KindNearest only
	Pos    diag.Pos // where it is written
}

// key is the name under which a policy or site is hashed and overridden: its
// name, or of one in place its text in canonical form.
func (s *Spec) key() string {
	if s.Name != "" {
		return s.Name
	}
	return s.Flow()
}

// Rule is one rule of a geo policy. All of its conditions must hold; within a
// condition one of the values is enough. A rule without conditions is for
// everyone.
type Rule struct {
	Continents   []string // "EU"
	Countries    []string // "DE", ISO 3166-1 alpha-2
	Subdivisions []string // "GB-ENG", ISO 3166-2, at any level
	Cities       []City
	ASNs         []uint32
	CIDRs        []netip.Prefix // masked

	Use    *Spec
	Strict bool // stop here even if the target is down

	Pos          diag.Pos                // of the rule
	ConditionPos [numConditions]diag.Pos // where each condition is written
}

// City names a city by its English name or by its GeoNames id.
type City struct {
	Name string // "" if by ID
	ID   uint32
}

// Condition is one kind of condition of a [Rule].
type Condition uint8

// The conditions, in the order in which they are shown and judged.
const (
	Continent Condition = iota
	Country
	Subdivision
	CityCondition
	ASN
	CIDR
	numConditions
)

// conditionNames are the keys of steering.yaml, in the order of the constants.
var conditionNames = [numConditions]string{"continent", "country", "subdivision", "city", "asn", "cidr"}

// String returns the key of steering.yaml.
func (c Condition) String() string {
	if c < numConditions {
		return conditionNames[c]
	}
	return "unknown"
}

// Len returns how many values the rule has for a condition; with none the
// condition is not asked.
func (r *Rule) Len(c Condition) int {
	switch c {
	case Continent:
		return len(r.Continents)
	case Country:
		return len(r.Countries)
	case Subdivision:
		return len(r.Subdivisions)
	case CityCondition:
		return len(r.Cities)
	case ASN:
		return len(r.ASNs)
	case CIDR:
		return len(r.CIDRs)
	}
	return 0
}

// Conditional reports whether the rule has any condition.
func (r *Rule) Conditional() bool {
	for c := range numConditions {
		if r.Len(c) > 0 {
			return true
		}
	}
	return false
}
