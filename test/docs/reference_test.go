package docs

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/geodns-vipd/geodns/internal/config"

	"github.com/geodns-vipd/geodns/internal/geodns"
	"github.com/geodns-vipd/geodns/pkg/simulate"
)

var keyRow = regexp.MustCompile("(?m)^\\| \\[`([a-z_.]+)`\\]\\(#[^)]*\\) \\| `([^`]*)` \\| `--([a-z-]+)` \\| `([A-Z_]+)` \\|")

// TestEverySettingIsInTheTable compares the table of keys with the flags that
// the program makes of its one list of keys.
func TestEverySettingIsInTheTable(t *testing.T) {
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.AddFlags(flags)
	text := read(t, "docs/geodns.yaml.md")
	told := map[string]bool{}
	for _, m := range keyRow.FindAllStringSubmatch(text, -1) {
		key, def, flag, env := m[1], m[2], m[3], m[4]
		told[flag] = true
		f := flags.Lookup(flag)
		switch {
		case f == nil:
			t.Errorf("%s: there is no flag --%s", key, flag)
			continue
		case flag != strings.NewReplacer(".", "-", "_", "-").Replace(key):
			t.Errorf("%s: the flag is --%s", key, flag)
		case env != "GEODNS_"+strings.ToUpper(strings.ReplaceAll(flag, "-", "_")):
			t.Errorf("%s: the variable is %s", key, env)
		case flagValue(t, def) != f.DefValue:
			t.Errorf("%s: default %q, the flag has %q", key, def, f.DefValue)
		}
	}
	flags.VisitAll(func(f *pflag.Flag) {
		if !told[f.Name] {
			t.Errorf("--%s is not in the table of docs/geodns.yaml.md", f.Name)
		}
	})
}

// flagValue returns a value in YAML as a flag prints it.
func flagValue(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	list, ok := v.([]any)
	if !ok {
		return fmt.Sprint(v)
	}
	parts := make([]string, len(list))
	for i, e := range list {
		parts[i] = fmt.Sprint(e)
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// TestEveryKeyOfSteeringIsTold takes the keys from the schema, which a test of
// pkg/steering compares with the parser.
func TestEveryKeyOfSteeringIsTold(t *testing.T) {
	var schema any
	if err := json.Unmarshal([]byte(read(t, "docs/steering.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	text := read(t, "docs/steering.md") + read(t, "docs/checks.md")
	keys := schemaKeys(schema)
	if len(keys) < 30 {
		t.Fatalf("only %d keys in the schema: %v", len(keys), keys)
	}
	for _, key := range keys {
		if !regexp.MustCompile("(?m)^\\|.*`" + key + "[`:].*\\|$").MatchString(text) {
			t.Errorf("no table of docs/steering.md or docs/checks.md has %s", key)
		}
	}
}

// schemaKeys returns the names of all properties, and of words to choose from.
func schemaKeys(v any) []string {
	var out []string
	switch v := v.(type) {
	case map[string]any:
		if props, ok := v["properties"].(map[string]any); ok {
			for k := range props {
				if !slices.Contains([]string{"checks", "sites", "policies"}, k) {
					out = append(out, k)
				}
			}
		}
		if words, ok := v["enum"].([]any); ok {
			for _, w := range words {
				out = append(out, fmt.Sprint(w))
			}
		}
		for _, child := range v {
			out = append(out, schemaKeys(child)...)
		}
	case []any:
		for _, child := range v {
			out = append(out, schemaKeys(child)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

var (
	subcommand = regexp.MustCompile(`(?m)^  ([a-z][a-z0-9]*) {2,}\S`)
	longFlag   = regexp.MustCompile(`--([a-z][a-z-]*)`)
	helpFlag   = regexp.MustCompile(`(?m)^ {2,}(?:-., )? *--([a-z-]+)`)
)

// TestEveryCommandAndFlagIsTold walks the help of the program and compares it
// with docs/commands.md, in both directions.
func TestEveryCommandAndFlagIsTold(t *testing.T) {
	w := newWorld(t, bin)
	sections := map[string]string{}
	for _, part := range strings.Split(read(t, "docs/commands.md"), "\n## ")[1:] {
		title, body, _ := strings.Cut(part, "\n")
		if name, ok := strings.CutPrefix(title, "geodns "); ok {
			sections[name] = body
		}
	}
	settings := pflag.NewFlagSet("", pflag.ContinueOnError)
	config.AddFlags(settings)
	help := func(command string) string {
		out, code := w.run("geodns " + command + " --help")
		if code != 0 {
			t.Fatalf("geodns %s --help: code %d\n%s", command, code, out)
		}
		return out
	}
	var commands []string
	for _, m := range subcommand.FindAllStringSubmatch(afterLine(help(""), "Available Commands:"), -1) {
		if m[1] != "help" {
			commands = append(commands, m[1])
		}
	}
	if len(commands) < 5 {
		t.Fatalf("only these commands: %v", commands)
	}
	for _, c := range commands {
		text, told := sections[c]
		if !told {
			t.Errorf("docs/commands.md has no section geodns %s", c)
			continue
		}
		delete(sections, c)
		out := help(c)
		for _, m := range subcommand.FindAllStringSubmatch(afterLine(out, "Available Commands:"), -1) {
			if !strings.Contains(text, "geodns "+c+" "+m[1]) {
				t.Errorf("geodns %s %s is not told", c, m[1])
			}
			out += help(c + " " + m[1]) // its flags stand in the section of c
		}
		flags := map[string]bool{}
		for _, m := range helpFlag.FindAllStringSubmatch(out, -1) {
			flags[m[1]] = true
			if settings.Lookup(m[1]) == nil && m[1] != "help" && !strings.Contains(text, "`--"+m[1]) && !strings.Contains(text, ", `--"+m[1]) {
				t.Errorf("geodns %s --%s is not told", c, m[1])
			}
		}
		for _, m := range longFlag.FindAllStringSubmatch(prose(text), -1) {
			if !flags[m[1]] {
				t.Errorf("geodns %s has no flag --%s", c, m[1])
			}
		}
	}
	for c := range sections {
		t.Errorf("there is no command geodns %s", c)
	}
}

// afterLine returns the paragraph after a line.
func afterLine(text, line string) string {
	_, rest, _ := strings.Cut(text, line+"\n")
	paragraph, _, _ := strings.Cut(rest, "\n\n")
	return paragraph
}

var fenced = regexp.MustCompile("(?s)```.*?```")

// prose returns text without its blocks.
func prose(text string) string { return fenced.ReplaceAllString(text, "") }

// TestMetricsAndStatusAreTold asks a running server.
func TestMetricsAndStatusAreTold(t *testing.T) {
	needPrograms(t, []step{{kind: runCommands, text: "$ dig\n$ curl\n", marks: map[string]string{}}})
	w := newWorld(t, bin)
	if err := w.start("demo", "geodns demo --port 5300", "…\ntime=… msg=ready …\n"); err != nil {
		t.Fatal(err)
	}
	if _, code := w.run("dig @127.0.0.1 -p 5300 +short www.example.com"); code != 0 {
		t.Errorf("dig: code %d", code)
	}
	// What exists only while somebody has decided something.
	if out, code := w.run("geodns drain sgp --over 1h --for 2h --reason test --server http://127.0.0.1:5301"); code != 0 {
		t.Errorf("drain: code %d: %s", code, out)
	}
	metrics, _ := w.run("curl -s http://127.0.0.1:5301/metrics")
	status, _ := w.run("curl -s http://127.0.0.1:5301/api/v1/status")
	simulated, _ := w.run("curl -s http://127.0.0.1:5301/api/v1/simulate?down=fra")
	policies, _ := w.run("curl -s http://127.0.0.1:5301/api/v1/policies")
	t.Run("metrics", func(t *testing.T) { compareMetrics(t, metrics) })
	t.Run("status", func(t *testing.T) { compareStatus(t, status, simulated, policies) })
}

var (
	metricType = regexp.MustCompile(`(?m)^# TYPE (geodns_\w+) (\w+)$`)
	metricRow  = regexp.MustCompile("(?m)^\\| `(geodns_\\w+)(?:\\{([a-z,]*)\\})?` \\| (\\w+) \\|")
	metricWord = regexp.MustCompile(`\bgeodns_[a-z_]+`)
	labelName  = regexp.MustCompile(`(\w+)="`)
)

func compareMetrics(t *testing.T, metrics string) {
	told := map[string]string{}
	for _, m := range metricRow.FindAllStringSubmatch(read(t, "docs/commands.md"), -1) {
		told[m[1]] = m[3] + " " + m[2]
	}
	real := map[string]bool{}
	for _, m := range metricType.FindAllStringSubmatch(metrics, -1) {
		name := m[1]
		real[name] = true
		if want := m[2] + " " + labelsOf(metrics, name); sorted(told[name]) != sorted(want) {
			t.Errorf("%s: told %q, is %q", name, told[name], want)
		}
	}
	if len(real) < 20 {
		t.Errorf("only these metrics: %v", real)
	}
	for _, doc := range documents(t) {
		for _, name := range metricWord.FindAllString(read(t, doc), -1) {
			if !real[name] {
				t.Errorf("%s: there is no metric %s", doc, name)
			}
		}
	}
}

// labelsOf returns the labels of a metric, but for that of a histogram's
// buckets.
func labelsOf(metrics, name string) string {
	line := regexp.MustCompile(`(?m)^` + name + `(?:_count)?\{(.*)\} `).FindStringSubmatch(metrics)
	if line == nil {
		return ""
	}
	var out []string
	for _, m := range labelName.FindAllStringSubmatch(line[1], -1) {
		out = append(out, m[1])
	}
	return strings.Join(out, ",")
}

// sorted brings "gauge b,a" into one form.
func sorted(s string) string {
	kind, labels, _ := strings.Cut(s, " ")
	parts := strings.Split(labels, ",")
	slices.Sort(parts)
	return kind + " " + strings.Join(parts, ",")
}

func compareStatus(t *testing.T, replies ...string) {
	var paths []string
	bySite := regexp.MustCompile(`(before|after|to)\.\w+$`)  // keys that are the names of sites
	within := regexp.MustCompile(`\btree\.(targets\[\]\.)+`) // a tree holds itself
	// Who asks most is told after a full minute only; nothing is over its capacity.
	check := geodns.CheckStatus{Members: []geodns.MemberStatus{{}}}
	members := []geodns.SiteStatus{{KeptBy: []string{}, Addresses: []geodns.AddressStatus{{Checks: []geodns.CheckStatus{check}}}}}
	seldom, err := json.Marshal(map[string]any{"top": []geodns.TopStatus{{}}, "sites": members, "spills": []simulate.Spill{{To: map[string]float64{"fra": 1}}},
		"sends": []simulate.Sending{{To: map[string]float64{"fra": 1}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, reply := range append(replies, string(seldom)) {
		var v any
		if err := json.Unmarshal([]byte(reply), &v); err != nil {
			t.Fatalf("%v\n%s", err, reply)
		}
		for _, p := range jsonPaths("", v) {
			paths = append(paths, within.ReplaceAllString(bySite.ReplaceAllString(p, "$1"), "tree."))
		}
	}
	text := read(t, "docs/commands.md")
	if len(paths) < 30 {
		t.Errorf("only these keys: %v", paths)
	}
	for _, p := range paths {
		if p != "top" && p != "spills" && p != "sends" && p != "sites[].addresses[].checks[].members" && !strings.Contains(text, "`"+p+"`") {
			t.Errorf("key %s is not told", p)
		}
	}
	for _, m := range regexp.MustCompile("`((?:config\\.|[a-z]+\\[\\]\\.)[a-z_.\\[\\]0-9]+)`").FindAllStringSubmatch(text, -1) {
		if !slices.Contains(paths, m[1]) && !strings.HasPrefix(m[1], "steps[]") {
			t.Errorf("there is no key %s", m[1])
		}
	}
}

// jsonPaths returns the paths of all values that are no objects or lists of
// objects.
func jsonPaths(prefix string, v any) []string {
	var out []string
	switch v := v.(type) {
	case map[string]any:
		for k, child := range v {
			out = append(out, jsonPaths(strings.TrimPrefix(prefix+"."+k, "."), child)...)
		}
	case []any:
		if len(v) == 0 {
			return []string{prefix}
		}
		for _, child := range v {
			if _, object := child.(map[string]any); !object {
				return []string{prefix}
			}
			out = append(out, jsonPaths(prefix+"[]", child)...)
		}
	default:
		return []string{prefix}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
