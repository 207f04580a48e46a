package zone

import "github.com/geodns-vipd/geodns/pkg/dnswire"

// oracle answers from a bare list of records by walking the labels down from the
// origin, as RFC 1034, Section 4.3.2, step 3 tells it. It is slow and obvious.
type oracle struct {
	origin  dnswire.Name
	records []oracleRecord
}

type oracleRecord struct {
	owner dnswire.Name
	typ   dnswire.Type
	rdata string // in wire form
}

// says is an answer in the words that Result is compared by.
type says struct {
	outcome  Outcome
	node     dnswire.Name // "" for none
	set      dnswire.Type // 0 for none
	wildcard bool
	encloser dnswire.Name
}

func (o *oracle) has(owner dnswire.Name, t dnswire.Type) bool {
	for _, r := range o.records {
		if r.owner == owner && r.typ == t {
			return true
		}
	}
	return false
}

// exists: a name exists if it or a name below it owns a record (RFC 4592,
// Section 2.2.2, RFC 8020).
func (o *oracle) exists(name dnswire.Name) bool {
	if name == o.origin {
		return true
	}
	for _, r := range o.records {
		if r.owner.IsSubdomainOf(name) {
			return true
		}
	}
	return false
}

func (o *oracle) lookup(name dnswire.Name, t dnswire.Type) says {
	// The names from the origin down to the one that is asked.
	var path []dnswire.Name
	for n := name; ; n = n.Parent() {
		path = append([]dnswire.Name{n}, path...)
		if n == o.origin {
			break
		}
	}
	encloser := o.origin
	for i, n := range path {
		last := i == len(path)-1
		if i > 0 && !o.exists(n) {
			// Step 3.c: no such label; look for an asterisk.
			star := dnswire.Name("\x01*" + string(encloser))
			if !o.exists(star) {
				return says{outcome: NXDomain, encloser: encloser}
			}
			s := o.at(star, t)
			s.wildcard, s.encloser = true, encloser
			return s
		}
		encloser = n
		// Step 3.b: out of the authoritative data; DS belongs to this side.
		if i > 0 && o.has(n, dnswire.TypeNS) && !(last && t == dnswire.TypeDS) {
			return says{Delegation, n, dnswire.TypeNS, false, n}
		}
		// RFC 6672, Section 3.2, step 3.c: names below are renamed.
		if !last && o.has(n, dnswire.TypeDNAME) {
			return says{DNAME, n, dnswire.TypeDNAME, false, n}
		}
	}
	s := o.at(name, t) // Step 3.a: the whole of the name is matched.
	s.encloser = name
	return s
}

// at is the answer at a node that matched.
func (o *oracle) at(n dnswire.Name, t dnswire.Type) says {
	s := says{outcome: NoData, node: n}
	if o.has(n, t) && t != dnswire.TypeSTEER {
		s.set = t
	}
	switch {
	case o.has(n, dnswire.TypeSTEER):
		s.outcome = Steered
	case o.has(n, t):
		s.outcome = Answer
	case o.has(n, dnswire.TypeCNAME):
		s.outcome, s.set = CNAME, dnswire.TypeCNAME
	}
	return s
}
