package viplab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/geodns-vipd/geodns/internal/vipd"
)

// event is something that happens to the master, a, and is undone again.
type event struct {
	name string
	more string // in the instance of a
	// onlyVipd: keepalived has no such thing, or cannot do it in a namespace.
	onlyVipd bool
	happen   func(*world)
	undo     func(*world)
	// linger is how long the world is looked at once b has the address.
	linger time.Duration
	// stays: nothing is to move, both are to be master until undo.
	stays bool
}

const lifetimeEnds = 3 * time.Second // after the last renewal, with room

var events = []event{
	{name: "stop", happen: func(w *world) { w.a.stop() }, undo: func(w *world) { w.a.wait(); w.a.start() }},
	{name: "drain", onlyVipd: true, happen: drain, undo: undrain},
	{name: "power", happen: powerLoss, undo: func(w *world) { w.a.kill(); w.a.flush(); w.plug(w.a, true); w.a.start() }},
	{name: "link", happen: func(w *world) { w.plug(w.a, false) }, undo: func(w *world) { w.plug(w.a, true) }},
	{name: "kill -9", linger: lifetimeEnds, happen: func(w *world) { w.a.signal(syscall.SIGKILL) }, undo: func(w *world) { w.a.kill(); w.a.flush(); w.a.start() }},
	{name: "hang", linger: lifetimeEnds, happen: func(w *world) { w.a.signal(syscall.SIGSTOP) }, undo: func(w *world) { w.a.signal(syscall.SIGCONT) }},
	{name: "partition", stays: true, happen: func(w *world) { w.partition() }, undo: func(w *world) { w.heal() }},
	{name: "script", more: "track_script {\n good\n }", happen: spoil, undo: repair},
	{name: "script weight", more: "track_script {\n good weight -60\n }", happen: spoil, undo: repair},
	{name: "process", more: "track_process {\n service weight 0\n }", onlyVipd: true, happen: func(w *world) { w.a.endService() }, undo: func(w *world) { w.a.startService() }},
}

func drain(w *world) {
	if _, err := w.a.client().Drain(context.Background(), vipd.DrainRequest{Force: true}); err != nil {
		w.t.Errorf("drain: %v", err)
	}
}

func undrain(w *world) {
	if _, err := w.a.client().Undrain(context.Background(), vipd.DrainRequest{}); err != nil {
		w.t.Errorf("undrain: %v", err)
	}
}

func (n *node) client() *vipd.Client { return &vipd.Client{Socket: n.path(".sock")} }

// powerLoss ends a node at once, without a word.
func powerLoss(w *world) {
	w.a.signal(syscall.SIGSTOP)
	w.plug(w.a, false)
	w.a.signal(syscall.SIGKILL)
}

func spoil(w *world) { _ = os.Remove(w.a.path(".good")) }

func repair(w *world) {
	if err := os.WriteFile(w.a.path(".good"), nil, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// serviceName is short enough to be a process's name to the kernel.
func (n *node) serviceName() string { return fmt.Sprintf("lab%d-%d%s", os.Getpid(), n.number, n.name) }

// startService runs the process that is tracked: sleep, under another name.
func (n *node) startService() {
	path := filepath.Join(n.dir, n.serviceName())
	if sleep, err := exec.LookPath("sleep"); err != nil {
		n.t.Fatal(err)
	} else if err := os.Symlink(sleep, path); err != nil && !os.IsExist(err) {
		n.t.Fatal(err)
	}
	n.service = exec.Command(path, "3600")
	if err := n.service.Start(); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) endService() {
	if n.service != nil {
		_ = n.service.Process.Kill()
		_ = n.service.Wait()
		n.service = nil
	}
}

// result is one round of an event.
type result struct {
	Setting, Pair, Event string
	// Gap is how long the client had no answer; Moved, how long b took to have
	// the address, negative if it did not; Both, how long both had it.
	Gap, Moved, Both time.Duration
	// BackGap and Back are the same for the way back.
	BackGap, Back time.Duration
	// Takeovers is how often b took the address with nothing wrong, see TestLoad.
	Takeovers int `json:",omitempty"`
}

// settle waits until a is the master and everybody knows it.
func (w *world) settle() {
	w.t.Helper()
	_, longest := w.set.down()
	w.must(3*longest+10*time.Second, "a alone has the address and answers", func() bool {
		return w.a.vips.has() && !w.b.vips.has() && w.client.answeredBy('a', 300*time.Millisecond)
	})
	if w.a.kind == isVipd && w.b.kind == isVipd {
		w.must(5*time.Second, "a knows its successor", func() bool {
			st, ok := w.a.status()
			return ok && len(st.Peers) > 0 && st.Peers[0].Eligible
		})
	}
	// Anywhere between two adverts.
	time.Sleep(200*time.Millisecond + rand.N(w.set.advert))
}

// round makes an event happen and undoes it.
func (w *world) round(e *event) result {
	w.t.Helper()
	w.settle()
	_, longest := w.set.down()
	r := result{Setting: w.set.name, Event: e.name}
	at := now()
	e.happen(w)
	if e.stays {
		within(longest+5*time.Second, func() bool { return w.a.vips.has() && w.b.vips.has() })
		time.Sleep(500*time.Millisecond + rand.N(w.set.advert+2*time.Second))
	} else {
		within(longest+e.linger+5*time.Second, func() bool {
			moved := w.b.vips.gained(at)
			return moved > 0 && w.b.vips.has() && now() > moved+e.linger && w.client.answeredBy('b', 100*time.Millisecond)
		})
	}
	r.Gap = w.client.gap(at - 10*time.Millisecond)
	r.Moved = w.b.vips.gained(at) - at
	if !e.stays {
		r.Both = onBoth(w.a.vips, w.b.vips, at)
	}
	if r.Gap > 10*time.Millisecond {
		w.t.Log(w.story(at))
	}
	undone := now()
	e.undo(w)
	within(2*longest+15*time.Second, func() bool {
		return w.a.vips.has() && !w.b.vips.has() && w.client.answeredBy('a', time.Second)
	})
	r.BackGap = w.client.gap(undone - 10*time.Millisecond)
	if r.BackGap > 10*time.Millisecond {
		w.t.Log("on the way back: ", w.story(undone))
		if r.BackGap > 50*time.Millisecond {
			w.t.Log(now(), undone, w.a.said(), w.b.said())
		}
	}
	r.Back = w.a.vips.gained(undone) - undone
	if e.stays {
		r.Both = onBoth(w.a.vips, w.b.vips, undone)
		for _, s := range w.b.vips.since(undone) {
			r.Back = s.to - undone // until b gave way
		}
	} else {
		r.Both = max(r.Both, onBoth(w.a.vips, w.b.vips, undone))
	}
	return r
}
