package steering

import (
	"net/netip"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// geo reads the rules of a geo policy.
func (t *trees) geo(spec *policy.Spec, v value, what string, depth int) {
	sound := true
	for i, item := range t.r.list(v, what, "[{continent: [EU], use: fra}, {use: iad}]") {
		rule, ok := t.rule(item, what+": rule "+strconv.Itoa(i+1), depth)
		sound = sound && ok
		spec.Rules = append(spec.Rules, rule)
	}
	if sound {
		reportUnreachable(spec.Rules, what, &t.r.diags)
	}
}

// rule reads one rule; false after an error in its conditions.
func (t *trees) rule(v value, what string, depth int) (policy.Rule, bool) {
	rule := policy.Rule{Pos: v.pos}
	if v.node.Kind != yaml.MappingNode {
		t.r.wrong(v, "a rule such as {continent: [EU], use: fra}", "%s is %s", what, v)
		return rule, false
	}
	before := len(t.r.diags)
	asked := false
	for _, f := range t.r.fields(v, what, "{continent: [EU], use: fra}", &ruleKeys) {
		switch f.key {
		case "use":
			asked = true
			rule.Use = t.target(f.value, what, depth)
		case "strict":
			rule.Strict = t.r.boolean(f.value, what+": strict")
		default:
			t.condition(&rule, f, what+": "+f.key)
		}
	}
	if !asked {
		t.r.wrong(v, "add use: with a site or policy", "%s says nothing to use", what)
	}
	return rule, !diag.List(t.r.diags[before:]).HasErrors()
}

// examples of the values of each condition, for messages.
var examples = map[string]string{
	"continent": "[EU, AF]", "country": "[DE, FR]", "subdivision": "[GB-ENG]",
	"city": "[London, 2643743]", "asn": "[64500]", "cidr": "[192.0.2.0/24]",
}

// condition reads the values of one condition.
func (t *trees) condition(rule *policy.Rule, f entry, what string) {
	for c := range policy.CIDR + 1 {
		if c.String() == f.key {
			rule.ConditionPos[c] = f.pos
		}
	}
	for _, item := range t.r.oneOrMore(f.value, what, examples[f.key]) {
		text, ok := t.r.text(item, what, examples[f.key])
		if !ok {
			continue
		}
		if wrong, right := addValue(rule, f.key, text, item.node); wrong != "" {
			t.r.wrong(item, right, "%s: %s", what, wrong)
		}
	}
}

// addValue adds one value to a condition, or says what is wrong with it and
// what would be right.
func addValue(rule *policy.Rule, key, text string, n *yaml.Node) (wrong, right string) {
	switch key {
	case "continent":
		rule.Continents = append(rule.Continents, text)
		return checkContinent(text)
	case "country":
		rule.Countries = append(rule.Countries, text)
		return checkCountry(text)
	case "subdivision":
		rule.Subdivisions = append(rule.Subdivisions, text)
		return checkSubdivision(text)
	case "city":
		return addCity(rule, text, n)
	case "asn":
		return addASN(rule, text)
	}
	return addCIDR(rule, text)
}

func checkContinent(text string) (wrong, right string) {
	upper := strings.ToUpper(text)
	switch {
	case geo.ValidContinent(text):
		return "", ""
	case geo.ValidContinent(upper):
		return strconv.Quote(text) + " in lower case", upper
	case geo.ValidCountry(upper):
		return strconv.Quote(text) + " is a country", "country: [" + upper + "]"
	}
	return strconv.Quote(text) + " is unknown", "one of " + strings.Join(geo.Continents(), ", ")
}

// misnamed are codes that people use for countries in place of ISO 3166-1's.
var misnamed = map[string]string{"UK": "GB", "EL": "GR", "EN": "GB"}

func checkCountry(text string) (wrong, right string) {
	upper := strings.ToUpper(text)
	switch {
	case geo.ValidCountry(text):
		return "", ""
	case geo.ValidCountry(upper):
		return strconv.Quote(text) + " in lower case", upper
	case misnamed[upper] != "":
		return strconv.Quote(text) + " is unknown", misnamed[upper]
	case geo.ValidContinent(upper):
		return strconv.Quote(text) + " is a continent", "continent: [" + upper + "]"
	}
	return strconv.Quote(text) + " is unknown", "two letters of ISO 3166-1 such as DE"
}

// checkSubdivision asks for the form of ISO 3166-2: a country, a hyphen, one to
// three letters or digits.
func checkSubdivision(text string) (wrong, right string) {
	country, level, _ := strings.Cut(text, "-")
	outside := func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') }
	if geo.ValidCountry(country) && len(level) >= 1 && len(level) <= 3 && !strings.ContainsFunc(level, outside) {
		return "", ""
	}
	if upper := strings.ToUpper(text); upper != text {
		if again, _ := checkSubdivision(upper); again == "" {
			return strconv.Quote(text) + " in lower case", upper
		}
	}
	return strconv.Quote(text) + " is none", "country and part as in ISO 3166-2, such as GB-ENG"
}

// addCity takes a plain number for a GeoNames id and anything else for a name.
func addCity(rule *policy.Rule, text string, n *yaml.Node) (wrong, right string) {
	if n.Tag != "!!int" {
		if text == "" {
			return "an empty name", "its English name such as London, or its GeoNames id"
		}
		rule.Cities = append(rule.Cities, policy.City{Name: text})
		return "", ""
	}
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil || id == 0 {
		return text + " is none", "a GeoNames id such as 2643743"
	}
	rule.Cities = append(rule.Cities, policy.City{ID: uint32(id)})
	return "", ""
}

func addASN(rule *policy.Rule, text string) (wrong, right string) {
	digits := strings.TrimPrefix(strings.ToUpper(text), "AS")
	n, err := strconv.ParseUint(digits, 10, 32)
	switch {
	case err != nil || n == 0:
		return strconv.Quote(text) + " is none", "a number from 1 to 4294967295"
	case digits != text:
		return strconv.Quote(text) + " is more than a number", "the number alone, " + digits
	}
	rule.ASNs = append(rule.ASNs, uint32(n))
	return "", ""
}

func addCIDR(rule *policy.Rule, text string) (wrong, right string) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
			return "address " + text + " without a prefix length", netip.PrefixFrom(a, a.BitLen()).String()
		}
		return strconv.Quote(text) + " is no network", "a network such as 192.0.2.0/24 or 2001:db8::/32"
	}
	if p.Addr().Is4In6() {
		if p.Bits() >= 96 {
			return text + " is an IPv4 network in IPv6 form", netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96).Masked().String()
		}
		return text + " is an IPv4 network in IPv6 form", "a network such as 192.0.2.0/24"
	}
	if p != p.Masked() {
		return text + " has bits set after the prefix", p.Masked().String()
	}
	rule.CIDRs = append(rule.CIDRs, p)
	return "", ""
}
