package route53

import (
	"fmt"
	"strings"
)

// owner is a name of the zone with what Route 53 has at it.
type owner struct {
	name   string // absolute, lower case, as a master file writes it
	zone   *hostedZone
	types  []string // in the order of the answer
	sets   map[string][]recordSet
	policy string // name of the policy that the name is steered by; "" if none
}

// hostedZone is a name with an SOA record.
type hostedZone struct {
	origin string
	owners []*owner
}

// masterName returns a name as a master file writes it. Route 53 writes octets
// beyond letters, digits, '-' and '_' as a backslash with three octal digits
// (Developer Guide, "DNS domain name format"); a master file has decimal ones.
func masterName(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		var octet int
		if _, err := fmt.Sscanf(octal(s[i:]), "%o", &octet); err != nil {
			b.WriteByte(lower(s[i]))
			continue
		}
		i += 3
		switch c := lower(byte(octet)); {
		case c == '*' || c == '-' || c == '_' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\%03d`, c)
		}
	}
	name := b.String()
	if !strings.HasSuffix(name, ".") {
		name += "."
	}
	return name
}

// octal returns the three digits of an escape that s begins with, or "".
func octal(s string) string {
	if len(s) < 4 || s[0] != '\\' || s[1] > '3' || strings.Trim(s[1:4], "01234567") != "" {
		return ""
	}
	return s[1:4]
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// under reports whether a name is the zone's origin or below it.
func (z *hostedZone) under(name string) bool {
	return name == z.origin || strings.HasSuffix(name, "."+z.origin) || z.origin == "."
}

// relative returns a name as the zone's file writes it.
func (z *hostedZone) relative(name string) string {
	if name == z.origin {
		return "@"
	}
	return strings.TrimSuffix(name, "."+z.origin)
}

// label returns what a policy or site of the name is called: letters, digits,
// '-', '_' and '.', as steering.yaml takes them.
func (o *owner) label() string {
	if o.name == o.zone.origin {
		return clean(strings.TrimSuffix(o.zone.origin, "."))
	}
	return clean(strings.Replace(o.zone.relative(o.name), "*", "wildcard", 1))
}

// clean replaces what cannot stand in a name of steering.yaml.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r < 128 && (lower(byte(r)) >= 'a' && lower(byte(r)) <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r)):
			return r
		}
		return '-'
	}, s)
	s = strings.TrimLeft(s, "-.")
	if s == "" {
		return "site"
	}
	return s[:min(len(s), longest)]
}

// longest leaves room for a number behind a name of at most 63 characters.
const longest = 58

// unique returns a name that nothing else has, like the one wanted.
func (c *converter) unique(name string) string {
	name = clean(name)
	free := name
	for i := 2; c.taken[free]; i++ {
		free = fmt.Sprintf("%s-%d", name, i)
	}
	c.taken[free] = true
	return free
}
