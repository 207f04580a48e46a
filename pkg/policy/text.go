package policy

import (
	"fmt"
	"strconv"
	"strings"
)

// String returns how the policy is shown: its name, or the text of one that
// was written in place.
func (s *Spec) String() string {
	switch {
	case s.Name != "":
		return s.Name
	case s.Text != "":
		return s.Text
	}
	return s.Flow()
}

// Flow returns the policy in the YAML flow form of steering.yaml, as it can be
// put into a STEER record. Named targets stand by their names.
func (s *Spec) Flow() string {
	var b strings.Builder
	b.WriteByte('{')
	b.WriteString(s.Kind.String())
	b.WriteString(": ")
	switch s.Kind {
	case KindSite:
		b.WriteString(s.Name)
	case KindFailover, KindNearest, KindAll:
		writeList(&b, s.Targets, func(t Target) string { return t.Spec.inner() })
	case KindWeighted:
		writeWeights(&b, s.Targets)
	case KindGeo:
		b.WriteByte('[')
		for i := range s.Rules {
			separate(&b, i)
			b.WriteString(s.Rules[i].String())
		}
		b.WriteByte(']')
	}
	s.writeModifiers(&b)
	if s.AllDownPos != nil {
		b.WriteString(", all_down: ")
		b.WriteString(s.AllDown.String())
	}
	b.WriteByte('}')
	return b.String()
}

// writeModifiers writes what is said beside the kind, in one order.
func (s *Spec) writeModifiers(b *strings.Builder) {
	var biased []string
	for _, t := range s.Targets {
		if t.Bias != 0 {
			biased = append(biased, nameText(t.Spec.Name)+": "+strconv.Itoa(int(t.Bias)))
		}
	}
	say := func(written bool, key string, value any) {
		if written {
			fmt.Fprintf(b, ", %s: %v", key, value)
		}
	}
	say(biased != nil, "bias", "{"+strings.Join(biased, ", ")+"}")
	say(s.Limit > 0, "limit", s.Limit)
	say(s.Max > 0, "max", s.Max)
	say(s.MinHealthy > 0, "min_healthy", s.MinHealthy)
	say(s.Sticky, "sticky", true)
	say(s.Trickle > 0, "trickle", strconv.FormatFloat(s.Trickle, 'f', -1, 64)+"%")
	say(s.Guard != nil, "guard", s.Guard)
	say(s.Budget > 0, "budget", s.Budget)
}

// inner is the policy as a target of another: its name or its flow form.
func (s *Spec) inner() string {
	if s.Name != "" {
		return nameText(s.Name)
	}
	return s.Flow()
}

// nameText returns a name as it is written. Its characters are harmless, but
// the whole may be a word that means nothing.
func nameText(name string) string {
	if isNull(name) {
		return strconv.Quote(name)
	}
	return name
}

// writeWeights writes the short form {a: 3, b: 1} where each target has a name
// of its own, else the list form.
func writeWeights(b *strings.Builder, targets []Target) {
	names := map[string]bool{}
	for _, t := range targets {
		if t.Spec.Name != "" {
			names[t.Spec.Name] = true
		}
	}
	if len(names) < len(targets) {
		writeList(b, targets, func(t Target) string {
			return "{use: " + t.Spec.inner() + ", weight: " + strconv.FormatUint(uint64(t.Weight), 10) + "}"
		})
		return
	}
	b.WriteByte('{')
	for i, t := range targets {
		separate(b, i)
		b.WriteString(nameText(t.Spec.Name))
		b.WriteString(": ")
		b.WriteString(strconv.FormatUint(uint64(t.Weight), 10))
	}
	b.WriteByte('}')
}

// String returns the rule in the YAML flow form of steering.yaml.
func (r *Rule) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for c := range numConditions {
		if r.Len(c) == 0 {
			continue
		}
		b.WriteString(c.String())
		b.WriteString(": ")
		writeList(&b, r.values(c), func(v string) string { return v })
		b.WriteString(", ")
	}
	b.WriteString("use: ")
	b.WriteString(r.Use.inner())
	if r.Strict {
		b.WriteString(", strict: true")
	}
	b.WriteByte('}')
	return b.String()
}

// values returns the values of a condition as they are written.
func (r *Rule) values(c Condition) []string {
	switch c {
	case Continent:
		return r.Continents
	case Country:
		return r.Countries
	case Subdivision:
		return r.Subdivisions
	}
	var out []string
	switch c {
	case CityCondition:
		for _, city := range r.Cities {
			out = append(out, city.String())
		}
	case ASN:
		for _, n := range r.ASNs {
			out = append(out, strconv.FormatUint(uint64(n), 10))
		}
	case CIDR:
		for _, p := range r.CIDRs {
			out = append(out, quote(p.String()))
		}
	}
	return out
}

// String returns the name, or the id in decimal.
func (c City) String() string {
	if c.Name != "" {
		return quote(c.Name)
	}
	return strconv.FormatUint(uint64(c.ID), 10)
}

// quote puts a value into double quotes where the plain text would be something
// else in YAML flow form.
func quote(s string) string {
	quoted := strconv.Quote(s)
	_, err := strconv.ParseFloat(s, 64)
	switch {
	case err == nil, s == "", isNull(s),
		s != strings.TrimSpace(s),
		quoted != `"`+s+`"`,
		strings.ContainsAny(s, ":,[]{}#&*!|>'%@`"),
		strings.ContainsAny(s[:1], "-?=<"):
		return quoted
	}
	return s
}

// isNull reports whether YAML takes a word for nothing.
func isNull(s string) bool { return s == "~" || strings.EqualFold(s, "null") }

func writeList[T any](b *strings.Builder, items []T, text func(T) string) {
	b.WriteByte('[')
	for i, item := range items {
		separate(b, i)
		b.WriteString(text(item))
	}
	b.WriteByte(']')
}

func separate(b *strings.Builder, i int) {
	if i > 0 {
		b.WriteString(", ")
	}
}
