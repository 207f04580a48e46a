package vipd_test

import (
	bin "encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/stalltest"
	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// process says what a daemon has used: processor time and memory.
func (n *node) process() (cpu time.Duration, rss int) {
	n.t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.cmd.Process.Pid))
	if err != nil {
		n.t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')'):]))
	ticks := 0
	for _, i := range []int{12, 13} { // user and system, in hundredths of a second
		v, _ := strconv.Atoi(fields[i])
		ticks += v
	}
	pages, _ := strconv.Atoi(fields[22])
	return time.Duration(ticks) * 10 * time.Millisecond, pages * os.Getpagesize()
}

func (n *node) logLines() int { return strings.Count(n.log.String(), "\n") }

// loud counts the lines of the log that an operator gets to see.
func (n *node) loud() int { return n.logLines() - strings.Count(n.log.String(), "level=DEBUG") }

// calm is a pair that nothing may disturb, and a stranger on the link: a v3
// instance and, with a password, a v2 one.
type calm struct {
	*lab
	a, b *node
	x    *tap
}

func newCalm(t *testing.T) *calm { t.Helper(); return calmPair(t, func(int, int) string { return "" }) }

// calmPair is newCalm with more lines in the blocks of node number me.
func calmPair(t *testing.T, more func(me, peer int) string) *calm {
	t.Helper()
	t.Parallel()
	l := newLab(t, "a", "b", "x")
	config := func(priority, me, peer int) string {
		v2 := instance(priority, password, more(me, peer))
		for _, r := range [][2]string{{"VI_1", "V2"}, {"version 3", "version 2"}, {"advert_int 0.1", "advert_int 1"}, {"router_id 50", "router_id 51"}, {".100/24", ".101/24"}} {
			v2 = strings.Replace(v2, r[0], r[1], 1)
		}
		return instance(priority, more(me, peer)) + v2
	}
	c := &calm{lab: l, a: l.start("a", config(150, 1, 2)), b: l.start("b", config(100, 2, 1)), x: l.tap("x")}
	l.settled(c.a, c.b)
	l.within(10*time.Second, "the v2 instance is at rest too", func() bool { return l.has("a", "10.77.0.101") && !l.has("b", "10.77.0.101") })
	time.Sleep(time.Second)
	c.x.forget()
	return c
}

// undisturbed fails the test unless state and rhythm are what they were.
func (c *calm) undisturbed(during func()) {
	c.t.Helper()
	type before struct {
		lines, rss int
		cpu        time.Duration
	}
	was := map[*node]before{}
	for _, n := range []*node{c.a, c.b} {
		cpu, rss := n.process()
		was[n] = before{n.loud(), rss, cpu}
	}
	start, stall := time.Now(), stalltest.Start(c.t)
	during()
	took := time.Since(start)
	c.within(10*time.Second, "enough adverts", func() bool { return len(c.x.adverts(51)) > 3 })
	for _, n := range []*node{c.a, c.b} {
		cpu, rss := n.process()
		if more := n.loud() - was[n].lines; more > 80 { // of two instances
			c.t.Errorf("%s: %d lines in the log", n.name, more)
		} else {
			c.t.Logf("%s: %d lines in the log, %.1f %% of a core, memory %+d KiB", n.name, more, 100*(cpu-was[n].cpu).Seconds()/took.Seconds(), (rss-was[n].rss)/1024)
		}
		if grown := rss - was[n].rss; grown > 24<<20 && os.Getenv("VIPD_TEST_RACE") == "" {
			c.t.Errorf("%s: memory grew by %d MiB", n.name, grown>>20)
		}
		want := map[string]string{"a": "MASTER", "b": "BACKUP"}[n.name]
		for _, st := range n.all() {
			if moved := n.metric(fmt.Sprintf(`vipd_transitions_total{instance="%s",to="MASTER"}`, st.Name)); st.State != want || moved != b2f(want == "MASTER") {
				c.wrong("%s: %s is %s, was master %v times: %s", n.name, st.Name, st.State, moved, st.Reason)
			}
		}
		if strings.Contains(n.log.String(), "panic") {
			c.t.Errorf("%s panicked", n.name)
		}
	}
	pause := stall.TakeWorst()
	for vrid, interval := range map[uint8]time.Duration{50: 100 * time.Millisecond, 51: time.Second} {
		c.rhythm(vrid, interval, pause)
	}
}

// rhythm fails the test unless the master's adverts kept their interval, give
// or take what the machine stood still. What x itself sent does not come back
// to it.
func (c *calm) rhythm(vrid uint8, interval, pause time.Duration) {
	c.t.Helper()
	var last, longest time.Duration
	shortest := time.Hour
	count := 0
	for _, h := range c.x.adverts(vrid) {
		if h.src != netip.MustParseAddr("10.77.0.1") {
			c.wrong("vrid %d: advert of %v", vrid, h.src)
			return
		}
		if last > 0 {
			longest, shortest = max(longest, h.at-last), min(shortest, h.at-last)
			count++
		}
		last = h.at
	}
	c.t.Logf("vrid %d: %d intervals of %v to %v; the machine paused for %v", vrid, count, shortest, longest, pause)
	// A busy machine may be late by some milliseconds; keepalived is silenced.
	if slack := pause + 60*time.Millisecond; count < 2 || longest > interval+slack || shortest < interval-slack {
		c.wrong("vrid %d: %d intervals of %v to %v, want %v", vrid, count, shortest, longest, interval)
	}
}

// v3to50 and v2to51 return adverts of priority 200 for the pair, believed
// unless changed.
func v3to50(edit func(*rowPacket)) rowPacket {
	return made(forged{version: 3, typ: 1, vrid: 50, priority: 200, interval: 10, vips: vips(vip), count: -1}, edit)
}

func v2to51(edit func(*rowPacket)) rowPacket {
	return made(forged{version: 2, typ: 1, vrid: 51, priority: 200, interval: 1, vips: vips("10.77.0.101"), count: -1, auth: 1, pass: "secret12"}, edit)
}

func made(f forged, edit func(*rowPacket)) rowPacket {
	p := rowPacket{forged: f, packet: packet{src: netip.MustParseAddr("10.77.0.9"), dst: netip.MustParseAddr("224.0.0.18"), ttl: 255, tos: 0xc0, proto: 112}}
	edit(&p)
	p.packet.data = p.forged.bytes(p.src, p.dst)
	return p
}

func TestRefusedAdvertsChangeNothing(t *testing.T) {
	c := newCalm(t)
	var frames [][]byte
	for _, edit := range []func(*rowPacket){
		ttl(254), ttl(1), sum(sumZero), sum(sumWrong), to("10.77.0.1"), to("10.77.0.2"),
		func(r *rowPacket) { r.typ = 2 },
		func(r *rowPacket) { r.version = 5 - r.version },
		func(r *rowPacket) { r.version = 15 },
		func(r *rowPacket) { r.vrid = 99 },
		func(r *rowPacket) { r.trailing = 6 },
	} {
		frames = append(frames, v3to50(edit).frame(c.hardware("a")), v2to51(edit).frame(c.hardware("a")))
	}
	for _, edit := range []func(*rowPacket){pass(1, "wrong"), pass(0, ""), func(r *rowPacket) { r.noAuthData = true }} {
		frames = append(frames, v2to51(edit).frame(c.hardware("a")))
	}
	// 25 frames, each 100 times a second.
	if len(frames) != 25 {
		t.Fatalf("%d frames", len(frames))
	}
	seconds := 4 * time.Second
	if s := os.Getenv("VIPD_TEST_FLOOD"); s != "" { // a longer look by hand
		seconds, _ = time.ParseDuration(s)
	}
	c.undisturbed(func() {
		stop := c.x.every(10*time.Millisecond, frames...)
		time.Sleep(seconds)
		stop()
	})
}

func TestAdvertsOfOtherRoutersDoNotWakeIt(t *testing.T) {
	c := newCalm(t)
	frame := v3to50(func(r *rowPacket) { r.vrid = 99 }).frame(c.hardware("a"))
	before := c.a.metric(`vipd_adverts_refused_total{instance="VI_1",reason="other virtual router"}`)
	c.undisturbed(func() {
		for range 250 {
			for range 40 {
				c.x.send(frame)
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	if after := c.a.metric(`vipd_adverts_refused_total{instance="VI_1",reason="other virtual router"}`); after != before {
		t.Errorf("%v adverts of another router reached vipd", after)
	}
}

func TestMalformedPacketsChangeNothing(t *testing.T) {
	c := newCalm(t)
	r := rand.New(rand.NewPCG(1, 2))
	mac := c.hardware("a")
	c.undisturbed(func() {
		for i := range 10_000 {
			var p packet
			switch i % 4 {
			case 0: // noise for our virtual router
				p = v3to50(func(*rowPacket) {}).packet
				p.data = noise(r, r.IntN(60))
				if len(p.data) > 1 {
					p.data[1] = 50
				}
			case 1: // a right advert, damaged: its checksum finds it
				p = v3to50(func(*rowPacket) {}).packet
				damage(r, p.data[2:])
			case 2:
				p = v2to51(func(*rowPacket) {}).packet
				damage(r, p.data[2:])
			case 3: // cut, or long
				p = v2to51(func(*rowPacket) {}).packet
				p.data = append(p.data, noise(r, 1400)...)[:r.IntN(1400)]
				if len(p.data) == 20 { // uncut
					p.data = p.data[:19]
				}
			}
			if r.IntN(3) == 0 {
				p.dst = netip.MustParseAddr("10.77.0.1")
			}
			p.src = netip.AddrFrom4([4]byte{10, 77, 0, byte(3 + r.IntN(200))})
			frame := p.frame(mac)
			if r.IntN(50) == 0 { // the IP header itself
				damage(r, frame[14:34])
			}
			c.x.send(frame)
			if i%50 == 0 {
				time.Sleep(10 * time.Millisecond)
			}
		}
	})
}

// Adverts and messages that are right in all but who sends them.
func TestStrangersDoNotDisturbUnicast(t *testing.T) {
	c := calmPair(t, func(me, peer int) string {
		// x is a peer too, so that it hears the rhythm; it says nothing itself.
		return fmt.Sprintf("unicast_src_ip 10.77.0.%d\n unicast_peer {\n 10.77.0.%d\n 10.77.0.3\n }", me, peer)
	})
	var frames [][]byte
	for i, n := range []*node{c.a, c.b} {
		at := fmt.Sprintf("10.77.0.%d", i+1)
		for j := range 12 {
			src := netip.AddrFrom4([4]byte{10, 77, 0, byte(20 + j)})
			for _, p := range []rowPacket{v3to50(to(at)), v2to51(to(at))} {
				p.src, p.priority = src, 255
				p.packet.data = p.forged.bytes(p.src, p.dst)
				frames = append(frames, p.frame(c.hardware(n.name)))
			}
			m := vrrp.Message{Kind: vrrp.KindHandover, VRID: 50, Version: 3, Priority: 150, LeftMaster: vrrp.NeverMaster,
				Sender: src, Successor: netip.MustParseAddr(at), Sequence: uint64(j + 1)}
			frames = append(frames, datagram(src, netip.MustParseAddr(at), vrrp.AppendMessage(nil, m, nil)).frame(c.hardware(n.name)))
		}
	}
	c.undisturbed(func() {
		stop := c.x.every(time.Second*time.Duration(len(frames))/5000, frames...) // 2,500 a second for each node
		time.Sleep(4 * time.Second)
		stop()
	})
	st, _ := c.a.status()
	if len(st.Refused) == 0 || st.Refused[0].Reason != "source is no peer" {
		t.Errorf("refused %+v", st.Refused)
	}
}

func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// damage changes one byte: a checksum finds that for sure.
func damage(r *rand.Rand, b []byte) { b[r.IntN(len(b))] ^= byte(1 + r.IntN(255)) }

// datagram returns a message of vipd as a packet.
func datagram(src, dst netip.Addr, payload []byte) packet {
	b := bin.BigEndian.AppendUint16(nil, vrrp.MessagePort)
	b = bin.BigEndian.AppendUint16(b, vrrp.MessagePort)
	b = bin.BigEndian.AppendUint16(b, uint16(8+len(payload)))
	return packet{src: src, dst: dst, ttl: 255, proto: 17, data: append(append(b, 0, 0), payload...)} // no checksum
}

func TestForgedMessagesChangeNothing(t *testing.T) {
	c := newCalm(t)
	r := rand.New(rand.NewPCG(3, 4))
	mac := c.hardware("a")
	c.undisturbed(func() {
		for i := range 10_000 {
			sender := netip.AddrFrom4([4]byte{10, 77, byte(r.IntN(3)), byte(3 + r.IntN(200))})
			m := vrrp.Message{
				Kind: vrrp.MessageKind(1 + r.IntN(3)), VRID: uint8(50 + r.IntN(2)), Version: 3, State: vrrp.State(r.IntN(4)), Priority: uint8(r.IntN(256)),
				Eligible: r.IntN(2) == 0, Preempts: r.IntN(2) == 0, Digest: r.Uint64(), LeftMaster: time.Duration(r.IntN(100)) * time.Millisecond,
				Running: time.Duration(r.IntN(100)) * time.Millisecond, Sender: sender, Sequence: uint64(i + 1),
				Successor: netip.AddrFrom4([4]byte{10, 77, 0, byte(1 + r.IntN(2))}),
			}
			if m.VRID == 51 {
				m.Version = 2
			}
			p := datagram(sender, netip.MustParseAddr("224.0.0.18"), vrrp.AppendMessage(nil, m, nil))
			switch i % 5 {
			case 0:
				damage(r, p.data[8:])
			case 1:
				p.data = append(p.data[:8:8], noise(r, r.IntN(120))...)
			case 2:
				p.ttl = 254
			}
			c.x.send(p.frame(mac))
			if i%50 == 0 {
				time.Sleep(10 * time.Millisecond)
			}
		}
	})
	// What is real is known all the same.
	c.within(3*time.Second, "a knows its successor", func() bool {
		st, _ := c.a.status()
		for _, p := range st.Peers {
			if p.Address == "10.77.0.2" {
				return p.Eligible
			}
		}
		return false
	})
}
