package steering

import (
	"path"
	"strings"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// Bounds of checks that are made on this machine.
const (
	maxWords = 64 // of a command and of its environment
	maxWord  = 4 << 10
	maxTTL   = 24 * time.Hour
)

// exec reads how to run a program.
func (r *reader) exec(e entry, what string) *Exec {
	what += ": exec"
	x := &Exec{}
	for _, f := range r.fields(e.value, what, "{command: [/usr/local/bin/probe]}", &execKeys) {
		switch f.key {
		case "command":
			x.Command = r.command(f.value, what+": command")
		case "env":
			x.Env = r.environment(f.value, what+": env")
		case "keep_alive":
			x.KeepAlive = r.boolean(f.value, what+": keep_alive")
		}
	}
	r.needs(e, "command", "exec: {command: [/usr/local/bin/probe]}", what)
	return x
}

func (r *reader) command(v value, what string) []string {
	var out []string
	for i, item := range r.oneOrMore(v, what, "[/usr/local/bin/probe, --quick]") {
		word, ok := r.text(item, what, "/usr/local/bin/probe")
		switch {
		case !ok:
			continue
		case i == 0 && !path.IsAbs(word):
			r.wrong(item, "an absolute path, and each argument as an item of the list", "%s is %q", what, word)
		case len(word) > maxWord || strings.ContainsRune(word, 0):
			r.wrong(item, "shorter text", "%s: an argument of %d octets", what, len(word))
		}
		out = append(out, word)
	}
	if len(out) > maxWords {
		r.wrong(v, "a script", "%s has %d words", what, len(out))
	}
	return out
}

// environment reads a mapping of names to values as NAME=value.
func (r *reader) environment(v value, what string) []string {
	entries, _ := r.mapping(v, what, "{MODE: quick}")
	var out []string
	for _, e := range entries {
		text, ok := r.text(e.value, what+": "+e.key, "quick")
		bad := strings.ContainsFunc(e.key, func(c rune) bool {
			return c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9')
		})
		if bad || e.key == "" || ok && len(text) > maxWord {
			r.wrong(value{pos: e.pos}, "letters, digits and _", "%s: %q cannot be a variable", what, e.key)
		}
		out = append(out, e.key+"="+text)
	}
	if len(out) > maxWords {
		r.wrong(v, "fewer", "%s has %d variables", what, len(out))
	}
	return out
}

// push reads how long a report stands.
func (r *reader) push(e entry, what string) *Push {
	what += ": push"
	p := &Push{}
	for _, f := range r.fields(e.value, what, "{ttl: 30s}", &pushKeys) {
		if f.key == "ttl" {
			p.TTL, _ = r.duration(f.value, what+": ttl", time.Second, maxTTL)
			continue
		}
		p.TokenFile = r.absolute(f, what, "/etc/geodns/fra.token")
	}
	r.needs(e, "ttl", "push: {ttl: 30s}", what)
	return p
}

// file reads which file to look at.
func (r *reader) file(e entry, what string) *FileCheck {
	what += ": file"
	c := &FileCheck{}
	for _, f := range r.fields(e.value, what, "{path: /run/health/{site}}", &fileKeys) {
		switch f.key {
		case "path":
			c.Path = r.absolute(f, what, "/run/health/fra")
		case "content":
			c.Content = r.boolean(f.value, what+": content")
		case "max_age":
			c.MaxAge, _ = r.duration(f.value, what+": max_age", time.Second, maxExpiry)
		}
	}
	r.needs(e, "path", "file: {path: /run/health/fra}", what)
	return c
}

// calculated reads how many of which checks must be up.
func (r *reader) calculated(e entry, what string, n *names) *health.Formula {
	what += ": calculated"
	c := &health.Formula{}
	var atLeast entry
	for _, f := range r.fields(e.value, what, "{of: [a, b, c], at_least: 2}", &calculatedKeys) {
		switch f.key {
		case "of":
			c.Of = r.members(f.value, what+": of", n)
		case "at_least":
			atLeast = f
		}
	}
	c.AtLeast = len(c.Of)
	if atLeast.node != nil {
		k, _ := r.integer(atLeast.value, what+": at_least", 1, int64(max(1, len(c.Of))))
		c.AtLeast = int(k)
	}
	r.needs(e, "of", "calculated: {of: [a, b, c], at_least: 2}", what)
	return c
}

// members reads the checks that another is calculated from.
func (r *reader) members(v value, what string, n *names) []string {
	return r.checkNames(v, what, n)
}

// calculatedChecks looks for calculated checks that are made from themselves,
// and gives each the interval of its fastest member, which is how often it can
// change.
func (p *parser) calculatedChecks() {
	settled := map[string]int{} // 1 under way, 2 done
	var visit func(c *Check) bool
	visit = func(c *Check) bool {
		if c.Formula == nil || settled[c.Name] == 2 {
			return true
		}
		if settled[c.Name] == 1 {
			return false
		}
		settled[c.Name] = 1
		for _, name := range c.Formula.Of {
			m := p.c.Check(name)
			if m == nil {
				continue
			}
			if !visit(m) {
				p.r.wrong(value{pos: c.Pos}, "take "+name+" out", "check %s is calculated from itself, by way of %s", c.Name, name)
				continue
			}
			if i := m.Spec.Interval; c.Spec.Interval == 0 || i < c.Spec.Interval {
				c.Spec.Interval, c.Spec.Timeout = i, m.Spec.Timeout
			}
		}
		settled[c.Name] = 2
		return true
	}
	for i := range p.c.Checks {
		visit(&p.c.Checks[i])
	}
}

// absolute reads the path of a file.
func (r *reader) absolute(f entry, what, example string) string {
	text, ok := r.text(f.value, what+": "+f.key, example)
	if ok && (!path.IsAbs(text) || strings.ContainsRune(text, 0)) {
		r.wrong(f.value, "an absolute path", "%s: %s is %q", what, f.key, text)
	}
	return text
}
