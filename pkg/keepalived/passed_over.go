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

// passesOver reports whether keepalived passes over the { of n, or n stands for
// one that belongs to nothing.
func (b *treeBuilder) passesOver(around, n *node) bool {
	return n == around || b.unknownBlock(around, n) || b.braceless(around, n)
}

// missingBrace opens the block of the last line although no brace followed, if
// its keyword makes no sense without. keepalived does so inside other blocks,
// but takes the } for the end of both; outside all blocks it finds nothing in
// the block, and reads its lines as if they stood there.
func (b *treeBuilder) missingBrace() {
	n, around := b.last, b.top()
	if n == nil || n.block {
		return
	}
	k := wordsOf(around.kind).words[n.keyword()]
	if !k.block {
		return
	}
	b.last = nil
	if !b.compat && k.list && len(n.words) > 1 {
		// A list on one line was meant: keepalived takes what follows for its
		// entries.
		b.loseRest()
		return
	}
	if len(b.stack) == 1 && b.compat {
		drop(b.diags, b.compat, n.pos(), "", "finds nothing in it", "%s without a {", n.label())
		n.block, n.kind, n.open, n.end = true, n.keyword(), n.pos(), n.pos()
		return
	}
	drop(b.diags, b.compat, n.pos(), "{ at the end of the line", "reads on as if it stood there, and takes the } for the end of "+around.label()+" too", "%s without a {", n.label())
	if n.unopened = true; len(b.stack) == 1 {
		n.into = n
	}
	b.push(n, n.pos())
}

// endUnopened takes the } of a block without a {.
func (b *treeBuilder) endUnopened(n *node, pos diag.Pos) {
	if wordsOf(n.kind).words != nil && len(n.children) > 0 {
		b.diags.Warnf(n.children[0].pos(), "", "keepalived looks for the { of %s here", n.label())
	}
	switch {
	case len(b.stack) == 1: // of the file: told line by line
	case b.compat:
		b.closeBlock(pos)
	default:
		b.diags.Warnf(pos, "", "keepalived takes this } for the end of %s too, and loses what follows in it", b.top().label())
		b.loseRest()
	}
}

// loseRest notes that what follows in every open block is lost.
func (b *treeBuilder) loseRest() {
	for _, n := range b.stack[1:] {
		if !n.lost {
			n.lost, n.kept = true, len(n.children)
		}
	}
}

// real returns the innermost open block that keepalived takes for one; nil if
// that is the file.
func (b *treeBuilder) real() *node {
	for i := len(b.stack) - 1; i > 0; i-- {
		n, around := b.stack[i], b.stack[i-1]
		if n.kind != "" && !b.passesOver(around, n) {
			return n
		}
	}
	return nil
}

// endUnknown tells of the end of a block, n, that keepalived takes for that of
// another.
func (b *treeBuilder) endUnknown(n *node, pos diag.Pos) {
	around := b.top()
	if !b.passesOver(around, n) {
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
	b.loseRest()
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
