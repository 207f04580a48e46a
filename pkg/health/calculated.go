package health

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Formula calculates a check from other checks of the same address.
type Formula struct {
	Of      []string // names of the checks
	AtLeast int      // so many of them must be up
	Not     bool     // up becomes down and down up
}

// Needs returns how many of the members must be up; 0 if that many are too many.
func (f Formula) Needs() int {
	if f.Not {
		return 0
	}
	return f.AtLeast
}

// String returns the formula as it is written in a file.
func (f Formula) String() string {
	if f.Not && len(f.Of) == 1 {
		return "not " + f.Of[0]
	}
	return fmt.Sprintf("%d of %s", f.AtLeast, strings.Join(f.Of, ", "))
}

// evaluate returns the state from those of the members, in the order of
// f.Of: [NoVerdict] as long as members without a verdict could turn it over.
// why says which members decide when it fails.
func (f Formula) evaluate(members []Tracker) (v Verdict, why string) {
	up, down := 0, 0
	for _, t := range members {
		switch {
		case t.Known && t.Up:
			up++
		case t.Known:
			down++
		}
	}
	pass := up >= f.AtLeast
	if !pass && len(members)-down >= f.AtLeast {
		return NoVerdict, "no verdict yet"
	}
	switch {
	case pass != f.Not:
		return Pass, ""
	case f.Not:
		return Fail, strings.Join(f.Of, ", ") + " is up"
	}
	return Fail, f.lacks(up, members)
}

// lacks says which members are down, and why the first of them is.
func (f Formula) lacks(up int, members []Tracker) string {
	var down []string
	first := ""
	for i, t := range members {
		if !t.Known || t.Up {
			continue
		}
		down = append(down, f.Of[i])
		if first == "" && t.LastErr != "" {
			first = ": " + f.Of[i] + ": " + t.LastErr
		}
	}
	return fmt.Sprintf("%d of %d up, %d needed; down: %s%s", up, len(members), f.AtLeast, strings.Join(down, ", "), first)
}

// calculatedSpec lets a calculated check follow its members at once: rise and
// fall have been counted there.
var calculatedSpec = Spec{Fall: 1, Rise: 1}

// linkFormulas notes for each check which calculated ones are made from it.
// They are settled in the order of their depth, so that each sees its members
// as they are now.
func (b *Board) linkFormulas() {
	b.above = map[Key][]Key{}
	for i := range b.watches {
		k, formula := b.watches[i].key, b.watches[i].plan.formula
		if formula == nil {
			continue
		}
		for _, member := range formula.Of {
			below := Key{k.Site, k.Addr, member}
			b.above[below] = append(b.above[below], k)
		}
	}
	for _, keys := range b.above {
		slices.SortFunc(keys, Key.Compare)
	}
}

// Above returns the calculated checks that depend on k, those that depend on
// them included, each after its members.
func (b *Board) Above(k Key) []Key {
	if len(b.above[k]) == 0 {
		return nil
	}
	var out []Key
	seen := map[Key]bool{}
	var visit func(Key)
	visit = func(k Key) {
		for _, up := range b.above[k] {
			if !seen[up] {
				seen[up] = true
				visit(up)
				out = append(out, up)
			}
		}
	}
	visit(k)
	slices.Reverse(out) // from depth first, members last, to members first
	return out
}

// Formula returns how the check k is calculated, and false if it is probed or
// not watched. Formula.Of must not be changed.
func (b *Board) Formula(k Key) (Formula, bool) {
	if w := b.find(k); w != nil && w.plan.formula != nil {
		return *w.plan.formula, true
	}
	return Formula{}, false
}

// settleAll calculates all calculated checks from what their members are now,
// as after a reload: since when is as far back as the members know.
func (b *Board) settleAll() {
	done := map[Key]bool{}
	var visit func(Key)
	visit = func(k Key) {
		w := b.find(k)
		if w == nil || w.plan.formula == nil || done[k] {
			return
		}
		done[k] = true
		var at time.Time
		for _, name := range w.plan.formula.Of {
			member := Key{k.Site, k.Addr, name}
			visit(member)
			if t, _ := b.Tracker(member); t.Since.After(at) {
				at = t.Since
			}
		}
		b.settle(k, at)
	}
	for i := range b.watches {
		visit(b.watches[i].key)
	}
}

// settle calculates k anew at a time and reports whether its state changed.
func (b *Board) settle(k Key, at time.Time) (changed bool) {
	w := b.find(k)
	members := make([]Tracker, len(w.plan.formula.Of))
	for i, name := range w.plan.formula.Of {
		members[i], _ = b.Tracker(Key{k.Site, k.Addr, name})
	}
	v, why := w.plan.formula.evaluate(members)
	if v == NoVerdict {
		return false
	}
	t, changed := w.tracker().Step(Result{Verdict: v, Err: why, At: at}, calculatedSpec)
	w.set(t)
	return changed
}
