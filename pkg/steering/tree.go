package steering

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v3"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// maxAliased is how many values all the aliases of the files may stand for
// together. It stops a few lines of aliases of aliases from standing for
// millions.
const maxAliased = 100_000

// reader reads values out of YAML trees and collects what is wrong with them.
// A method that returns false has said why.
type reader struct {
	diags    diag.List
	aliased  int       // values seen through aliases so far
	overflow bool      // more than maxAliased; complained once
	here     *diag.Pos // the place of everything, for text that stands in a record; nil: each its own
}

// value is a node of a YAML tree at its place.
type value struct {
	node    *yaml.Node
	pos     diag.Pos
	aliased bool // reached through an alias
}

// entry is one key of a mapping with its value.
type entry struct {
	key string
	pos diag.Pos // of the key
	value
}

// root returns the root of a file's tree.
func (r *reader) root(n *yaml.Node, file string) value {
	return r.resolve(value{node: n, pos: diag.Pos{File: file}})
}

// child returns a node below v.
func (r *reader) child(v value, n *yaml.Node) value {
	return r.resolve(value{node: n, pos: v.pos, aliased: v.aliased})
}

// resolve follows aliases and sets the place, whose File is set already.
func (r *reader) resolve(v value) value {
	for v.node.Kind == yaml.AliasNode {
		v.node, v.aliased = v.node.Alias, true
	}
	v.pos.Line, v.pos.Col = v.node.Line, v.node.Column
	if r.here != nil {
		v.pos = *r.here
	}
	if v.aliased {
		r.countAliased(v.pos)
	}
	if r.overflow {
		v.node = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	}
	return v
}

func (r *reader) countAliased(pos diag.Pos) {
	if r.aliased++; r.aliased > maxAliased && !r.overflow {
		r.overflow = true
		r.diags.Errorf(pos, "fewer aliases of aliases", "the aliases stand for more than %d values", maxAliased)
	}
}

// wrong adds an error at v. After an overflow every value is empty, and what
// follows from that is not told.
func (r *reader) wrong(v value, right, format string, args ...any) {
	if !r.overflow {
		r.diags.Errorf(v.pos, right, format, args...)
	}
}

// isNull reports whether nothing is written.
func (v value) isNull() bool {
	return v.node.Kind == yaml.ScalarNode && v.node.Tag == "!!null"
}

// String says what v is, for messages.
func (v value) String() string {
	switch {
	case v.isNull():
		return "nothing"
	case v.node.Kind == yaml.MappingNode:
		return "a mapping"
	case v.node.Kind == yaml.SequenceNode:
		return "a list"
	}
	return strconv.Quote(v.node.Value)
}

// mapping returns the entries of a mapping in their order, merge keys (<<)
// carried out; nothing for nothing. what says whose mapping it is, example what
// it could be.
func (r *reader) mapping(v value, what, example string) ([]entry, bool) {
	if v.isNull() {
		return nil, true
	}
	if v.node.Kind != yaml.MappingNode {
		r.wrong(v, "a mapping such as "+example, "%s is %s", what, v)
		return nil, false
	}
	var own, merged []entry
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		k, val := r.child(v, v.node.Content[i]), r.child(v, v.node.Content[i+1])
		switch {
		case k.node.Kind == yaml.ScalarNode && k.node.Tag == "!!merge":
			merged = append(merged, r.merge(val, what, 0)...)
		case k.node.Kind != yaml.ScalarNode || k.isNull():
			r.wrong(k, "a word", "a key in %s is %s", what, k)
		default:
			own = append(own, newEntry(k, val))
		}
	}
	return r.overlay(own, merged, what), true
}

// newEntry puts key and value together. A value that is not written stands at
// its key, where people look for it.
func newEntry(k, val value) entry {
	if val.isNull() && val.node.Value == "" {
		val.pos = k.pos
	}
	return entry{key: k.node.Value, pos: k.pos, value: val}
}

// overlay returns own with those of merged whose keys it lacks, and reports
// keys that stand twice in own.
func (r *reader) overlay(own, merged []entry, what string) []entry {
	first := map[string]diag.Pos{}
	out := own[:0:0]
	for _, e := range own {
		if before, twice := first[e.key]; twice {
			r.wrong(value{pos: e.pos}, "one of them", "key %q stands twice in %s, also at %s", e.key, what, before)
			continue
		}
		first[e.key] = e.pos
		out = append(out, e)
	}
	for _, e := range merged {
		if _, has := first[e.key]; !has {
			first[e.key] = e.pos
			out = append(out, e)
		}
	}
	return out
}

// maxMerge is how deep mappings may be merged into mappings that are merged.
const maxMerge = 16

// merge returns the entries that a merge key brings: those of one mapping, or
// of several in a list, of which the first with a key wins.
func (r *reader) merge(v value, what string, depth int) []entry {
	switch {
	case depth > maxMerge:
		r.wrong(v, "fewer", "merge keys in %s are more than %d deep", what, maxMerge)
	case v.node.Kind == yaml.SequenceNode:
		var out []entry
		for _, n := range v.node.Content {
			out = append(out, r.merge(r.child(v, n), what, depth+1)...)
		}
		return out
	case v.node.Kind != yaml.MappingNode:
		r.wrong(v, "an alias of a mapping", "<< in %s is %s", what, v)
	default:
		var own, inner []entry
		for i := 0; i+1 < len(v.node.Content); i += 2 {
			k, val := r.child(v, v.node.Content[i]), r.child(v, v.node.Content[i+1])
			if k.node.Tag == "!!merge" {
				inner = append(inner, r.merge(val, what, depth+1)...)
			} else if k.node.Kind == yaml.ScalarNode {
				own = append(own, newEntry(k, val))
			}
		}
		return append(own, inner...)
	}
	return nil
}

// fields returns the entries of a mapping that has certain keys, and reports
// the others.
func (r *reader) fields(v value, what, example string, keys *keys) []entry {
	entries, _ := r.mapping(v, what, example)
	return slices.DeleteFunc(entries, func(e entry) bool {
		if slices.Contains(keys.known, e.key) {
			return false
		}
		r.unknownKey(e, what, keys)
		return true
	})
}

func (r *reader) unknownKey(e entry, what string, keys *keys) {
	at := value{pos: e.pos}
	if slices.Contains(keys.later, e.key) {
		r.wrong(at, "", "%s is not supported by this version", e.key)
		return
	}
	r.wrong(at, suggest(e.key, keys.known), "unknown key %q in %s", e.key, what)
}

// suggest says which of the known words was meant, or what words there are.
func suggest(word string, known []string) string {
	if near := diag.Nearest(word, known); near != "" {
		return "did you mean " + near + "?"
	}
	return "one of " + strings.Join(known, ", ")
}

// list returns the values of a list, which must not be empty.
func (r *reader) list(v value, what, example string) []value {
	if v.node.Kind != yaml.SequenceNode {
		r.wrong(v, "a list such as "+example, "%s is %s", what, v)
		return nil
	}
	if len(v.node.Content) == 0 {
		r.wrong(v, "a list such as "+example, "%s is an empty list", what)
	}
	var out []value
	for _, n := range v.node.Content {
		out = append(out, r.child(v, n))
	}
	return out
}

// oneOrMore returns the values of a list, or the single value that may stand
// in place of a list of one.
func (r *reader) oneOrMore(v value, what, example string) []value {
	if v.node.Kind == yaml.ScalarNode && !v.isNull() {
		return []value{v}
	}
	return r.list(v, what, example)
}

// text returns the text of a plain value, whatever YAML takes it for: NO is the
// text "NO".
func (r *reader) text(v value, what, example string) (string, bool) {
	if v.node.Kind != yaml.ScalarNode || v.isNull() {
		r.wrong(v, "a text such as "+example, "%s is %s", what, v)
		return "", false
	}
	return v.node.Value, true
}

// boolean returns true or false.
func (r *reader) boolean(v value, what string) bool {
	if v.node.Kind == yaml.ScalarNode && v.node.Tag == "!!bool" {
		return strings.EqualFold(v.node.Value, "true")
	}
	r.wrong(v, "true or false", "%s is %s", what, v)
	return false
}

// integer returns a whole number in decimal from low to high, both included.
func (r *reader) integer(v value, what string, low, high int64) (int64, bool) {
	right := fmt.Sprintf("a whole number from %d to %d", low, high)
	if v.node.Kind != yaml.ScalarNode || v.node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		r.wrong(v, right, "%s is %s", what, v.quoted())
		return 0, false
	}
	n, ok := new(big.Int).SetString(v.node.Value, 10)
	if !ok || n.Cmp(big.NewInt(low)) < 0 || n.Cmp(big.NewInt(high)) > 0 {
		r.wrong(v, right, "%s is %s", what, v.bare())
		return 0, false
	}
	return n.Int64(), true
}

// bare is a plain value without quotes, for messages about numbers.
func (v value) bare() string {
	if v.node.Kind == yaml.ScalarNode && !v.isNull() {
		return v.node.Value
	}
	return v.String()
}

// quoted says that a plain value is a text.
func (v value) quoted() string {
	if v.node.Kind == yaml.ScalarNode && !v.isNull() {
		return "the text " + v.String()
	}
	return v.String()
}

// duration returns a time such as 500ms from low to high, both included.
func (r *reader) duration(v value, what string, low, high time.Duration) (time.Duration, bool) {
	right := fmt.Sprintf("a time from %s to %s such as 500ms or 2s", short(low), short(high))
	if v.node.Kind != yaml.ScalarNode || v.isNull() {
		r.wrong(v, right, "%s is %s", what, v)
		return 0, false
	}
	d, err := time.ParseDuration(v.node.Value)
	if _, number := new(big.Float).SetString(v.node.Value); number {
		r.wrong(v, v.node.Value+"s or "+v.node.Value+"ms", "%s is %s without a unit", what, v.node.Value)
		return 0, false
	}
	if err != nil || d < low || d > high {
		r.wrong(v, right, "%s is %s", what, v.node.Value)
		return 0, false
	}
	return d, true
}

// short is a duration without the zeros that its String ends in.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
