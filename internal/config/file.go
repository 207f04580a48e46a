package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

var errNoServer = errors.New("no http or https address")

// configFile is geodns.yaml as it stands: values by dotted key, each with its
// place.
type configFile struct {
	file   string
	values map[string]any
	nodes  map[string]*yaml.Node
	zones  []zoneEntry // nil if zones is a single folder or absent
}

// zoneEntry is one element of the list under zones; a folder has no name.
type zoneEntry struct {
	name, file string
	namePos    diag.Pos
}

// parseFile reads the text of geodns.yaml strictly: an unknown key, a key that
// stands twice and a value of the wrong form are errors, all of them told. The
// result is nil if the text is no YAML.
func parseFile(file string, data []byte) (*configFile, diag.List) {
	c := &configFile{file: file, values: map[string]any{}, nodes: map[string]*yaml.Node{}}
	var list diag.List
	var doc, second yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		list = append(list, yamlError(file, err))
		return nil, list
	}
	if dec.Decode(&second) == nil {
		list.Errorf(c.at(&second), "one document, without ---", "a second document would be ignored")
	}
	if len(doc.Content) == 0 {
		return c, list
	}
	c.mapping("", doc.Content[0], &list)
	return c, list
}

// yamlError turns "yaml: line 3: …" into a place.
func yamlError(file string, err error) diag.Diag {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	pos := diag.Pos{File: file}
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if n, what, ok := strings.Cut(rest, ": "); ok {
			if line, err := strconv.Atoi(n); err == nil {
				pos.Line, pos.Col, text = line, 1, what
			}
		}
	}
	return diag.Diag{Pos: pos, What: text, Right: "valid YAML"}
}

func (c *configFile) at(n *yaml.Node) diag.Pos {
	return diag.Pos{File: c.file, Line: n.Line, Col: n.Column}
}

// mapping reads the keys below prefix.
func (c *configFile) mapping(prefix string, n *yaml.Node, list *diag.List) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Tag == "!!null" {
		return // all keys in it are left out, or commented out
	}
	if n.Kind != yaml.MappingNode {
		what, right := "the file", `keys and values, such as listen: ["0.0.0.0:53"]`
		if prefix != "" {
			what, right = strings.TrimSuffix(prefix, "."), nearestKey(prefix, "")+", each with its value"
		}
		list.Errorf(c.at(n), right, "%s is no mapping", what)
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, val := n.Content[i], n.Content[i+1]
		key := prefix + k.Value
		if line, twice := seen[key]; twice {
			list.Errorf(c.at(k), "each key once", "%s stands already at line %d", key, line)
			continue
		}
		seen[key] = k.Line
		switch {
		case findOption(key) != nil:
			c.value(findOption(key), val, list)
		case isGroup(key):
			c.mapping(key+".", val, list)
		default:
			list.Errorf(c.at(k), nearestKey(prefix, k.Value), "unknown key %q", key)
		}
	}
}

// isGroup reports whether options begin with key and a dot.
func isGroup(key string) bool {
	for _, o := range options {
		if strings.HasPrefix(o.key, key+".") {
			return true
		}
	}
	return false
}

// nearestKey says which key was probably meant, or which there are.
func nearestKey(prefix, word string) string {
	var known []string
	for _, o := range options {
		rest, ok := strings.CutPrefix(o.key, prefix)
		if !ok {
			continue
		}
		first, _, _ := strings.Cut(rest, ".")
		if len(known) == 0 || known[len(known)-1] != first {
			known = append(known, first)
		}
	}
	if near := diag.Nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "one of " + strings.Join(known, ", ")
}

// value reads the value of one option.
func (c *configFile) value(o *option, n *yaml.Node, list *diag.List) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	c.nodes[o.key] = n
	wrong := func(right string) { list.Errorf(c.at(n), right, "%s has the wrong form", o.key) }
	switch o.kind {
	case kindString:
		if n.Kind != yaml.ScalarNode {
			wrong("one value")
			return
		}
		c.values[o.key] = scalar(n)
	case kindStrings:
		elems, ok := scalars(n)
		if !ok {
			wrong("a list, such as [a, b]")
			return
		}
		c.values[o.key] = elems
	case kindInt:
		i, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil {
			wrong("a whole number")
			return
		}
		c.values[o.key] = i
	case kindDuration:
		d, err := time.ParseDuration(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil {
			wrong("a duration with its unit, such as 10s")
			return
		}
		c.values[o.key] = d
	case kindZones:
		c.zoneList(n, list)
	}
}

// scalar returns the text of a value; null is the empty string.
func scalar(n *yaml.Node) string {
	if n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

// scalars returns the elements of a list of plain values; one value alone is a
// list of one.
func scalars(n *yaml.Node) ([]string, bool) {
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return []string{}, true
		}
		return []string{n.Value}, true
	case yaml.SequenceNode:
		out := make([]string, 0, len(n.Content))
		for _, e := range n.Content {
			if e.Kind != yaml.ScalarNode {
				return nil, false
			}
			out = append(out, e.Value)
		}
		return out, true
	}
	return nil, false
}

// zoneList reads zones: a folder, or a list of folders and {name, file}.
func (c *configFile) zoneList(n *yaml.Node, list *diag.List) {
	const right = "a folder, or a list such as [{name: example.com, file: example.com.zone}]"
	if n.Kind == yaml.ScalarNode {
		c.values["zones"] = []string{n.Value}
		return
	}
	if n.Kind != yaml.SequenceNode {
		list.Errorf(c.at(n), right, "zones has the wrong form")
		return
	}
	c.zones = []zoneEntry{}
	for _, e := range n.Content {
		switch e.Kind {
		case yaml.ScalarNode:
			c.zones = append(c.zones, zoneEntry{file: e.Value, namePos: c.at(e)})
		case yaml.MappingNode:
			c.zoneEntry(e, list)
		default:
			list.Errorf(c.at(e), right, "an element of zones has the wrong form")
		}
	}
	c.values["zones"] = []string{}
}

func (c *configFile) zoneEntry(n *yaml.Node, list *diag.List) {
	entry := zoneEntry{namePos: c.at(n)}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, val := n.Content[i], n.Content[i+1]
		switch k.Value {
		case "name":
			entry.name, entry.namePos = val.Value, c.at(val)
		case "file":
			entry.file = val.Value
		default:
			list.Errorf(c.at(k), "name and file", "unknown key %q in an element of zones", k.Value)
			return
		}
	}
	if entry.name == "" || entry.file == "" {
		list.Errorf(c.at(n), "{name: example.com, file: example.com.zone}", "an element of zones lacks its name or file")
		return
	}
	c.zones = append(c.zones, entry)
}

// pos returns the place of an option's value, or the file if it is not there.
func (c *configFile) pos(key string) diag.Pos {
	if n := c.nodes[key]; n != nil {
		return c.at(n)
	}
	return diag.Pos{File: c.file}
}

// element returns the place of element i of an option's list.
func (c *configFile) element(key string, i int) diag.Pos {
	if n := c.nodes[key]; n != nil && n.Kind == yaml.SequenceNode && i < len(n.Content) {
		return c.at(n.Content[i])
	}
	return c.pos(key)
}

// nested returns the values as nested maps, as viper merges them.
func (c *configFile) nested() map[string]any {
	out := map[string]any{}
	for key, val := range c.values {
		m := out
		parts := strings.Split(key, ".")
		for _, p := range parts[:len(parts)-1] {
			if m[p] == nil {
				m[p] = map[string]any{}
			}
			m = m[p].(map[string]any)
		}
		m[parts[len(parts)-1]] = val
	}
	return out
}

func between(low, high int) string { return fmt.Sprintf("a whole number from %d to %d", low, high) }
