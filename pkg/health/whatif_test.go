package health

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

// supposedSites are three sites of one address with a check.
func supposedSites() (*Board, []Subject) {
	var watches []Watch
	var subjects []Subject
	for i, site := range []string{"a", "b", "c"} {
		addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		subjects = append(subjects, Subject{ID: ID(2 * i), Site: site},
			Subject{ID: ID(2*i + 1), Site: site, Addr: addr, Checks: []string{"web"}})
		watches = append(watches, Watch{Key: Key{site, addr, "web"}, Spec: Spec{}.WithDefaults()})
	}
	return NewBoard(watches), subjects
}

func TestWhatIf(t *testing.T) {
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	site := func(name string) Target { return Target{Site: name} }
	for _, c := range []struct {
		name   string
		guard  bool
		forced string // site that is forced up
		s      Supposition
		want   string // states of a, b and c
		notes  string
	}{
		{"nothing", false, "", Supposition{}, "up up up", ""},
		{"down", false, "", Supposition{Down: []Target{site("b")}}, "up down up", ""},
		{"an address", false, "", Supposition{Down: []Target{{Site: "c", Addr: netip.MustParseAddr("192.0.2.2")}}}, "up up down", ""},
		{"down though forced up", false, "b", Supposition{Down: []Target{site("b")}}, "up down up", ""},
		{"drained", false, "", Supposition{Drains: []SupposedDrain{{site("a"), 0}}}, "drained up up", ""},
		{"by half", false, "", Supposition{Drains: []SupposedDrain{{site("a"), FullShare / 2}}}, "half up up", ""},
		{"as told", false, "", Supposition{Set: map[Target]Limit{site("a"): {Share: 0}, site("c"): {Forced: ForcedDown, Share: FullShare}}}, "drained up forced", ""},
		{"one may be out", true, "", Supposition{Down: []Target{site("b")}}, "up down up", ""},
		{"the guard keeps the last to go", true, "", Supposition{Down: []Target{site("b"), site("a")}}, "kept down up", "a: the guard of policy web keeps it in"},
		{"the guard forbids", true, "", Supposition{Down: []Target{site("b")}, Drains: []SupposedDrain{{site("a"), 0}}}, "up down up", "a is not drained: the guard of policy web lets 1 of 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, subjects := supposedSites()
			if c.guard {
				b.SetGuards([]Guard{{Name: "web", Sites: []string{"a", "b", "c"}, MinSites: 2, MaxRemoved: 100}})
			}
			if c.forced != "" {
				if _, err := b.Force(site(c.forced), ForcedUp, Order{}, now); err != nil {
					t.Fatal(err)
				}
			}
			before := b.Snapshot(subjects, now)
			snap, notes := b.WhatIf(subjects, c.s, now)
			if got := states(snap); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if got := strings.Join(notes, "; "); !strings.HasPrefix(got, c.notes) || (got == "") != (c.notes == "") {
				t.Errorf("notes %q, want %q", got, c.notes)
			}
			if !reflect.DeepEqual(before, b.Snapshot(subjects, now)) {
				t.Error("the board has changed")
			}
		})
	}
}

// states tells the states of supposedSites.
func states(s *Snapshot) string {
	var out []string
	for i := ID(0); i < 6; i += 2 {
		whole, addr := s.At(i), s.At(i+1)
		switch {
		case s.Kept(0, i) && !addr.Up:
			out = append(out, "kept")
		case whole.Forced == ForcedDown:
			out = append(out, "forced")
		case whole.Share == 0:
			out = append(out, "drained")
		case whole.Share < FullShare:
			out = append(out, "half")
		case addr.Up:
			out = append(out, "up")
		default:
			out = append(out, "down")
		}
	}
	return strings.Join(out, " ")
}
