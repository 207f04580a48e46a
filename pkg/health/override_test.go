package health

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRampGoesEvenlyInSmallSteps(t *testing.T) {
	for _, c := range []struct {
		ramp Ramp
		at   time.Duration
		want uint16
	}{
		{Ramp{FullShare, 0, epoch, 0}, 0, 0},
		{Ramp{FullShare, 0, epoch, 0}, -time.Hour, FullShare},
		{Ramp{FullShare, 0, epoch, 10 * time.Minute}, -time.Second, FullShare},
		{Ramp{FullShare, 0, epoch, 10 * time.Minute}, 0, FullShare},
		{Ramp{FullShare, 0, epoch, 10 * time.Minute}, 5 * time.Minute, 32768},
		{Ramp{FullShare, 0, epoch, 10 * time.Minute}, 5*time.Minute + 5*time.Second, 32768}, // the same step
		{Ramp{FullShare, 0, epoch, 10 * time.Minute}, 10 * time.Minute, 0},
		{Ramp{0, FullShare, epoch, 10 * time.Second}, 9999 * time.Millisecond, 58981},
		{Ramp{0, FullShare, epoch, 10 * time.Second}, time.Hour, FullShare},
		{Ramp{FullShare, 0, epoch, 500 * time.Millisecond}, 499 * time.Millisecond, FullShare},
		{Ramp{30000, 10000, epoch, MaxOver}, MaxOver / 2, 20000},
	} {
		if got := c.ramp.At(epoch.Add(c.at)); got != c.want {
			t.Errorf("%+v after %v: got %d, want %d", c.ramp, c.at, got, c.want)
		}
	}
}

// TestRampIsMonotonicAndTellsItsSteps follows Next from step to step: between
// two of them the share must not change, and it goes one way only.
func TestRampIsMonotonicAndTellsItsSteps(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := Ramp{rapid.Uint16().Draw(rt, "from"), rapid.Uint16().Draw(rt, "to"), epoch,
			time.Duration(rapid.Int64Range(0, int64(MaxOver)).Draw(rt, "over"))}
		now, steps := epoch, 0
		for {
			next, ok := r.Next(now)
			if !ok {
				break
			}
			if !next.After(now) {
				rt.Fatalf("the step after %v is at %v", now, next)
			}
			before, after := r.At(now), r.At(next)
			if got := r.At(next.Add(-1)); got != before {
				rt.Fatalf("changed from %d to %d before its step", before, got)
			}
			if (after > before) != (r.To > r.From) && after != before {
				rt.Fatalf("goes back, from %d to %d", before, after)
			}
			now, steps = next, steps+1
		}
		if r.At(now) != r.To || steps > rampSteps+1 {
			rt.Fatalf("%d after %d steps, want %d", r.At(now), steps, r.To)
		}
	})
}

func TestDrainAndUndrainGoOnFromTheShareOfTheMoment(t *testing.T) {
	site := Target{Site: "fra"}
	b := NewBoard(nil)
	b.SetRules(map[string]Rules{"fra": {SlowStart: 10 * time.Minute}})
	at := func(m float64) time.Time { return epoch.Add(time.Duration(m * float64(time.Minute))) }
	want := func(m float64, share uint16) {
		t.Helper()
		b.Settle(nil, at(m))
		if got := b.Limit(site, at(m)).Share; got != share {
			t.Errorf("minute %v: share %d, want %d", m, got, share)
		}
	}
	want(0, FullShare)
	b.Drain(site, Order{Over: 10 * time.Minute, For: time.Hour}, at(0))
	want(5, 32768)
	b.Undrain(site, Order{Over: 10 * time.Minute}, at(5)) // from the half
	want(10, 49151)
	b.Drain(site, Order{}, at(10)) // at once
	want(10, 0)
	b.Drain(site, Order{Over: 10 * time.Minute, For: 20 * time.Minute}, at(11)) // nothing comes back for it
	want(11, 0)
	want(30.9, 0)
	want(31, 0) // its time is over: a slow start from here
	want(36, 32767)
	want(41, FullShare)
	if n := len(b.Overrides()); n != 0 {
		t.Errorf("%d overrides are left", n)
	}
	if b.Undrain(site, Order{Over: time.Minute}, at(42)) {
		t.Error("undrain of what is not drained says that it was")
	}
}

func TestWhatEndsByItselfIsTold(t *testing.T) {
	b := NewBoard(nil)
	b.SetRules(map[string]Rules{"iad": {SlowStart: time.Minute}})
	b.Drain(Target{Site: "fra"}, Order{For: time.Hour}, epoch)
	b.Drain(Target{Site: "iad"}, Order{For: time.Hour}, epoch)
	b.Force(Target{Policy: "web", Site: "sgp"}, ForcedDown, Order{For: time.Hour}, epoch)
	var got []string
	for now := epoch; ; {
		next, ok := b.Next(now)
		if !ok {
			break
		}
		now = next
		for _, e := range b.Settle(nil, now) {
			got = append(got, fmt.Sprint(e.At.Sub(epoch), " ", e))
		}
	}
	want := []string{
		"1h0m0s fra: drained → in service: the time of the override is over",
		"1h0m0s iad: drained → returning: the time of the override is over",
		"1h0m0s sgp in policy web: forced down → as checked: the time of the override is over",
		"1h1m0s iad: returning → in service: all of its clients are back",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestADrainThatEndedWhileNobodyRanIsFollowedByTheRestOfItsReturn begins the
// slow start when the drain ended, not when that is noticed.
func TestADrainThatEndedWhileNobodyRanIsFollowedByTheRestOfItsReturn(t *testing.T) {
	site := Target{Site: "fra"}
	for _, c := range []struct {
		after time.Duration
		share uint16
	}{{65 * time.Minute, 32767}, {70 * time.Minute, FullShare}, {100 * time.Hour, FullShare}} {
		b := NewBoard(nil)
		b.SetRules(map[string]Rules{"fra": {SlowStart: 10 * time.Minute}})
		b.Drain(site, Order{For: time.Hour}, epoch)
		now := epoch.Add(c.after)
		b.Settle(nil, now)
		if got := b.Limit(site, now).Share; got != c.share {
			t.Errorf("after %v: got %d, want %d", c.after, got, c.share)
		}
	}
}

func TestOverridesAreBounded(t *testing.T) {
	b := NewBoard(nil)
	for i := range MaxOverrides {
		if err := b.Drain(Target{Site: fmt.Sprint(i)}, Order{}, epoch); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := b.Drain(Target{Site: "more"}, Order{}, epoch); !errors.Is(err, ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
	if _, err := b.Force(Target{Site: "0"}, ForcedUp, Order{}, epoch); !errors.Is(err, ErrTooMany) {
		t.Errorf("a force more: %v", err)
	}
	if err := b.Drain(Target{Site: "7"}, Order{Over: time.Hour}, epoch); err != nil {
		t.Errorf("one that is there already: %v", err)
	}
	// The same bound holds for a file.
	s := b.Save(epoch)
	s.Overrides = append(s.Overrides, SavedOverride{Site: "more", Kind: "drain", Over: "0s"})
	again := NewBoard(nil)
	again.Restore(s, epoch)
	if n := len(again.Overrides()); n != MaxOverrides {
		t.Errorf("%d overrides from a file with too many", n)
	}
}

// full returns a board with one of everything that is saved.
func full(now time.Time) *Board {
	b := NewBoard(watch(key(fra4, "web"), key(fra6, "web"), key(fra4, "ssh")))
	b.Step(key(fra4, "web"), Result{Verdict: Fail, At: now.Add(-time.Hour)})
	b.Step(key(fra6, "web"), Result{Verdict: Pass, At: now.Add(-time.Minute)})
	b.Drain(Target{Site: "fra"}, Order{Over: 10 * time.Minute, For: 2 * time.Hour, Who: "anna", Reason: "new disks"}, now)
	b.Drain(Target{Site: "iad"}, Order{}, now)
	b.Undrain(Target{Site: "iad"}, Order{Over: time.Hour}, now)
	b.Force(Target{Site: "fra", Addr: fra4}, ForcedUp, Order{}, now)
	b.Force(Target{Policy: "web", Site: "sgp"}, ForcedDown, Order{For: time.Hour}, now)
	return b
}

func TestWhatIsSavedComesBack(t *testing.T) {
	b := full(epoch)
	saved, err := DecodeSaved(b.Save(epoch).Encode())
	if err != nil {
		t.Fatal(err)
	}
	again := NewBoard(nil)
	later := epoch.Add(5 * time.Minute)
	again.Restore(saved, later)
	again.Rebuild(watch(key(fra4, "web"), key(fra6, "web"), key(fra4, "ssh")))
	if got, want := again.Save(epoch), b.Save(epoch); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if got, want := again.Limit(Target{Site: "fra"}, later).Share, uint16(32768); got != want {
		t.Errorf("in the middle of the ramp: share %d, want %d", got, want)
	}
}

func TestAfterTheClockWasSetBackRampsGoOnFromWhereTheyWere(t *testing.T) {
	for _, back := range []time.Duration{0, time.Second, 40 * 365 * 24 * time.Hour} {
		b := full(epoch)
		saved := b.Save(epoch.Add(3 * time.Minute)) // in the middle
		again := NewBoard(nil)
		now := saved.SavedAt.Add(-back)
		again.Restore(saved, now)
		if got, want := again.Limit(Target{Site: "fra"}, now).Share, b.Limit(Target{Site: "fra"}, epoch.Add(3*time.Minute)).Share; got != want {
			t.Errorf("back by %v: share %d, want %d", back, got, want)
		}
		now = now.Add(7 * time.Minute)
		if got := again.Limit(Target{Site: "fra"}, now).Share; got != 0 {
			t.Errorf("back by %v, at the end: share %d, want 0", back, got)
		}
	}
}

func TestWhatMakesNoSenseIsNotRestoredAndTold(t *testing.T) {
	good := SavedOverride{Site: "fra", Kind: "force", Forced: "up"}
	bad := []SavedOverride{
		{Site: "iad", Kind: "drian", Over: "0s"}, {Site: "iad", Kind: "force", Forced: "sideways"}, {Site: "iad", Kind: "drain", Over: "-1h"},
		{Site: "iad", Kind: "drain"}, {Kind: "drain", Over: "0s"}, {Site: "iad", Kind: "drain", Over: "0s", Reason: strings.Repeat("x", MaxReason+1)},
	}
	b := NewBoard(nil)
	lost := b.Restore(Saved{Version: 1, SavedAt: epoch, Overrides: append(slices.Clone(bad), good)}, epoch)
	if !reflect.DeepEqual(lost, bad) {
		t.Errorf("lost are %+v, want %+v", lost, bad)
	}
	if o := b.Overrides(); len(o) != 1 || o[0].Target.Site != "fra" {
		t.Errorf("in force are %+v", o)
	}
}

func TestFirstVerdictDecidesOverARestoredState(t *testing.T) {
	spec := Spec{Interval: time.Second, Timeout: time.Second, Fall: 3, Rise: 3}
	b := NewBoard(nil)
	b.Restore(full(epoch).Save(epoch), epoch)
	b.Rebuild([]Watch{{Key: key(fra4, "web"), Spec: spec}, {Key: key(fra6, "web"), Spec: spec}})
	now := epoch.Add(time.Minute)
	b.Step(key(fra4, "web"), Result{Verdict: NoVerdict, At: now})
	if tr, _ := b.Tracker(key(fra4, "web")); !tr.Known || tr.Up || !tr.Since.Equal(epoch.Add(-time.Hour)) {
		t.Errorf("after no verdict: got %+v", tr)
	}
	if b.Step(key(fra4, "web"), Result{Verdict: Fail, At: now}) {
		t.Error("the same state is a change")
	}
	if tr, _ := b.Tracker(key(fra4, "web")); tr.Up || !tr.Since.Equal(epoch.Add(-time.Hour)) {
		t.Errorf("still down: got %+v, want its since kept", tr)
	}
	if b.Step(key(fra4, "web"), Result{Verdict: Pass, At: now}) {
		t.Error("rise counts from the second verdict on")
	}
	if !b.Step(key(fra6, "web"), Result{Verdict: Fail, At: now}) {
		t.Error("the first verdict did not decide at once")
	}
	if tr, _ := b.Tracker(key(fra6, "web")); tr.Up || !tr.Since.Equal(now) {
		t.Errorf("now down: got %+v", tr)
	}
}

func TestDamagedStateIsRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "damaged: "}, {"{", "damaged: "}, {"null", "damaged: no version"}, {`{"version": 2}`, "written by a newer version"},
		{`{"version": 1, "overrides": 7}`, "damaged: "}, {`{"version": 1, "saved_at": "now"}`, "damaged: "},
	} {
		if _, err := DecodeSaved([]byte(c.text)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q", c.text, err, c.want)
		}
	}
	if _, err := DecodeSaved([]byte(`{"version": 9}`)); !errors.Is(err, ErrNewer) {
		t.Errorf("newer: %v", err)
	}
}

func FuzzDecodeSaved(f *testing.F) {
	f.Add(full(epoch).Save(epoch).Encode())
	f.Add([]byte(`{"version":1,"overrides":[{"site":"a","kind":"drain","over":"-1h","from":7}],"checks":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := DecodeSaved(data)
		if err != nil {
			return
		}
		b := NewBoard(nil)
		b.Restore(s, epoch)
		b.Settle(nil, epoch)
		again, err := DecodeSaved(b.Save(epoch).Encode())
		if err != nil {
			t.Fatal(err)
		}
		c := NewBoard(nil)
		c.Restore(again, epoch)
		if !reflect.DeepEqual(c.Save(epoch), b.Save(epoch)) {
			t.Errorf("%s: saved and restored, it is another", data)
		}
	})
}
