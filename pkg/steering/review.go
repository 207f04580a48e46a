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
	policies, sites := unused{kind: "policy", kinds: "policies"}, unused{kind: "site", kinds: "sites"}
	for _, s := range c.Policies {
		switch {
		case !isRoot[s] && !used[s]:
			policies.add(c.names.named[s.Name], s.Name, &diags)
		case !isRoot[s] && s.AllDownPos != nil:
			diags.Warnf(*s.AllDownPos, "move it there",
				"all_down has no effect here: it counts only on the policy that a STEER record names")
		}
	}
	for _, site := range c.Sites {
		if s := c.names.specs[site.Name]; !isRoot[s] && !used[s] {
			sites.add(site.Pos, site.Name, &diags)
		}
	}
	policies.sum(&diags)
	sites.sum(&diags)
	diags.Sort()
	return diags
}

// maxUnused is how many unused things of a kind are named one by one: a file of
// thousands that are not steered to yet is not thousands of mistakes.
const maxUnused = 20

// unused warns of things of one kind that nothing uses.
type unused struct {
	kind, kinds string
	n           int
	pos         diag.Pos // of the first one that is not named by itself
	name        string   // its name
}

func (u *unused) add(pos diag.Pos, name string, diags *diag.List) {
	switch u.n++; {
	case u.n <= maxUnused:
		diags.Warnf(pos, "", "nothing uses %s %s", u.kind, name)
	case u.n == maxUnused+1:
		u.pos, u.name = pos, name
	}
}

// sum warns of those that were not named.
func (u *unused) sum(diags *diag.List) {
	switch more := u.n - maxUnused; {
	case more == 1:
		diags.Warnf(u.pos, "", "nothing uses %s %s", u.kind, u.name)
	case more > 1:
		diags.Warnf(u.pos, "", "nothing uses %d more %s, %s the first of them", more, u.kinds, u.name)
	}
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
