package health

import (
	"maps"
	"slices"
	"time"
)

// SavedSpill is the state of a site that reported a load, in a file.
type SavedSpill struct {
	Site     string            `json:"site"`
	Share    uint16            `json:"share"` // part of its clients that it keeps
	Load     float64           `json:"load"`
	At       time.Time         `json:"at,omitzero"` // of the report
	Leaving  []SavedMove       `json:"leaving,omitempty"`
	Arriving []SavedMove       `json:"arriving,omitempty"`
	Closed   map[string]uint16 `json:"closed,omitempty"` // by site: it refuses those sent on whose place is below
}

// SavedMove is load that was sent somewhere, in a file.
type SavedMove struct {
	Amount float64   `json:"amount"`
	Until  time.Time `json:"until"`
}

// saveSpills adds the parts that sites keep of their clients.
func (b *Board) saveSpills(s *Saved, now time.Time) {
	for _, site := range slices.Sorted(maps.Keys(b.spills)) {
		sp := b.spills[site]
		s.Spills = append(s.Spills, SavedSpill{site, sp.share, sp.load, onWall(sp.at, now), saveMoves(sp.leaving, now), saveMoves(sp.arriving, now), maps.Clone(sp.closed)})
	}
}

func saveMoves(moves []move, now time.Time) (out []SavedMove) {
	for _, m := range moves {
		if m.until.After(now) {
			out = append(out, SavedMove{m.amount, onWall(m.until, now)})
		}
	}
	return out
}

// restoreSpills takes the parts that an earlier run saved. Those of sites
// without a capacity go at the next look.
func (b *Board) restoreSpills(s Saved, at func(time.Time) time.Time, now time.Time) {
	moves := func(saved []SavedMove) (out []move) {
		for _, m := range saved {
			out = append(out, move{m.Amount, at(m.Until)})
		}
		return out
	}
	for _, sp := range s.Spills {
		if sp.Site == "" || sp.Load < 0 {
			continue
		}
		b.spills[sp.Site] = spill{share: max(sp.Share, leastShare), load: sp.Load, at: at(sp.At), leaving: moves(sp.Leaving), arriving: moves(sp.Arriving), closed: sp.Closed}
		b.nextLook = now
	}
}
