package steering

import (
	"strings"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// File is the text of one file.
type File struct {
	Name string // as shown in messages
	Data []byte
}

// Parse reads the files into one namespace, in the order given, and reports
// everything that is wrong with them. The configuration is never nil; if the
// findings hold an error it is good for [Config.Resolve] to check records
// against, but yields no trees.
func Parse(files []File) (*Config, diag.List) {
	p := parser{c: &Config{names: newNames()}}
	for _, f := range files {
		p.file(f)
	}
	p.declare()
	p.readChecks()
	p.readSites()
	p.readPolicies()
	if !p.r.diags.HasErrors() {
		p.warnChecks()
	}
	p.r.diags.Sort()
	p.c.broken = p.r.diags.HasErrors()
	return p.c, p.r.diags
}

// parser holds what is being read. All names are declared before anything is
// read that may use them, so that their order does not matter.
type parser struct {
	c *Config
	r reader

	checks, sites, policies []entry
}

// file collects the sections of one file.
func (p *parser) file(f File) {
	root := parseYAML(f.Data, func(offset int) diag.Pos { return place(f, offset) }, &p.r.diags)
	if root == nil {
		p.c.names.partial = p.c.names.partial || p.r.diags.HasErrors()
		return
	}
	for _, section := range p.r.fields(p.r.root(root, f.Name), "the file", "{sites: …}", &topKeys) {
		if section.key == "guard" {
			p.guard(section)
			continue
		}
		what, example := section.key, map[string]string{
			"checks":   "{web: {http: {path: /healthz}}}",
			"sites":    "{fra: {addresses: [192.0.2.10]}}",
			"policies": "{web: {failover: [fra, iad]}}",
		}[section.key]
		entries, _ := p.r.mapping(section.value, what, example)
		switch section.key {
		case "checks":
			p.checks = append(p.checks, entries...)
		case "sites":
			p.sites = append(p.sites, entries...)
		case "policies":
			p.policies = append(p.policies, entries...)
		}
	}
}

// guard reads the guard of all policies, which stands once.
func (p *parser) guard(f entry) {
	if before := p.c.Guard; before != nil {
		p.r.wrong(value{pos: f.pos}, "one of them", "guard stands twice, also at %s", before.Pos)
		return
	}
	p.c.Guard = p.r.guard(f, "guard")
}

// place turns an offset in a file into line and column, the column in
// characters.
func place(f File, offset int) diag.Pos {
	before := string(f.Data[:min(offset, len(f.Data))])
	line := before[strings.LastIndexByte(before, '\n')+1:]
	line = strings.TrimPrefix(line, "\ufeff")
	return diag.Pos{File: f.Name, Line: 1 + strings.Count(before, "\n"), Col: 1 + len([]rune(line))}
}

// declare gives every name its meaning, and leaves out those that have one
// already.
func (p *parser) declare() {
	n := &p.c.names
	p.checks = keep(p.checks, func(e entry) bool { return n.addCheck(&p.r, e) })
	p.sites = keep(p.sites, func(e entry) bool {
		return n.addTarget(&p.r, "site", e, &policy.Spec{Kind: policy.KindSite, Name: e.key, Pos: e.pos})
	})
	p.policies = keep(p.policies, func(e entry) bool {
		return n.addTarget(&p.r, "policy", e, &policy.Spec{Name: e.key, Pos: e.pos})
	})
}

func keep(entries []entry, ok func(entry) bool) []entry {
	var out []entry
	for _, e := range entries {
		if ok(e) {
			out = append(out, e)
		}
	}
	return out
}

func (p *parser) readChecks() {
	for _, e := range p.checks {
		p.c.Checks = append(p.c.Checks, p.r.check(e, &p.c.names))
	}
	p.calculatedChecks()
}

func (p *parser) readSites() {
	p.c.Sites = make([]Site, 0, len(p.sites))
	for _, e := range p.sites {
		s := p.r.site(e, &p.c.names)
		p.c.Sites = append(p.c.Sites, s)
		if len(s.Addrs) == 0 && len(s.Records) > 0 {
			p.checkTargets(e, s)
		}
	}
}

// checkTargets reports the checks of a site without addresses that would have
// nothing to probe.
func (p *parser) checkTargets(e entry, s Site) {
	for _, name := range p.c.withMembers(s.Checks) {
		c := p.c.Check(name)
		if c == nil || c.Via.Target != "" || c.Exec != nil || c.Push != nil || c.File != nil || c.Formula != nil {
			continue
		}
		p.r.wrong(value{pos: e.pos}, "target: in check "+name+", such as the name that the CNAME leads to",
			"site %s has no address for check %s to probe", s.Name, name)
	}
}

// readPolicies fills the trees of the named policies and looks for cycles
// among them.
func (p *parser) readPolicies() {
	t := trees{r: &p.r, names: &p.c.names}
	for _, e := range p.policies {
		spec := p.c.names.specs[e.key]
		t.fill(spec, e.value, "policy "+e.key, 1)
		p.c.Policies = append(p.c.Policies, spec)
	}
	reportCycles(p.c.Policies, &p.r.diags)
}

// warnChecks warns of checks that no site uses.
func (p *parser) warnChecks() {
	used := map[string]bool{}
	for _, s := range p.c.Sites {
		for _, name := range p.c.withMembers(s.Checks) {
			used[name] = true
		}
	}
	for _, c := range p.c.Checks {
		if !used[c.Name] {
			p.r.diags.Warnf(c.Pos, "", "no site uses check %s", c.Name)
		}
	}
}

// maxListed bounds how many names a suggestion lists.
const maxListed = 8

// suggestName says which of the known names was meant, or which there are.
func suggestName(name string, known []string) string {
	switch near := diag.Nearest(name, known); {
	case near != "":
		return "did you mean " + near + "?"
	case len(known) == 0:
		return "define it in steering.yaml"
	case len(known) > maxListed:
		return "one of " + strings.Join(known[:maxListed], ", ") + ", …"
	}
	return "one of " + strings.Join(known, ", ")
}
