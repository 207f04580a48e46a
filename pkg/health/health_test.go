package health

import "testing"

func TestNewSnapshotIsAllUpWithFullShare(t *testing.T) {
	s := NewSnapshot(3)
	if s.Len() != 3 {
		t.Fatalf("Len: got %d, want 3", s.Len())
	}
	for id := range ID(3) {
		if got, want := s.At(id), (Entry{Up: true, Share: FullShare, Horizon: NoHorizon}); got != want {
			t.Errorf("At(%d): got %+v, want %+v", id, got, want)
		}
	}
}

func TestSnapshotCountsWhatItDoesNotHoldAsUp(t *testing.T) {
	for name, s := range map[string]*Snapshot{"nil": nil, "empty": NewSnapshot(0), "short": NewSnapshot(2).With(1, Entry{})} {
		for _, id := range []ID{2, 3, 1<<32 - 1} {
			if got := s.At(id); got != entryUp {
				t.Errorf("%s.At(%d): got %+v, want %+v", name, id, got, entryUp)
			}
		}
	}
}

func TestWithLeavesTheOriginalAlone(t *testing.T) {
	s := NewSnapshot(2)
	down := Entry{Forced: ForcedDown, Share: 17}
	c := s.With(1, down)
	if s.At(1) != entryUp || c.At(1) != down || c.At(0) != entryUp {
		t.Errorf("original %+v, copy %+v %+v", s.At(1), c.At(0), c.At(1))
	}
}

func TestWithPanicsOutsideTheSnapshot(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	NewSnapshot(2).With(2, Entry{})
}

func TestReadingASnapshotDoesNotAllocate(t *testing.T) {
	s := NewSnapshot(100)
	up := 0
	if n := testing.AllocsPerRun(100, func() {
		for id := range ID(120) {
			if s.At(id).Up {
				up++
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
	if up == 0 {
		t.Error("nothing was up")
	}
}

func BenchmarkSnapshotAt(b *testing.B) {
	s := NewSnapshot(1000).With(500, Entry{})
	up := 0
	for i := 0; b.Loop(); i++ {
		if s.At(ID(i & 1023)).Up {
			up++
		}
	}
	_ = up
}
