package steering

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// Edited is what the names of files end in that [Set] has changed; places in
// them are those of the changed text.
const Edited = " (as changed)"

// Set returns the files with one value changed or added, such as
// policies.split.weighted.fra=5. The path is that of the keys, with numbers for
// items of lists, counted from 0; what it leads to must be there, but for the
// last key. The value is written as in YAML.
func Set(files []File, assignment string) ([]File, error) {
	path, text, ok := strings.Cut(assignment, "=")
	if !ok || path == "" {
		return nil, fmt.Errorf("%q: PATH=VALUE, such as policies.split.weighted.fra=5", assignment)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil || len(doc.Content) != 1 {
		return nil, fmt.Errorf("%q: %q is no value", assignment, text)
	}
	keys := strings.Split(path, ".")
	var furthest setError
	for _, add := range []bool{false, true} { // a value that is there goes before one to be added
		for i, f := range files {
			var root yaml.Node
			if yaml.Unmarshal(f.Data, &root) != nil || len(root.Content) != 1 {
				continue // Parse tells what is wrong with it
			}
			if wrong := set(root.Content[0], keys, 0, doc.Content[0], add); wrong != nil {
				furthest.keep(*wrong)
				continue
			}
			var b bytes.Buffer
			enc := yaml.NewEncoder(&b)
			if err := enc.Encode(&root); err != nil {
				return nil, err
			}
			out := slices.Clone(files)
			out[i] = File{Name: strings.TrimSuffix(f.Name, Edited) + Edited, Data: b.Bytes()}
			return out, nil
		}
	}
	return nil, fmt.Errorf("%q: %s", assignment, furthest.text(keys))
}

// setError says how far a path was followed, and what there was.
type setError struct {
	at    int
	known []string
}

func (e *setError) keep(o setError) {
	switch {
	case o.at > e.at:
		*e = o
	case o.at == e.at:
		e.known = append(e.known, o.known...)
	}
}

func (e setError) text(keys []string) string {
	missing := strings.Join(keys[:e.at+1], ".")
	slices.Sort(e.known)
	e.known = slices.Compact(e.known)
	near := diag.Nearest(keys[e.at], e.known)
	switch {
	case near != "":
		return fmt.Sprintf("there is no %s: did you mean %s?", missing, near)
	case len(e.known) == 0:
		return "there is no " + missing
	}
	return fmt.Sprintf("there is no %s: %s", missing, suggestName("", e.known))
}

// set follows the keys from the at-th on below n and puts the value there.
func set(n *yaml.Node, keys []string, at int, value *yaml.Node, add bool) *setError {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	e := &setError{at: at}
	switch n.Kind {
	case yaml.SequenceNode:
		i, err := strconv.Atoi(keys[at])
		if err != nil || i < 0 || i >= len(n.Content) {
			return e
		}
		return put(n.Content, i, keys, at+1, value, add)
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i].Value
			e.known = append(e.known, name)
			// A name may hold dots itself.
			parts := strings.Split(name, ".")
			if len(parts) <= len(keys)-at && slices.Equal(parts, keys[at:at+len(parts)]) {
				return put(n.Content, i+1, keys, at+len(parts), value, add)
			}
		}
		if add && at == len(keys)-1 && at > 0 {
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: keys[at]}, value)
			return nil
		}
	}
	return e
}

func put(content []*yaml.Node, i int, keys []string, at int, value *yaml.Node, add bool) *setError {
	if at < len(keys) {
		return set(content[i], keys, at, value, add)
	}
	content[i] = value
	return nil
}
