package health

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	fra4 = netip.MustParseAddr("203.0.113.10")
	fra6 = netip.MustParseAddr("2001:db8:f::10")
	once = Spec{Interval: time.Second, Timeout: time.Second, Fall: 1, Rise: 1}
)

func key(addr netip.Addr, check string) Key { return Key{"fra", addr, check} }

func watch(keys ...Key) []Watch {
	var ws []Watch
	for _, k := range keys {
		ws = append(ws, Watch{Key: k, Spec: once})
	}
	return ws
}

func pass(s int) Result {
	return Result{Verdict: Pass, At: epoch.Add(time.Duration(s) * time.Second)}
}

func fail(s int, err string) Result {
	return Result{Verdict: Fail, Err: err, At: epoch.Add(time.Duration(s) * time.Second)}
}

func TestAddressIsUpWhenAllItsChecksPass(t *testing.T) {
	web, ssh := key(fra4, "web"), key(fra4, "ssh")
	subject := Subject{ID: 0, Site: "fra", Addr: fra4, Checks: []string{"web", "ssh"}}
	for _, c := range []struct {
		name  string
		steps func(b *Board)
		want  Judgment
	}{
		{"nothing known", func(b *Board) {}, Judgment{Up: true}},
		{"one known", func(b *Board) { b.Step(web, pass(1)) }, Judgment{Up: true, Since: epoch.Add(1e9), Check: "web"}},
		{"both pass", func(b *Board) { b.Step(web, pass(1)); b.Step(ssh, pass(2)) }, Judgment{Up: true, Known: true, Since: epoch.Add(2e9), Check: "ssh"}},
		{"one fails", func(b *Board) { b.Step(web, pass(1)); b.Step(ssh, fail(2, "refused")) }, Judgment{Known: true, Since: epoch.Add(2e9), Check: "ssh", Err: "refused"}},
		{"both fail", func(b *Board) { b.Step(web, fail(3, "status 503")); b.Step(ssh, fail(2, "refused")) }, Judgment{Known: true, Since: epoch.Add(3e9), Check: "web", Err: "status 503"}},
		{"fails, other unknown", func(b *Board) { b.Step(web, fail(1, "refused")) }, Judgment{Since: epoch.Add(1e9), Check: "web", Err: "refused"}},
		{"recovers", func(b *Board) { b.Step(ssh, pass(1)); b.Step(web, fail(2, "x")); b.Step(web, pass(3)) }, Judgment{Up: true, Known: true, Since: epoch.Add(3e9), Check: "web"}},
	} {
		b := NewBoard(watch(web, ssh))
		c.steps(b)
		if got := b.Judge(subject); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
		if got := b.Snapshot([]Subject{subject}, epoch).At(0).Up; got != c.want.Up {
			t.Errorf("%s: in the snapshot up is %v", c.name, got)
		}
	}
}

func TestSubjectWithoutChecksIsUp(t *testing.T) {
	b := NewBoard(nil)
	b.UnknownDown = true
	if got, want := b.Judge(Subject{Site: "fra", Addr: fra4}), (Judgment{Up: true, Known: true}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestUnknownChecksAreDownWhenToldSo(t *testing.T) {
	b := NewBoard(watch(key(fra4, "web")))
	b.UnknownDown = true
	s := Subject{Site: "fra", Addr: fra4, Checks: []string{"web"}}
	if got, want := b.Judge(s), (Judgment{Check: "web", Err: "no verdict yet"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	b.Step(key(fra4, "web"), pass(1))
	if !b.Judge(s).Up {
		t.Error("down after a pass")
	}
}

func TestChecksOfOneAddressDoNotTouchAnother(t *testing.T) {
	b := NewBoard(watch(key(fra4, "web"), key(fra6, "web")))
	b.Step(key(fra4, "web"), fail(1, "refused"))
	snap := b.Snapshot([]Subject{
		{ID: 0, Site: "fra"},
		{ID: 1, Site: "fra", Addr: fra4, Checks: []string{"web"}},
		{ID: 2, Site: "fra", Addr: fra6, Checks: []string{"web"}},
		{ID: 3, Site: "iad", Addr: fra4, Checks: []string{"web"}},
	}, epoch)
	for id, want := range []bool{true, false, true, true} {
		if got := snap.At(ID(id)).Up; got != want {
			t.Errorf("ID %d: up is %v, want %v", id, got, want)
		}
	}
}

func TestRebuildKeepsByKeyAndDropsTheGone(t *testing.T) {
	web, ssh, six := key(fra4, "web"), key(fra4, "ssh"), key(fra6, "web")
	b := NewBoard(watch(web, ssh))
	b.Step(web, fail(1, "refused"))
	b.Step(ssh, pass(1))

	slow := Spec{Interval: time.Second, Timeout: time.Second, Fall: 1, Rise: 3}
	gone := b.Rebuild([]Watch{{Key: six, Spec: once}, {Key: web, Spec: slow}})
	if want := []Key{ssh}; !slices.Equal(gone, want) {
		t.Errorf("gone: got %v, want %v", gone, want)
	}
	if tr, ok := b.Tracker(web); !ok || !tr.Known || tr.Up || tr.LastErr != "refused" {
		t.Errorf("web: got %+v, %v; want it down as before", tr, ok)
	}
	if tr, ok := b.Tracker(six); !ok || tr.Known {
		t.Errorf("new: got %+v, %v; want it unknown", tr, ok)
	}
	if _, ok := b.Tracker(ssh); ok {
		t.Error("ssh is still watched")
	}
	if got, want := b.Unknown(), 1; got != want {
		t.Errorf("unknown: got %d, want %d", got, want)
	}
	// The new spec holds from now on.
	for i, want := range []bool{false, false, true} {
		if got := b.Step(web, pass(2+i)); got != want {
			t.Errorf("pass %d: changed is %v, want %v", i+1, got, want)
		}
	}
}

func TestResultForWhatIsNoLongerWatchedIsDropped(t *testing.T) {
	b := NewBoard(nil)
	if b.Step(key(fra4, "web"), fail(1, "refused")) || b.Len() != 0 {
		t.Error("a late result came back to life")
	}
}

func TestOverridesStandBesideTheChecksAndOutliveAReload(t *testing.T) {
	site, addr := Target{Site: "fra"}, Target{Site: "fra", Addr: fra4}
	b := NewBoard(watch(key(fra4, "web")))
	b.Step(key(fra4, "web"), fail(1, "refused"))
	subjects := []Subject{{ID: 0, Site: "fra"}, {ID: 1, Site: "fra", Addr: fra4, Checks: []string{"web"}}}

	if err := b.Drain(site, Order{}, epoch); err != nil {
		t.Fatal(err)
	}
	if changed, err := b.Force(addr, ForcedUp, Order{}, epoch); err != nil || !changed {
		t.Fatalf("force: %v, %v", changed, err)
	}
	if changed, _ := b.Force(addr, ForcedUp, Order{}, epoch); changed {
		t.Error("the same force again is a change")
	}
	b.Rebuild(nil)
	b.Rebuild(watch(key(fra4, "web")))
	b.Step(key(fra4, "web"), fail(2, "refused"))
	snap := b.Snapshot(subjects, epoch)
	if got, want := snap.At(0), (Entry{Up: true, Share: 0, Horizon: NoHorizon}); got != want {
		t.Errorf("site: got %+v, want %+v", got, want)
	}
	if got, want := snap.At(1), (Entry{Up: false, Forced: ForcedUp, Share: FullShare, Horizon: 1}); got != want {
		t.Errorf("address: got %+v, want %+v", got, want)
	}
	if !b.Undrain(site, Order{}, epoch) || b.Limit(site, epoch) != Unlimited || b.Undrain(site, Order{}, epoch) {
		t.Error("undrain: want drained before, once")
	}
	if got := b.Snapshot(subjects, epoch).At(0); got != entryUp {
		t.Errorf("site after undrain: got %+v", got)
	}
}

func TestSnapshotHoldsTheGreatestID(t *testing.T) {
	b := NewBoard(nil)
	b.Force(Target{Site: "fra"}, ForcedDown, Order{}, epoch)
	snap := b.Snapshot([]Subject{{ID: 7, Site: "fra"}, {ID: 3, Site: "iad"}}, epoch)
	if snap.Len() != 8 || snap.At(7).Forced != ForcedDown || snap.At(0) != entryUp || snap.At(3) != entryUp {
		t.Errorf("got %+v", snap)
	}
	if got := b.Snapshot(nil, epoch).Len(); got != 0 {
		t.Errorf("no subjects: got %d entries", got)
	}
}

func TestAllGoesInTheOrderOfKeys(t *testing.T) {
	want := []Key{{Check: "chk"}, {"fra", fra4, "ssh"}, {"fra", fra4, "web"}, {"fra", fra6, "web"}, {"iad", fra4, "web"}}
	b := NewBoard(watch(want[3], want[1], want[4], want[0], want[2]))
	var got []Key
	for k := range b.All() {
		got = append(got, k)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for range b.All() { // stops when told to
		break
	}
}

func TestKeyText(t *testing.T) {
	for _, c := range []struct {
		key  Key
		want string
	}{
		{Key{"fra", fra4, "web"}, "fra 203.0.113.10 web"},
		{Key{Site: "fra", Check: "web"}, "fra web"},
		{Key{Check: "chk_haproxy"}, "chk_haproxy"},
		{Key{}, ""},
	} {
		if got := c.key.String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// TestSnapshotAgreesWithAnObviousModel steps a board and a plain map of
// states side by side, through reloads.
func TestSnapshotAgreesWithAnObviousModel(t *testing.T) {
	addrs := []netip.Addr{{}, fra4, fra6}
	checks := []string{"web", "ssh"}
	rapid.Check(t, func(rt *rapid.T) {
		drawKey := func() Key {
			return Key{"fra", rapid.SampledFrom(addrs).Draw(rt, "addr"), rapid.SampledFrom(checks).Draw(rt, "check")}
		}
		b := NewBoard(nil)
		up := map[Key]bool{} // watched and known
		watched := map[Key]bool{}
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			if rapid.IntRange(0, 5).Draw(rt, "kind") == 0 {
				clear(watched)
				for range rapid.IntRange(0, 6).Draw(rt, "watches") {
					watched[drawKey()] = true
				}
				var ws []Watch
				for k := range watched {
					ws = append(ws, Watch{Key: k, Spec: once})
				}
				b.Rebuild(ws)
				for k := range up {
					if !watched[k] {
						delete(up, k)
					}
				}
				continue
			}
			k, v := drawKey(), rapid.SampledFrom([]Verdict{Pass, Fail, NoVerdict}).Draw(rt, "verdict")
			b.Step(k, Result{Verdict: v})
			if watched[k] && v != NoVerdict {
				up[k] = v == Pass
			}
		}
		for i, addr := range addrs {
			want := true
			for _, check := range checks {
				if u, known := up[Key{"fra", addr, check}]; known && !u {
					want = false
				}
			}
			s := Subject{ID: ID(i), Site: "fra", Addr: addr, Checks: checks}
			if got := b.Snapshot([]Subject{s}, epoch).At(s.ID).Up; got != want {
				rt.Fatalf("%v: up is %v, want %v (%v)", addr, got, want, up)
			}
		}
	})
}

func BenchmarkBoard(b *testing.B) {
	var watches []Watch
	var subjects []Subject
	for i := range 1000 {
		addr := netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})
		site := fmt.Sprintf("site%d", i)
		watches = append(watches, Watch{Key: Key{site, addr, "web"}, Spec: Spec{}.WithDefaults()})
		subjects = append(subjects, Subject{ID: ID(i), Site: site, Addr: addr, Checks: []string{"web"}})
	}
	board := NewBoard(watches)
	b.Run("step", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			board.Step(watches[i%1000].Key, Result{Verdict: Pass, At: epoch})
		}
	})
	b.Run("snapshot of 1000", func(b *testing.B) {
		for b.Loop() {
			board.Snapshot(subjects, epoch)
		}
	})
}
