package route53

import (
	"strconv"

	yaml "go.yaml.in/yaml/v3"
)

// block returns an empty mapping with a line for each key.
func block() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode} }

// flow returns a mapping in one line, of keys (string) and values (*yaml.Node).
func flow(pairs ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	for i := 0; i < len(pairs); i += 2 {
		put(n, pairs[i].(string), pairs[i+1].(*yaml.Node))
	}
	return n
}

// put adds a key to a mapping.
func put(n *yaml.Node, key string, value *yaml.Node) {
	n.Content = append(n.Content, scalar(key), value)
}

// list returns a list in one line.
func list(items ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: items}
}

// scalar returns a word; the encoder quotes it where it must.
func scalar(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }

// quoted returns a text that is a text whatever it looks like.
func quoted(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Value: s, Style: yaml.DoubleQuotedStyle}
}

func number(n int) *yaml.Node { return scalar(strconv.Itoa(n)) }
