package policy

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// The forms below are those of the comment on item: a list is what stands
// behind one another, w(…) a weighted choice, x(…) a strict list.
func TestDecisionsComeIntoOneForm(t *testing.T) {
	first := func(targets ...*Spec) *Spec { return list(KindFailover, targets...) }
	for _, c := range []struct {
		name string
		spec *Spec
		want string
	}{
		{"a site", site("a"), "a"},
		{"nested lists", first(site("a"), first(site("b"), first(site("c")))), "a b c"},
		{"a site that stood before", first(site("a"), site("b"), site("a"), site("c")), "a b c"},
		{"a weighted choice of one", weigh(3, site("a")), "a"},
		{"a weighted choice", weigh(3, site("a"), 1, site("b")), "w(3:a 1:b)"},
		{"weight 0 comes last", weigh(0, site("a"), 2, site("b")), "b a"},
		{"all weights 0", weigh(0, site("a"), 0, site("b")), "w(1:a 1:b)"},
		{"weight 0 behind several", weigh(1, site("a"), 2, site("b"), 0, site("c")), "w(1:a 2:b) c"},
		{"covered by a weighted choice", first(weigh(1, site("a"), 1, site("b")), site("b"), site("c")), "w(1:a 1:b) c"},
		{"covered within a weighted choice", first(site("a"), weigh(1, site("a"), 1, site("b"))), "a b"},
		{"not covered across a weighted choice", weigh(1, site("a"), 1, first(site("a"), site("b"))), "w(1:a 1:a b)"},
		{"rules that match", rules(all(site("a")), all(site("b"))), "a b"},
		{"a rule that does not match", rules(eu(site("a")), all(site("b"))), "b"},
		{"no rule that matches", rules(eu(site("a"))), ""},
		{"a target that nothing matches", weigh(1, rules(eu(site("a"))), 1, site("b")), "b"},
		{"strict cuts what follows", first(site("a"), rules(strict(site("b")), all(site("c"))), site("d")), "a x(b)"},
		{"strict alone is as if not", rules(strict(first(site("a"), site("b"))), all(site("c"))), "a b"},
		{"strict within strict", rules(strict(first(site("a"), rules(strict(site("b")))))), "a x(b)"},
		{"strict keeps sites that stood before", first(site("a"), rules(strict(first(site("b"), site("a"))))), "a x(b a)"},
		{"strict under weights", weigh(1, rules(strict(site("a"))), 0, site("b")), "w(1:x(a) 0:b)"},
		{"strict under weights cuts what follows", first(weigh(1, rules(strict(site("a"))), 2, site("b")), site("c")), "w(1:x(a) 2:b)"},
		{"strict for nobody", first(site("a"), rules(strict(rules(eu(site("b"))))), site("c")), "a x()"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, diags := Compile(c.spec, letters(), worldIndex())
			if p == nil {
				t.Fatal(diags.Err())
			}
			got := show(p, parseDecision(t, p.decide(&p.plain.classes[p.plain.noPlace], false).form))
			if got != c.want {
				t.Errorf("%s: got %q, want %q", c.spec, got, c.want)
			}
		})
	}
}

// Addresses with one decision are one class, however the rules name them.
func TestRulesToOneTargetAreOneClass(t *testing.T) {
	p, _ := Compile(rules(eu(site("a")), Rule{Countries: []string{"US"}, Use: site("a")}, all(site("a"))), letters(), worldIndex())
	if got := p.Classes(); got != 1 {
		t.Errorf("got %d classes, want 1", got)
	}
	var out Choice
	for _, a := range borders() {
		if p.Pick(&Input{Client: a}, &out); out.Scope != 0 {
			t.Errorf("client %v: got scope %d, want 0", a, out.Scope)
		}
	}
}

func TestPoliciesWithEqualTablesShareThem(t *testing.T) {
	c := NewCompiler(letters(), worldIndex())
	p, _ := c.Compile(rules(eu(site("a")), all(site("b"))))
	q, _ := c.Compile(rules(eu(weigh(1, site("b"), 2, site("c"))), all(site("d"))))
	r, _ := c.Compile(rules(Rule{Countries: []string{"DE"}, Use: site("a")}, all(site("b"))))
	if p.Table() != q.Table() {
		t.Error("two policies with the same rules have two tables")
	}
	if p.Table() == r.Table() {
		t.Error("two policies with different rules share a table")
	}
}

func letters() *Sites {
	var specs []SiteSpec
	for _, name := range []string{"a", "b", "c", "d"} {
		specs = append(specs, SiteSpec{Name: name, Addrs: addrs("192.0.2." + fmt.Sprint(name[0]))})
	}
	return NewSites(specs)
}

func site(name string) *Spec { return &Spec{Kind: KindSite, Name: name} }

func list(kind Kind, targets ...*Spec) *Spec {
	s := &Spec{Kind: kind}
	for _, t := range targets {
		s.Targets = append(s.Targets, Target{Spec: t})
	}
	return s
}

// weigh takes weights and targets in turn.
func weigh(args ...any) *Spec {
	s := &Spec{Kind: KindWeighted}
	for i := 0; i < len(args); i += 2 {
		s.Targets = append(s.Targets, Target{Weight: uint32(args[i].(int)), Spec: args[i+1].(*Spec)})
	}
	return s
}

func rules(r ...Rule) *Spec { return &Spec{Kind: KindGeo, Rules: r} }
func all(use *Spec) Rule    { return Rule{Use: use} }
func strict(use *Spec) Rule { return Rule{Use: use, Strict: true} }
func eu(use *Spec) Rule     { return Rule{Continents: []string{"EU"}, Use: use} }

// show writes a list of items out.
func show(p *Policy, list []item) string {
	var parts []string
	for _, it := range list {
		if it.kind == siteItem {
			parts = append(parts, p.sites.At(it.site).Name)
			continue
		}
		var inner []string
		for i, l := range it.lists {
			text := show(p, l)
			switch it.kind {
			case weightedItem, stickyItem:
				text = fmt.Sprintf("%d:%s", it.weights[i], text)
			case allItem, trickleItem, fewItem:
				text = "[" + text + "]"
			}
			inner = append(inner, text)
		}
		name := map[itemKind]string{strictItem: "x", weightedItem: "w", stickyItem: "sticky", allItem: "all", trickleItem: "trickle", fewItem: "few"}[it.kind]
		if it.number > 0 {
			name += fmt.Sprint(it.number)
		}
		parts = append(parts, name+"("+strings.Join(inner, " ")+")")
	}
	return strings.Join(parts, " ")
}

// decisionReader reads the bytes of a decision back, which also shows that no
// two forms can have the same.
type decisionReader struct {
	t *testing.T
	b []byte
}

func parseDecision(t *testing.T, b []byte) []item {
	t.Helper()
	r := &decisionReader{t, b}
	out := r.list()
	if len(r.b) > 0 {
		t.Fatalf("decision has %d bytes too many", len(r.b))
	}
	return out
}

func (r *decisionReader) number() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.t.Fatalf("decision is cut short")
	}
	r.b = r.b[size:]
	return n
}

func (r *decisionReader) bytes(n uint64) []byte {
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *decisionReader) list() []item {
	var out []item
	for range r.number() {
		it := item{kind: itemKind(r.bytes(1)[0])}
		if it.kind == siteItem {
			it.site, it.guard = int32(r.number()), int32(r.number())-1
			out = append(out, it)
			continue
		}
		r.head(&it)
		for range r.number() {
			if it.kind == weightedItem || it.kind == stickyItem || it.kind == fewItem {
				it.weights = append(it.weights, uint32(r.number()))
			}
			if it.kind == stickyItem || it.kind == fewItem {
				it.names = append(it.names, string(r.bytes(r.number())))
			}
			it.lists = append(it.lists, r.list())
		}
		out = append(out, it)
	}
	return out
}

func (r *decisionReader) head(it *item) {
	switch it.kind {
	case allItem, trickleItem, fewItem, targetItem:
		it.number = uint32(r.number())
	}
	switch it.kind {
	case trickleItem:
		it.names = []string{string(r.bytes(r.number()))}
	case fewItem:
		r.bytes(1)
		r.number()
		r.number()
		r.bytes(r.number())
	}
}

func addrs(texts ...string) []netip.Addr {
	var out []netip.Addr
	for _, text := range texts {
		out = append(out, netip.MustParseAddr(text))
	}
	return out
}
