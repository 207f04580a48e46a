package steering

import (
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// Review returns the warnings that need to know what all STEER records name:
// sites and policies that nothing uses, and all_down on policies that are only
// used by others. Roots are what [Config.Resolve] returned for the records, in
// any order; nil ones are left out.
func (c *Config) Review(roots []*policy.Spec) diag.List {
	if c.broken {
		return nil
	}
	isRoot, used := map[*policy.Spec]bool{}, map[*policy.Spec]bool{}
	for _, s := range roots {
		if s != nil && !isRoot[s] {
			isRoot[s] = true
			markUsed(s, used)
		}
	}
	for _, s := range c.Policies {
		markUsed(s, used)
	}
	var diags diag.List
	for _, s := range c.Policies {
		switch {
		case !isRoot[s] && !used[s]:
			diags.Warnf(c.names.named[s.Name], "", "nothing uses policy %s", s.Name)
		case !isRoot[s] && s.AllDownPos != nil:
			diags.Warnf(*s.AllDownPos, "move it there",
				"all_down has no effect here: it counts only on the policy that a STEER record names")
		}
	}
	for _, site := range c.Sites {
		if s := c.names.specs[site.Name]; !isRoot[s] && !used[s] {
			diags.Warnf(site.Pos, "", "nothing uses site %s", site.Name)
		}
	}
	diags.Sort()
	return diags
}

// markUsed marks the targets of a policy, and those of the policies in place
// within it.
func markUsed(s *policy.Spec, used map[*policy.Spec]bool) {
	for next := range uses(s) {
		if !used[next] {
			used[next] = true
			markUsed(next, used)
		}
	}
}
