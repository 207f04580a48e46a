package health

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

// story plays lines such as "10s fail 4" on a board with one site, and returns
// what is in the snapshot after each of them.
type story struct {
	t        *testing.T
	b        *Board
	subjects []Subject
	now      time.Time
}

func newStory(t *testing.T, r Rules) *story {
	s := &story{t: t, b: NewBoard(watch(key(fra4, "web"), key(fra6, "web"))), now: epoch}
	s.b.SetRules(map[string]Rules{"fra": r})
	s.subjects = []Subject{
		{ID: 0, Site: "fra"},
		{ID: 1, Site: "fra", Addr: fra4, Checks: []string{"web"}},
		{ID: 2, Site: "fra", Addr: fra6, Checks: []string{"web"}},
	}
	return s
}

// play does what a line says and compares the two addresses with want, such as
// "up 100% | down".
func (s *story) play(line, want string) {
	s.t.Helper()
	fields := strings.Fields(line)
	after, err := time.ParseDuration(fields[0])
	if err != nil {
		s.t.Fatal(err)
	}
	s.now = epoch.Add(after)
	for _, word := range fields[1:] {
		addr := map[byte]netip.Addr{'4': fra4, '6': fra6}[word[len(word)-1]]
		switch strings.TrimRight(word, "46") {
		case "fail":
			s.b.Step(key(addr, "web"), Result{Verdict: Fail, At: s.now})
		case "pass":
			s.b.Step(key(addr, "web"), Result{Verdict: Pass, At: s.now})
		case "undrain":
			if !s.b.Release("fra", s.subjects, true, s.now) {
				s.t.Errorf("%s: nothing was released", line)
			}
		case "restart":
			saved, err := DecodeSaved(s.b.Save(s.now).Encode())
			if err != nil {
				s.t.Fatal(err)
			}
			rules := s.b.rules
			s.b = NewBoard(nil)
			s.b.Restore(saved, s.now)
			s.b.SetRules(rules)
			s.b.Rebuild(watch(key(fra4, "web"), key(fra6, "web")))
		}
	}
	s.b.Settle(s.subjects, s.now)
	snap := s.b.Snapshot(s.subjects, s.now)
	var got []string
	for id := ID(1); id <= 2; id++ {
		e := snap.At(id)
		text := map[bool]string{true: "up", false: "down"}[e.Up]
		if e.Held {
			text += " held"
		}
		if e.Up && !e.Held {
			text += fmt.Sprintf(" %d%%", (int(e.Share)*100+FullShare/2)/FullShare)
		}
		got = append(got, text)
	}
	if text := strings.Join(got, " | "); text != want {
		s.t.Errorf("%s: got %q, want %q", line, text, want)
	}
}

func TestSlowStartFollowsARecovery(t *testing.T) {
	s := newStory(t, Rules{SlowStart: 100 * time.Second})
	s.play("0s pass4 pass6", "up 100% | up 100%") // the first look is no recovery
	s.play("10s fail4", "down | up 100%")
	s.play("20s pass4", "up 0% | up 100%")
	s.play("70s", "up 50% | up 100%")
	s.play("71s restart", "up 51% | up 100%")
	s.play("72s pass4 pass6", "up 52% | up 100%")
	s.play("80s fail4", "down | up 100%")
	s.play("90s pass4", "up 0% | up 100%") // from the beginning
	s.play("190s", "up 100% | up 100%")
	s.play("1h", "up 100% | up 100%")
	if _, more := s.b.Next(s.now); more {
		t.Error("something is left to come")
	}
}

func TestSiteThatWasDownIsHeldBack(t *testing.T) {
	s := newStory(t, Rules{SlowStart: 100 * time.Second, Hold: 60 * time.Second})
	s.play("0s pass4 pass6", "up 100% | up 100%")
	s.play("10s fail4", "down | up 100%")
	s.play("20s pass4", "up held | up 100%")
	s.play("79s", "up held | up 100%")
	s.play("80s", "up 0% | up 100%")
	s.play("130s", "up 50% | up 100%")
	s.play("140s fail4", "down | up 100%")
	s.play("150s pass4", "up held | up 100%")
	s.play("160s fail4", "down | up 100%") // the hold begins anew
	s.play("170s pass4", "up held | up 100%")
	s.play("220s restart pass4 pass6", "up held | up 100%")
	s.play("280s", "up 50% | up 100%") // noticed late: the slow start began at its time
}

func TestManualFailBackWaitsForAnOperator(t *testing.T) {
	s := newStory(t, Rules{Manual: true})
	s.play("0s fail4 fail6", "down | down") // also of a site that was down from the beginning
	s.play("10s pass4", "up held | down")
	s.play("100h pass6", "up held | up held")
	if at, more := s.b.Next(s.now); more {
		t.Errorf("it would end by itself at %v", at)
	}
	s.play("101h undrain", "up 100% | up 100%")
	s.play("102h fail6", "up 100% | down")
	s.play("103h restart fail6 pass4", "up 100% | down")
	s.play("104h pass6", "up 100% | up held")
	s.b.SetRules(nil) // the key is taken out of the file
	s.play("105h", "up 100% | up 100%")
}

// TestOneOfSeveralAddressesIsNotHeldBack restarts the machines of a site one
// after the other: it is never down, and nothing is held back.
func TestOneOfSeveralAddressesIsNotHeldBack(t *testing.T) {
	second := netip.MustParseAddr("203.0.113.11")
	b := NewBoard(watch(key(fra4, "web"), key(second, "web")))
	b.SetRules(map[string]Rules{"fra": {Manual: true}})
	subjects := []Subject{{ID: 0, Site: "fra", Addr: fra4, Checks: []string{"web"}}, {ID: 1, Site: "fra", Addr: second, Checks: []string{"web"}}}
	for i, k := range []Key{key(fra4, "web"), key(second, "web")} {
		b.Step(k, fail(2*i, "refused"))
		b.Settle(subjects, epoch)
		b.Step(k, pass(2*i+1))
		b.Settle(subjects, epoch)
	}
	for id := range ID(2) {
		if e := b.Snapshot(subjects, epoch).At(id); e.Held || !e.Up {
			t.Errorf("address %d: %+v", id, e)
		}
	}
}

func TestHoldsAreTold(t *testing.T) {
	s := newStory(t, Rules{Hold: time.Minute})
	var got []string
	for i, r := range []Result{pass(0), fail(10, "refused"), pass(20)} {
		s.b.Step(key(fra4, "web"), r)
		s.b.Step(key(fra6, "web"), pass(i))
		for _, e := range s.b.Settle(s.subjects, r.At) {
			got = append(got, e.String())
		}
	}
	at, _ := s.b.Next(epoch.Add(20 * time.Second))
	for _, e := range s.b.Settle(s.subjects, at) {
		got = append(got, e.String())
	}
	want := []string{
		"fra: down → held back: IPv4: recovered; fail_back holds it for 1m0s",
		"fra: held back → in service: IPv4: the time of fail_back is over",
	}
	if !reflect.DeepEqual(got, want) || !at.Equal(epoch.Add(80*time.Second)) {
		t.Errorf("at %v:\n%s", at, strings.Join(got, "\n"))
	}
}
