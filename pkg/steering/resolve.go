package steering

import (
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// Resolve returns the policy that the data of a STEER record stands for: ref is
// the name of a policy or site, or with a leading "{" a policy in place. All
// findings stand at pos, the place of the record's data, but one: a geo policy
// without a rule for everyone else is told where it is written. The policy is
// nil if there is an error, or one in the files.
func (c *Config) Resolve(ref string, pos diag.Pos) (*policy.Spec, diag.List) {
	r := reader{here: &pos}
	t := trees{r: &r, names: &c.names}
	var spec *policy.Spec
	if text := strings.TrimSpace(ref); strings.HasPrefix(text, "{") {
		spec = t.inPlace(text, pos)
	} else {
		spec = t.byName(value{node: &yaml.Node{}, pos: pos}, ref, "STEER")
	}
	if c.broken || r.diags.HasErrors() {
		return nil, r.diags
	}
	if spec.Kind == policy.KindGeo && !hasCatchAll(spec) {
		r.diags.Errorf(spec.Pos, "add {use: …} as the last rule",
			"policy %s has no rule for everyone else, and the STEER record at %s names it", spec, pos)
		return nil, r.diags
	}
	return spec, r.diags
}

// inPlace reads a policy out of the text of a record.
func (t *trees) inPlace(text string, pos diag.Pos) *policy.Spec {
	spec := &policy.Spec{Text: text, Pos: pos}
	root := parseYAML([]byte(text), func(int) diag.Pos { return pos }, &t.r.diags)
	if root != nil {
		t.fill(spec, t.r.root(root, pos.File), "policy in place", 1)
	}
	return spec
}

// hasCatchAll reports whether a geo policy ends with a rule without
// conditions; such a rule stands nowhere else.
func hasCatchAll(spec *policy.Spec) bool {
	return len(spec.Rules) > 0 && !spec.Rules[len(spec.Rules)-1].Conditional()
}
