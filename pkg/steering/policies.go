package steering

import (
	"maps"
	"slices"

	yaml "go.yaml.in/yaml/v3"

	"github.com/geodns-vipd/geodns/pkg/policy"
)

// maxTargets is how many targets or rules one policy may have.
const maxTargets = 1024

// trees reads policies into Specs.
type trees struct {
	r     *reader
	names *names
}

// fill reads the policy v into spec. Depth counts policies in place within
// policies, from 1.
func (t *trees) fill(spec *policy.Spec, v value, what string, depth int) {
	if depth > policy.MaxDepth {
		t.r.wrong(v, "give the inner ones names", "%s is more than %d policies deep", what, policy.MaxDepth)
		return
	}
	if v.isNull() {
		t.r.wrong(v, "a mapping such as {failover: [fra, iad]}", "%s is nothing", what)
		return
	}
	fields := t.r.fields(v, what, "{failover: [fra, iad]}", &policyKeys)
	var kinds []entry
	for _, f := range fields {
		if isKind(f.key) {
			kinds = append(kinds, f)
		}
	}
	switch {
	case len(kinds) == 0 && v.node.Kind == yaml.MappingNode && !hasOther(v, &policyKeys):
		t.r.wrong(v, "add failover, weighted, geo, nearest or all", "%s does not say how to choose", what)
	case len(kinds) > 1:
		t.r.wrong(value{pos: kinds[1].pos}, "put one in place into the other",
			"%s has both %s and %s", what, kinds[0].key, kinds[1].key)
	}
	for _, f := range kinds {
		spec.Pos = f.pos
		t.kind(spec, f, what, depth)
	}
	if len(kinds) != 1 {
		return // what the modifiers are said of is unclear
	}
	for _, f := range fields {
		if !isKind(f.key) {
			t.modifier(spec, f, what, depth)
		}
	}
	t.checkMinHealthy(spec, fields, what)
}

// isKind reports whether a key says how a policy chooses.
func isKind(key string) bool {
	return slices.Contains([]string{"failover", "weighted", "geo", "nearest", "all"}, key)
}

// kind reads what a policy chooses among.
func (t *trees) kind(spec *policy.Spec, f entry, what string, depth int) {
	what += ": " + f.key
	switch f.key {
	case "failover":
		spec.Kind = policy.KindFailover
		t.failover(spec, f.value, what, depth)
	case "weighted":
		spec.Kind = policy.KindWeighted
		t.weighted(spec, f.value, what, depth)
	case "geo":
		spec.Kind = policy.KindGeo
		t.geo(spec, f.value, what, depth)
	case "nearest":
		spec.Kind = policy.KindNearest
		t.nearest(spec, f.value, what, depth)
	case "all":
		spec.Kind = policy.KindAll
		t.all(spec, f.value, what, depth)
	}
	if n := max(len(spec.Targets), len(spec.Rules)); n > maxTargets {
		t.r.wrong(f.value, "several policies", "%s has %d targets, more than %d", what, n, maxTargets)
	}
}

func (t *trees) allDown(spec *policy.Spec, f entry, what string, depth int) {
	at := f.pos
	spec.AllDownPos = &at
	word, ok := t.r.text(f.value, what+": all_down", "serve")
	if !ok {
		return
	}
	if spec.AllDown, ok = policy.ParseAllDown(word); !ok {
		t.r.wrong(f.value, suggest(word, policy.AllDownNames()), "%s: all_down is %q", what, word)
	}
	if depth > 1 {
		t.r.diags.Warnf(f.pos, "move it there",
			"all_down has no effect here: it counts only on the policy that a STEER record names")
	}
}

func (t *trees) failover(spec *policy.Spec, v value, what string, depth int) {
	seen := map[*policy.Spec]bool{}
	for _, item := range t.r.list(v, what, "[fra, iad]") {
		target := t.target(item, what, depth)
		if target == nil {
			continue
		}
		if seen[target] {
			t.r.diags.Warnf(item.pos, "", "%s: %s stands twice, and the second is never reached", what, target)
		}
		seen[target] = true
		spec.Targets = append(spec.Targets, policy.Target{Spec: target, Pos: item.pos})
	}
}

// weighted reads {a: 3, b: 1} or [{use: …, weight: 3}, …].
func (t *trees) weighted(spec *policy.Spec, v value, what string, depth int) {
	if v.node.Kind == yaml.MappingNode {
		t.weightMap(spec, v, what)
		return
	}
	if v.node.Kind != yaml.SequenceNode {
		t.r.wrong(v, "a mapping such as {fra: 3, iad: 1}, or a list such as [{use: fra, weight: 3}]", "%s is %s", what, v)
		return
	}
	for _, item := range t.r.list(v, what, "[{use: fra, weight: 3}]") {
		t.weightItem(spec, item, what, depth)
	}
}

func (t *trees) weightMap(spec *policy.Spec, v value, what string) {
	entries, _ := t.r.mapping(v, what, "{fra: 3, iad: 1}")
	if len(entries) == 0 {
		t.r.wrong(v, "a mapping such as {fra: 3, iad: 1}", "%s is an empty mapping", what)
	}
	spec.Targets = slices.Grow(spec.Targets, len(entries))
	for _, e := range entries {
		target := t.byName(value{node: &yaml.Node{}, pos: e.pos}, e.key, what)
		weight, ok := t.weight(e.value, what+": "+e.key)
		if target != nil && ok {
			spec.Targets = append(spec.Targets, policy.Target{Spec: target, Weight: weight, Pos: e.pos})
		}
	}
}

func (t *trees) weightItem(spec *policy.Spec, item value, what string, depth int) {
	if item.node.Kind != yaml.MappingNode {
		t.r.wrong(item, "an item such as {use: fra, weight: 3}", "%s: an item is %s", what, item)
		return
	}
	target := policy.Target{Pos: item.pos}
	lacks := map[string]bool{"use": true, "weight": true}
	sound := false
	for _, f := range t.r.fields(item, what, "{use: fra, weight: 3}", &weightKeys) {
		delete(lacks, f.key)
		switch f.key {
		case "use":
			target.Spec = t.target(f.value, what, depth)
		case "weight":
			target.Weight, sound = t.weight(f.value, what+": weight")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(lacks)) {
		t.r.wrong(item, "an item such as {use: fra, weight: 3}", "%s: an item has no %s", what, key)
	}
	if target.Spec != nil && sound {
		spec.Targets = append(spec.Targets, target)
	}
}

func (t *trees) weight(v value, what string) (uint32, bool) {
	n, ok := t.r.integer(v, what, 0, policy.MaxWeight)
	return uint32(n), ok
}

// target reads a target: a name or a policy in place. It returns nil after an
// error.
func (t *trees) target(v value, what string, depth int) *policy.Spec {
	switch {
	case v.node.Kind == yaml.MappingNode:
		spec := &policy.Spec{Pos: v.pos}
		t.fill(spec, v, "policy in place", depth+1)
		return spec
	case v.node.Kind == yaml.ScalarNode && !v.isNull():
		return t.byName(v, v.node.Value, what)
	}
	t.r.wrong(v, "the name of a site or policy, or a policy in place such as {failover: [fra, iad]}",
		"%s: a target is %s", what, v)
	return nil
}

// byName returns the site or policy with a name, or nil after an error.
func (t *trees) byName(v value, name, what string) *policy.Spec {
	spec := t.names.specs[name]
	if spec == nil && !t.names.partial {
		t.r.wrong(v, suggestName(name, t.names.words), "%s: unknown site or policy %q", what, name)
	}
	return spec
}
