package keepalived

import "github.com/geodns-vipd/geodns/pkg/diag"

// keepalived passes over the { of a word that it does not know, or that takes
// no braces. The } behind it then ends the block around, that one's } the next
// one out, and what follows in each of them is lost. Without Options.Compat
// such a block is paired as it was meant, and what keepalived makes of it is
// told here; with it the tree is built as keepalived does.

// braceless reports whether n, in the block around it, is known and takes no
// braces: a value, or an entry of a list.
func (b *treeBuilder) braceless(around, n *node) bool {
	k, known := wordsOf(around.kind).words[n.keyword()]
	return known && !k.block || wordsOf(around.kind).words == nil && around.kind != "" && around.kind != topLevel
}

// real returns the innermost open block that keepalived takes for one; nil if
// that is the file.
func (b *treeBuilder) real() *node {
	for i := len(b.stack) - 1; i > 0; i-- {
		n, around := b.stack[i], b.stack[i-1]
		if n != around && n.kind != "" && !b.unknownBlock(around, n) && !b.braceless(around, n) {
			return n
		}
	}
	return nil
}

// endUnknown tells of the end of a block, n, that keepalived takes for that of
// another.
func (b *treeBuilder) endUnknown(n *node, pos diag.Pos) {
	around := b.top()
	if n != around && !b.unknownBlock(around, n) && !b.braceless(around, n) {
		return
	}
	block := b.real()
	switch {
	case block == nil:
		return
	case block.lost:
		b.diags.Warnf(pos, "remove the block", "keepalived has taken a } above for the end of %s", block.label())
	default:
		b.diags.Warnf(pos, "remove the block", "keepalived takes this } for the end of %s, and loses what follows in it", block.label())
	}
	for _, n := range b.stack[1:] {
		if !n.lost {
			n.lost, n.kept = true, len(n.children)
		}
	}
}

// tellLost tells of the lines below n that keepalived loses.
func (b *treeBuilder) tellLost(n *node) {
	for i, c := range n.children {
		switch {
		case n.lost && i >= n.kept:
			b.tellGone(c, n)
		case c.into != nil:
			for _, g := range c.children {
				b.tellGone(g, c.into)
			}
			b.endTaken(c)
		default:
			b.tellLost(c)
		}
	}
	if n.lost {
		b.endTaken(n)
	}
}

// tellGone tells of a line of the block in, and of all below it.
func (b *treeBuilder) tellGone(n, in *node) {
	b.diags.Warnf(n.pos(), "", "keepalived loses this line of %s", in.label())
	for _, c := range n.children {
		b.tellGone(c, in)
	}
	if n.block && n.end.Line > n.pos().Line {
		b.diags.Warnf(n.end, "", "keepalived loses this line of %s", in.label())
	}
}

// endTaken tells of the brace at the end of a block that is over for keepalived.
func (b *treeBuilder) endTaken(n *node) {
	if n.end.Line > 0 {
		b.diags.Warnf(n.end, "", "keepalived has taken a } above for this one")
	}
}
