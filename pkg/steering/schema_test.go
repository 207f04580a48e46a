package steering

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v3"

	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

const schemaFile = "../../docs/steering.schema.json"

// schema is one (sub)schema of a JSON Schema document.
type schema = map[string]any

func loadSchema(t *testing.T) schema {
	t.Helper()
	data, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatalf("%s: %v", schemaFile, err)
	}
	return s
}

func TestSchemaHasTheKeysOfTheParser(t *testing.T) {
	s := loadSchema(t)
	defs := s["$defs"].(schema)
	for def, want := range map[string]keys{
		"": topKeys, "check": checkKeys, "http": httpKeys, "tcp": tcpKeys, "tls": tlsKeys, "certExpiry": expiryKeys,
		"icmp": icmpKeys, "dns": dnsKeys, "grpc": grpcKeys, "exec": execKeys, "push": pushKeys, "file": fileKeys, "calculated": calculatedKeys, "site": siteKeys, "fail_back": failBackKeys,
		"policy": policyKeys, "rule": ruleKeys, "weightItem": weightKeys, "guard": guardKeys,
	} {
		at := s
		if def != "" {
			at = defs[def].(schema)
		}
		got := slices.Sorted(maps.Keys(at["properties"].(schema)))
		if known := slices.Sorted(slices.Values(want.known)); !slices.Equal(got, known) {
			t.Errorf("%s: schema has %v, parser %v", def, got, known)
		}
		if at["additionalProperties"] != false {
			t.Errorf("%s: schema lets unknown keys through", def)
		}
	}
	words := func(def string) (out []string) {
		for _, w := range defs[def].(schema)["enum"].([]any) {
			out = append(out, w.(string))
		}
		return out
	}
	if got := words("continent"); !slices.Equal(got, geo.Continents()) {
		t.Errorf("continents: schema has %v, want %v", got, geo.Continents())
	}
	allDown := defs["policy"].(schema)["properties"].(schema)["all_down"].(schema)["enum"]
	if got := fmt.Sprint(allDown); got != fmt.Sprint(policy.AllDownNames()) {
		t.Errorf("all_down: schema has %v, want %v", got, policy.AllDownNames())
	}
}

// What the parser accepts, an editor with the schema must not underline.
func TestSchemaAcceptsWhatTheParserAccepts(t *testing.T) {
	s := loadSchema(t)
	texts, _ := corpus(t)
	accepted := 0
	for _, text := range texts {
		if _, diags := Parse([]File{{Name: "steering.yaml", Data: []byte(text)}}); diags.HasErrors() {
			continue
		}
		accepted++
		if wrong := validate(s, s, document(t, text)); wrong != "" {
			t.Errorf("schema refuses %s\n%s", wrong, text)
		}
	}
	if accepted < 5 {
		t.Errorf("only %d files were tried", accepted)
	}
}

// What needs no names to be seen wrong, the schema sees too.
func TestSchemaRefusesWhatTheParserRefuses(t *testing.T) {
	s := loadSchema(t)
	const site = "sites: {fra: {addresses: [192.0.2.1]}}\n"
	for _, text := range []string{
		"check: {}",
		"checks: {web: {}}",
		"checks: {web: {http: {}, tcp: {port: 1}}}",
		"checks: {web: {tcp: {}}}",
		"checks: {web: {tcp: {port: 0}}}",
		"checks: {web: {tcp: {port: 1}, interval: 5}}",
		"checks: {web: {tcp: {port: 1}, interval: fast}}",
		"checks: {web: {tcp: {port: 1}, fall: 0}}",
		"checks: {web: {http: {path: healthz}}}",
		"checks: {web: {http: {method: get}}}",
		"checks: {web: {http: {method: CONNECT}}}",
		"checks: {web: {http: {status: [20]}}}",
		"checks: {web: {http: {status: []}}}",
		"checks: {web: {http: {body: ''}}}",
		"checks: {web: {http: {redirects: 6}}}",
		"checks: {web: {http: {keep_alive: maybe}}}",
		"checks: {'a b': {tcp: {port: 1}}}",
		"checks: {web: {https: {min_tls: 1.1}}}",
		"checks: {web: {http: {load: {}}}}",
		"checks: {web: {http: {load: {header: X, json: y}}}}",
		"checks: {web: {tcp: {port: 1, send: ''}}}",
		"checks: {web: {tcp: {port: 1, tls: {version: 1}}}}",
		"checks: {web: {icmp: {size: 9000}}}",
		"checks: {web: {dns: {}}}",
		"checks: {web: {dns: {name: example.com, transport: quic}}}",
		"checks: {web: {grpc: {}}}",
		"checks: {web: {exec: {}}}",
		"checks: {web: {exec: {command: probe}}}",
		"checks: {web: {push: {}}}",
		"checks: {web: {file: {path: up}}}",
		"checks: {web: {tcp: {port: 1}}, two: {calculated: {of: []}}}",
		"checks: {web: {tcp: {port: 1}}, two: {calculated: {of: [web], at_least: 0}}}",
		"checks: {web: {tcp: {port: 1}, interface: a/b}}",
		"sites: {fra: {}}",
		"sites: {fra: {addresses: []}}",
		"sites: {fra: {addresses: 192.0.2.1}}",
		"sites: {fra: {addresses: [192.0.2.1, 192.0.2.1]}}",
		"sites: {fra: {addresses: [host.example]}}",
		"sites: {fra: {addresses: [192.0.2.1], location: [91, 0]}}",
		"sites: {fra: {addresses: [192.0.2.1], location: [1]}}",
		"sites: {fra: {addresses: [192.0.2.1], records: {}}}",
		site + "policies: {web: fra}",
		site + "policies: {web: {}}",
		site + "policies: {web: {failover: []}}",
		site + "policies: {web: {failover: fra}}",
		site + "policies: {web: {nearest: [{failover: [fra]}]}}",
		site + "policies: {web: {nearest: []}}",
		site + "policies: {web: {all: fra}}",
		site + "policies: {web: {all: [fra], max: 0}}",
		site + "policies: {web: {all: [fra], sticky: true}}",
		site + "policies: {web: {failover: [fra], trickle: 1}}",
		site + "policies: {web: {failover: [fra], limit: 1}}",
		site + "policies: {web: {weighted: {fra: 1}, sticky: 1}}",
		site + "policies: {web: {failover: [fra], min_healthy: 0}}",
		site + "policies: {web: {geo: [{use: fra}], min_healthy: 1}}",
		site + "policies: {web: {failover: [fra], guard: {}}}",
		site + "policies: {web: {failover: [fra], guard: {max_removed: half}}}",
		site + "guard: {min_sites: 0}",
		site + "policies: {web: {failover: [fra], weighted: {fra: 1}}}",
		site + "policies: {web: {failover: [fra], all_down: never}}",
		site + "policies: {web: {weighted: {}}}",
		site + "policies: {web: {weighted: {fra: -1}}}",
		site + "policies: {web: {weighted: {fra: 1.5}}}",
		site + "policies: {web: {weighted: [{use: fra}]}}",
		site + "policies: {web: {geo: [{country: [DE]}]}}",
		site + "policies: {web: {geo: [{country: [], use: fra}]}}",
		site + "policies: {web: {geo: [{country: [de], use: fra}]}}",
		site + "policies: {web: {geo: [{continent: [XX], use: fra}]}}",
		site + "policies: {web: {geo: [{subdivision: [GB], use: fra}]}}",
		site + "policies: {web: {geo: [{asn: [0], use: fra}]}}",
		site + "policies: {web: {geo: [{city: [0], use: fra}]}}",
		site + "policies: {web: {geo: [{cidr: [10.0.0.1], use: fra}]}}",
		site + "policies: {web: {geo: [{use: fra, strict: 1}]}}",
	} {
		if _, diags := Parse([]File{{Name: "steering.yaml", Data: []byte(text)}}); !diags.HasErrors() {
			t.Errorf("the parser accepts %s", text)
		}
		if validate(s, s, document(t, text)) == "" {
			t.Errorf("the schema accepts %s", text)
		}
	}
}

// document reads YAML the way an editor does: keys are strings, numbers are
// numbers.
func document(t *testing.T, text string) any {
	t.Helper()
	var doc any
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return plain(doc)
}

func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			v[k] = plain(inner)
		}
	case map[any]any:
		out := schema{}
		for k, inner := range v {
			out[fmt.Sprint(k)] = plain(inner)
		}
		return out
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case int:
		return float64(v)
	}
	return v
}

// validate is as much of a JSON Schema validator as the schema needs; an
// unknown keyword is a failure, so that none is skipped silently. It returns
// what is wrong, or "".
func validate(root, s schema, v any) string {
	for _, keyword := range slices.Sorted(maps.Keys(s)) {
		if wrong := validateBy(root, s, keyword, s[keyword], v); wrong != "" {
			return wrong
		}
	}
	return ""
}

func validateBy(root, s schema, keyword string, want, v any) string {
	object, isObject := v.(schema)
	array, isArray := v.([]any)
	text, isText := v.(string)
	number, isNumber := v.(float64)
	bad := false
	switch keyword {
	case "$schema", "$defs", "title", "description":
	case "$ref":
		return validate(root, root["$defs"].(schema)[strings.TrimPrefix(want.(string), "#/$defs/")].(schema), v)
	case "type":
		bad = !hasType(want, v)
	case "enum":
		bad = !slices.ContainsFunc(want.([]any), func(w any) bool { return w == v })
	case "const":
		bad = want != v
	case "not":
		bad = validate(root, want.(schema), v) == ""
	case "oneOf":
		matching := 0
		for _, one := range want.([]any) {
			if validate(root, one.(schema), v) == "" {
				matching++
			}
		}
		bad = matching != 1
	case "anyOf":
		bad = !slices.ContainsFunc(want.([]any), func(one any) bool { return validate(root, one.(schema), v) == "" })
	case "pattern":
		bad = isText && !regexp.MustCompile(want.(string)).MatchString(text)
	case "minLength":
		bad = isText && utf8.RuneCountInString(text) < int(want.(float64))
	case "maxLength":
		bad = isText && utf8.RuneCountInString(text) > int(want.(float64))
	case "minimum":
		bad = isNumber && number < want.(float64)
	case "maximum":
		bad = isNumber && number > want.(float64)
	case "required":
		for _, name := range want.([]any) {
			_, has := object[name.(string)]
			bad = bad || isObject && !has
		}
	case "minProperties":
		bad = isObject && len(object) < int(want.(float64))
	case "maxProperties":
		bad = isObject && len(object) > int(want.(float64))
	case "minItems":
		bad = isArray && len(array) < int(want.(float64))
	case "maxItems":
		bad = isArray && len(array) > int(want.(float64))
	case "uniqueItems":
		for i := range array {
			bad = bad || slices.ContainsFunc(array[:i], func(w any) bool { return reflect.DeepEqual(w, array[i]) })
		}
	case "items":
		for i := range array {
			if wrong := validate(root, want.(schema), array[i]); wrong != "" {
				return wrong
			}
		}
	case "prefixItems":
		for i, one := range want.([]any) {
			if i < len(array) && validate(root, one.(schema), array[i]) != "" {
				return fmt.Sprintf("%v: item %d", v, i)
			}
		}
	case "propertyNames":
		for name := range object {
			if wrong := validate(root, want.(schema), name); wrong != "" {
				return wrong
			}
		}
	case "properties":
		for name, one := range want.(schema) {
			if inner, has := object[name]; has {
				if wrong := validate(root, one.(schema), inner); wrong != "" {
					return name + ": " + wrong
				}
			}
		}
	case "additionalProperties":
		return validateAdditional(root, s, want, object)
	default:
		return "unknown keyword " + keyword
	}
	if bad {
		return fmt.Sprintf("%v: %s %v", v, keyword, want)
	}
	return ""
}

func validateAdditional(root, s schema, want any, object schema) string {
	declared, _ := s["properties"].(schema)
	for name, inner := range object {
		if _, has := declared[name]; has {
			continue
		}
		if want == false {
			return "unknown key " + name
		}
		if wrong := validate(root, want.(schema), inner); wrong != "" {
			return name + ": " + wrong
		}
	}
	return ""
}

// hasType reports whether v is of a type, or of one of a list of types.
func hasType(want, v any) bool {
	if list, ok := want.([]any); ok {
		return slices.ContainsFunc(list, func(one any) bool { return hasType(one, v) })
	}
	switch v := v.(type) {
	case nil:
		return want == "null"
	case bool:
		return want == "boolean"
	case string:
		return want == "string"
	case float64:
		return want == "number" || want == "integer" && v == math.Trunc(v)
	case []any:
		return want == "array"
	case schema:
		return want == "object"
	}
	return false
}
