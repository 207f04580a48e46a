package policy

// draw returns which kid of a weighted node that is up is chosen: with the
// probability weight/sum over those that are up, or the client's own of a
// sticky node. Targets of weight 0 take part, in equal shares, only if there
// is no other.
func (w *walk) draw(at int32) int {
	n := &w.p.nodes[at]
	sum, count, last, zero := w.contenders(n)
	switch {
	case count == 1:
		w.traceDraw(n, zero, sum, last)
		return last
	}
	w.varies = true
	switch {
	case n.spec.Sticky:
		return w.stick(n, zero)
	case w.forks != nil:
		return w.take(n, zero, sum)
	}
	picked := w.drawLot(n, zero, w.in.Draw.Uint64N(sum))
	w.traceDraw(n, zero, sum, picked)
	return picked
}

// drawLot returns the kid whose lots hold the drawn number.
func (w *walk) drawLot(n *node, zero bool, drawn uint64) int {
	var total uint64
	for i := range n.kids {
		if total += uint64(w.lot(&n.kids[i], zero)); drawn < total {
			return i
		}
	}
	panic("policy: drawn number beyond the sum of the weights")
}

// stick returns the kid that has the client by rendezvous hashing: when one
// goes, only its clients move, and when it comes back, only they move again.
func (w *walk) stick(n *node, zero bool) int {
	best, least := -1, 0.0
	for i := range n.kids {
		k := &n.kids[i]
		lot := w.lot(k, zero)
		if lot == 0 {
			continue
		}
		if cost := stickyCost(w.hash(forSticky, k.name), lot); best < 0 || cost < least {
			best, least = i, cost
		}
	}
	w.traceStick(n, zero, best)
	return best
}

// contenders returns the lots of those that are up: of the ones with a weight, or
// where there is none of those of weight 0 (zero).
func (w *walk) contenders(n *node) (sum uint64, count, last int, zero bool) {
	if sum, count, last = w.lots(n, false); count > 0 {
		return sum, count, last, false
	}
	sum, count, last = w.lots(n, true)
	return sum, count, last, true
}

// lots returns the sum of the lots, how many kids have any, and the last of
// those.
func (w *walk) lots(n *node, zero bool) (sum uint64, count, last int) {
	for i := range n.kids {
		if lot := w.lot(&n.kids[i], zero); lot > 0 {
			sum += uint64(lot)
			count, last = count+1, i
		}
	}
	return sum, count, last
}

// lot returns how many lots a kid has: none if it is down. When no target of
// weight above 0 is up (zero), those of 0 have one each.
func (w *walk) lot(k *kid, zero bool) uint32 {
	switch {
	case w.judged[k.node].verdict != up:
		return 0
	case zero:
		return 1
	}
	return k.weight
}
