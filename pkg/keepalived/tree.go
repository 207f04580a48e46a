package keepalived

import (
	"github.com/geodns-vipd/geodns/pkg/diag"
)

// node is a line of the file and, if it opens a block, what stands in it.
type node struct {
	words    []word // never empty, but for the root
	text     text   // the line itself, for keywords that split it differently
	block    bool
	open     diag.Pos // of the brace
	end      diag.Pos // of its partner
	children []*node
	kind     string // what the block is, "" if unknown: its keyword

	unopened bool // its { is missing

	lost bool // keepalived takes only the first kept of children for such
	kept int
	into *node // the block that is still open to keepalived, and loses this one
}

func (n *node) keyword() string { return n.words[0].s }
func (n *node) pos() diag.Pos   { return n.words[0].pos }
func (n *node) args() []word    { return n.words[1:] }

// last returns the place of the brace that ends a block, where keepalived
// notices what is missing in it.
func (n *node) last() diag.Pos {
	if n.end.Line > 0 {
		return n.end
	}
	return n.pos()
}

// label names a block in messages: its keyword and its name.
func (n *node) label() string {
	if len(n.words) == 0 {
		return "the file"
	}
	if len(n.words) > 1 {
		return n.words[0].s + " " + n.words[1].s
	}
	return n.words[0].s
}

// treeBuilder makes a tree of lines.
type treeBuilder struct {
	diags  *diag.List
	compat bool
	stack  []*node // the root and the blocks that are open
	// last is the line that a brace on the next line belongs to.
	last *node
	// deep counts braces beyond maxNesting, which are paired and forgotten.
	deep int
}

func newTreeBuilder(diags *diag.List, compat bool) *treeBuilder {
	root := &node{block: true, kind: topLevel}
	return &treeBuilder{diags: diags, compat: compat, stack: []*node{root}}
}

func (b *treeBuilder) top() *node { return b.stack[len(b.stack)-1] }

// add takes a line: words and braces in any mixture. Braces inside double
// quotes are text.
func (b *treeBuilder) add(t text) {
	from, quote := 0, -1
	for i := 0; i < len(t.s); i++ {
		switch t.s[i] {
		case '"':
			if quote < 0 {
				quote = i
			} else {
				quote = -1
			}
		case '{', '}':
			if quote >= 0 {
				continue
			}
			b.line(t.slice(from, i))
			if t.s[i] == '{' {
				b.openBlock(t.at(i))
			} else {
				b.closeBlock(t.at(i))
			}
			from = i + 1
		}
	}
	if quote >= 0 {
		b.diags.Errorf(t.at(quote), `a second " on the same line`, "a quote that is never closed")
	}
	b.line(t.slice(from, len(t.s)))
}

// line adds the words of a line, if there are any, to the open block.
func (b *treeBuilder) line(t text) {
	ws, _ := words(t)
	if len(ws) == 0 || b.deep > 0 {
		return
	}
	b.missingBrace()
	n := &node{words: ws, text: t}
	b.resync(n)
	top := b.top()
	top.children = append(top.children, n)
	b.last = n
}

// openBlock opens the block of the line before the brace.
func (b *treeBuilder) openBlock(pos diag.Pos) {
	switch {
	case b.deep > 0 || len(b.stack) > maxNesting:
		if b.deep == 0 {
			b.diags.Errorf(pos, "", "blocks inside each other more than %d deep", maxNesting)
		}
		b.deep++
	case b.last == nil || b.last.block:
		drop(b.diags, b.compat, pos, "a keyword before it", "passes over it", "a { that belongs to nothing")
		if !b.compat {
			// What follows counts as if the brace and its partner were not there.
			b.stack = append(b.stack, b.top())
		}
	case b.compat && b.unknownBlock(b.top(), b.last):
		// Its lines belong to the block around, and its } ends that.
		b.diags.Warnf(pos, "as keepalived does, vipd passes over it", "the { of %s, which is not known here", b.last.label())
	case b.compat && b.braceless(b.top(), b.last):
		b.diags.Warnf(pos, "as keepalived does, vipd passes over it and takes its } for the end of "+b.top().label(), "the { of %s, which takes none", b.last.keyword())
	default:
		b.push(b.last, pos)
	}
	b.last = nil
}

func (b *treeBuilder) push(n *node, pos diag.Pos) {
	n.block, n.open = true, pos
	n.kind = blockKind(b.top().kind, n.keyword())
	b.stack = append(b.stack, n)
}

func (b *treeBuilder) closeBlock(pos diag.Pos) {
	if b.deep > 0 {
		b.deep--
		return
	}
	b.missingBrace()
	b.last = nil
	if len(b.stack) == 1 {
		drop(b.diags, b.compat, pos, "remove it, or look for a { that is missing above", "passes over it", "a } too many")
		return
	}
	top := b.top()
	top.end = pos
	b.stack = b.stack[:len(b.stack)-1]
	if top.unopened {
		b.endUnopened(top, pos)
		return
	}
	b.endUnknown(top, pos)
}

// resync closes blocks when a line can only stand outside them: a brace is
// missing somewhere above.
func (b *treeBuilder) resync(n *node) {
	if len(b.stack) == 1 || !onlyTopLevel[n.keyword()] || b.compat {
		return
	}
	inner := b.top()
	b.diags.Errorf(n.pos(), "a } before it", "%s inside %s, which opened at line %d", n.keyword(), inner.label(), inner.open.Line)
	n.into = inner
	b.stack = b.stack[:1]
}

// unknownBlock reports whether n, in the block around it, opens a block that
// nobody knows. What vipd does not look into is none.
func (b *treeBuilder) unknownBlock(around, n *node) bool {
	if around.kind == "" || len(n.words) == 0 || around.kind != topLevel && wordsOf(around.kind).words == nil {
		return false
	}
	_, known := wordsOf(around.kind).words[n.keyword()]
	return !known
}

// finish returns the tree.
func (b *treeBuilder) finish() *node {
	b.missingBrace()
	for i := len(b.stack) - 1; i > 0; i-- {
		n := b.stack[i]
		if b.stack[i-1] != n && len(n.words) > 0 {
			drop(b.diags, b.compat, n.open, "a } at its end", "reads it to the end of the file", "the { of %s is never closed", n.label())
		}
	}
	b.tellLost(b.stack[0])
	return b.stack[0]
}
