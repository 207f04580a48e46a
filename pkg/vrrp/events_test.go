package vrrp

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestFloodOfStrangersIsBounded has a network full of sources that each speak
// once: memory and alarms stay within bounds.
func TestFloodOfStrangersIsBounded(t *testing.T) {
	c := simConfigs(0)[1]
	c.Trackers = nil
	r, _ := New(c).Step(Start{})
	alarms := 0
	for i := range 5000 {
		from := addr(fmt.Sprintf("10.1.%d.%d", i>>8, i&255))
		at := time.Duration(i) * time.Millisecond
		for _, ev := range []Event{
			PacketRefused{At: at, From: from, Reason: DropSource},
			AdvertReceived{At: at, From: from, Advert: Advert{Version: V3, VRID: 51, Priority: 200, Interval: time.Second, VIPs: c.VIPs}},
			HelloReceived{At: at, From: from, Message: Message{Kind: KindHello, Sequence: 1, Digest: c.Digest(), LeftMaster: NeverMaster}},
		} {
			var actions []Action
			r, actions = r.Step(ev)
			for _, a := range actions {
				if _, ok := a.(Alarm); ok {
					alarms++
				}
			}
		}
	}
	if len(r.peers) > maxStrangers || len(r.refusals) > maxRefusals || alarms > maxRefusals {
		t.Errorf("%d peers, %d refusals, %d alarms", len(r.peers), len(r.refusals), alarms)
	}
	if st := r.Status(); st.MoreRefused != 5000-maxRefusals {
		t.Errorf("%d refusals beyond the table, want %d", st.MoreRefused, 5000-maxRefusals)
	}
}

// TestFloodOfForgedMessagesIsBounded has a thousand senders a second tell lies,
// each with words of its own: few lines come of it, and the one real Backup
// stays the successor.
func TestFloodOfForgedMessagesIsBounded(t *testing.T) {
	c := simConfigs(0)[1]
	c.Trackers = nil
	r, _ := New(c).Step(Start{})
	friend := addr("10.0.0.9")
	lines := 0
	step := func(ev Event) {
		var actions []Action
		r, actions = r.Step(ev)
		for _, a := range actions {
			switch a := a.(type) {
			case Alarm:
				if !a.Quiet {
					lines++
				}
			case Note, Transition:
				lines++
			}
		}
	}
	for i := range 20_000 {
		at := time.Duration(i) * time.Millisecond
		if i%1000 == 0 {
			step(HelloReceived{At: at, From: friend, Message: Message{
				Kind: KindHello, Sequence: uint64(i + 1), State: Backup, Eligible: true, Priority: 254, Digest: c.Digest(), LeftMaster: NeverMaster, Running: time.Hour}})
		}
		if r.timer > 0 && r.timer <= at {
			step(Wake{r.timer})
		}
		from := addr(fmt.Sprintf("10.1.%d.%d", i>>8&3, i&255))
		m := Message{Kind: MessageKind(1 + i%3), Sequence: uint64(i + 1), Digest: uint64(i), Successor: c.Local, LeftMaster: time.Duration(i%50) * time.Millisecond, Running: time.Millisecond}
		if m.Kind == KindHandover {
			step(HandoverReceived{At: at, From: from, Message: m})
		} else {
			step(HelloReceived{At: at, From: from, Message: m})
		}
	}
	if lines > 4*budgetLines {
		t.Errorf("%d lines", lines)
	}
	if p, ok := r.successor(); r.state != Master || !ok || p.addr != friend {
		t.Errorf("%v with successor %v, want MASTER with %v", r.state, p.addr, friend)
	}
}

// TestConfiguredPeersAreNeverForgotten has strangers compete for the table.
func TestConfiguredPeersAreNeverForgotten(t *testing.T) {
	c := simConfigs(2)[0]
	c.Trackers, c.AnySource = nil, true
	r, _ := New(c).Step(Start{})
	for i := range 100 {
		r, _ = r.Step(AdvertReceived{At: 1, From: addr(fmt.Sprintf("10.1.0.%d", i)), Advert: Advert{Version: V3, Priority: 200, Interval: time.Second}})
	}
	for _, p := range c.Peers {
		if i := r.peerIndex(p.Addr); i < 0 || !r.peers[i].configured {
			t.Errorf("%v is gone", p.Addr)
		}
	}
}

// anyEvent draws an event that need not make sense.
func anyEvent(t *rapid.T, r *Router) Event {
	at := r.now + time.Duration(rapid.Int64Range(-int64(time.Second), int64(5*time.Second)).Draw(t, "later"))
	from := addr(rapid.SampledFrom([]string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "192.0.2.1"}).Draw(t, "from"))
	age := time.Duration(rapid.Int64Range(0, int64(10*time.Second)).Draw(t, "age"))
	yes := rapid.Bool()
	m := Message{
		Kind: MessageKind(rapid.IntRange(0, 4).Draw(t, "kind")), State: State(rapid.IntRange(0, 3).Draw(t, "state")),
		Priority: rapid.Uint8().Draw(t, "hello priority"), Eligible: yes.Draw(t, "eligible"), Preempts: yes.Draw(t, "preempts"),
		Successor: from, Sender: from, Sequence: rapid.Uint64().Draw(t, "sequence"),
		LeftMaster: time.Duration(rapid.Int64Range(-1, int64(time.Hour)).Draw(t, "left")), Running: time.Duration(rapid.Int64Range(-1, int64(time.Hour)).Draw(t, "running")),
	}
	c := *r.cfg
	c.Priority = rapid.Uint8Min(1).Draw(t, "priority")
	c.NoPreempt, c.PreemptDelay = yes.Draw(t, "nopreempt"), age
	return rapid.SampledFrom([]Event{
		Start{at}, Stop{at, yes.Draw(t, "deleted")}, Wake{at}, Wake{r.timer}, QueueDrained{at},
		AdvertReceived{at, from, Advert{Version: r.cfg.Version, Priority: rapid.Uint8().Draw(t, "advert"), Interval: age / centisecond * centisecond}, age, 0},
		PacketRefused{at, from, DropReason(rapid.Uint8().Draw(t, "reason")), 0},
		SendFailed{at, from, "why"}, Track{At: at, Kind: "script", Name: "chk", Up: yes.Draw(t, "up")},
		Track{At: at, Kind: "script", Name: "unknown"}, Link{at, yes.Draw(t, "link"), ""},
		AddressLost{at, from}, RefreshMissed{at}, Reload{at, &c},
		Drain{at, yes.Draw(t, "on"), yes.Draw(t, "force"), yes.Draw(t, "last resort")},
		HelloReceived{at, from, m, age, age}, HandoverReceived{at, from, m, age, age},
		GroupOrder{at, Order{Kind: OrderKind(rapid.IntRange(0, 4).Draw(t, "order"))}},
	}).Draw(t, "event")
}

// TestAnyEventAtAnyTime throws events at a router in any order and checks what
// must always hold.
func TestAnyEventAtAnyTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := *simConfigs(uint64(rapid.IntRange(0, 60).Draw(t, "config")))[0]
		c.Grouped = rapid.Bool().Draw(t, "grouped")
		r := New(&c)
		holds := false
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			ev := anyEvent(t, &r)
			before := fmt.Sprintf("%+v", r)
			next, actions := r.Step(ev)
			if after := fmt.Sprintf("%+v", r); after != before {
				t.Fatalf("%T changed the router that it was given:\n%s\n%s", ev, before, after)
			}
			holds = checkActions(t, ev, actions, holds)
			checkRouter(t, ev, next, holds)
			r = next
		}
	})
}

// checkActions returns whether the addresses are held after the actions.
func checkActions(t *rapid.T, ev Event, actions []Action, holds bool) bool {
	for _, a := range actions {
		switch a := a.(type) {
		case AddAddresses:
			holds = true
		case RemoveAddresses:
			holds = false
		case RefreshAddresses:
			if !holds {
				t.Fatalf("%T: addresses refreshed that are not held", ev)
			}
		case SendAdvert:
			if a.Advert.Priority == PriorityRelease && holds {
				t.Fatalf("%T: released with the addresses still there", ev)
			}
		}
		if a.String() == "" {
			t.Fatalf("%T says nothing", a)
		}
	}
	return holds
}

func checkRouter(t *rapid.T, ev Event, r Router, holds bool) {
	switch {
	case (r.state == Master) != holds:
		t.Fatalf("%T: %v, addresses held: %v", ev, r.state, holds)
	case r.timer != 0 && r.state == Init && !r.running:
		t.Fatalf("%T: a timer before the start or after the end", ev)
	case r.running && r.state != Init && r.draining == 0 && r.timer != r.next():
		t.Fatalf("%T: timer %v, next deadline %v", ev, r.timer, r.next())
	case r.priority == 0 || r.priority == 255 && r.cfg.Priority != 255:
		t.Fatalf("%T: effective priority %d", ev, r.priority)
	case r.drained && !r.lastResort && r.state == Master:
		t.Fatalf("%T: drained and Master", ev)
	case r.state == Master && r.linkDown != "":
		t.Fatalf("%T: Master on a dead link", ev)
	}
	if _, ok := r.Lease(); ok && r.state != Master {
		t.Fatalf("%T: a lease as %v", ev, r.state)
	}
	r.Outlook()
	r.Status()
}
