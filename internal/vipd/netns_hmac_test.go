package vipd_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

const (
	keyOne = "key 1 hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	keyTwo = "key 2 another-key-of-thirty-two-bytes-or-more"
)

func hmac(lines ...string) string { return "auth_hmac {\n " + strings.Join(lines, "\n ") + "\n }" }

// keys are those of keyOne and keyTwo for the tests' own packets.
func keys(active uint8) *vrrp.HMAC {
	var one [32]byte
	for i := range one {
		one[i] = byte(i)
	}
	return &vrrp.HMAC{Active: active, Keys: []vrrp.HMACKey{{ID: 1, Secret: string(one[:])}, {ID: 2, Secret: keyTwo[len("key 2 "):]}}}
}

// TestSignedPairBelievesNobodyElse has a stranger send what would be believed
// without keys: unsigned, wrongly signed, replayed.
func TestSignedPairBelievesNobodyElse(t *testing.T) {
	for _, s := range settings {
		if s.pass {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "a", "b", "x")
			if s.ipv6 {
				for i, n := range []string{"a", "b", "x"} {
					l.ip(n, fmt.Sprintf("addr add 2001:db8:77::%d/64 dev eth0 nodad", i+1))
				}
			}
			signed := func(config string) string {
				return strings.Replace(config, "advert_int", hmac(keyOne, "active_key 1")+"\n advert_int", 1)
			}
			x := l.tap("x")
			a, b := l.start("a", signed(s.config(150, 1, 2))), l.start("b", signed(s.config(100, 2, 1)))
			l.within(2*s.down(), "a is master alone and b hears it", func() bool {
				st, _ := b.status()
				return l.has("a", s.vip()) && !l.has("b", s.vip()) && st.Master != nil
			})
			was := func(n *node) float64 { return n.metric(`vipd_transitions_total{instance="VI_1",to="MASTER"}`) }
			before := map[*node]float64{a: was(a), b: was(b)}
			s.forge(l, x, a, b)
			time.Sleep(s.down() / 4)
			for _, n := range []*node{a, b} {
				if got := was(n); got != before[n] {
					l.wrong("%s became master %v times", n.name, got-before[n])
				}
				for _, reason := range []string{"not signed", "bad authentication code", "unknown key", "signed at another time"} {
					if n.metric(fmt.Sprintf(`vipd_adverts_refused_total{instance="VI_1",reason="%s"}`, reason)) < 1 {
						t.Errorf("%s: nothing was refused as %q", n.name, reason)
					}
				}
			}
			l.within(3*time.Second, "a knows its successor", func() bool {
				st, _ := a.status()
				return len(st.Peers) > 0 && st.Peers[0].Eligible
			})
			// What both know by their keys still works: the hand-over.
			a.signal(syscall.SIGTERM)
			l.within(500*time.Millisecond, "b takes over at once", func() bool { return l.has("b", s.vip()) })
			// The log is written apart from the hand-over, and may be later.
			l.within(3*time.Second, "b says that it took over by hand-over", func() bool { return strings.Contains(b.log.String(), "cause=handover") })
		})
	}
}

// forge sends adverts of priority 200, and a hand-over, to both nodes from each
// other's address.
func (s setting) forge(l *lab, x *tap, a, b *node) {
	now := uint64(time.Now().Unix()) << 32
	wrong := &vrrp.HMAC{Active: 1, Keys: []vrrp.HMACKey{{ID: 1, Secret: strings.Repeat("w", 32)}}}
	for _, to := range []*node{a, b} {
		src, dst := "10.77.0.2", "10.77.0.1"
		if s.ipv6 {
			src, dst = "2001:db8:77::2", "2001:db8:77::1"
		}
		if to == b {
			src, dst = dst, src
		}
		from, at := netip.MustParseAddr(src), netip.MustParseAddr(dst)
		group := at
		if !s.unicast {
			group = netip.MustParseAddr(map[bool]string{false: "224.0.0.18", true: "ff02::12"}[s.ipv6])
		}
		interval := 100 * time.Millisecond
		advert := vrrp.Advert{Version: uint8(s.version), VRID: 50, Priority: 200, Interval: interval, VIPs: vips(s.vip())}
		for i, h := range []*vrrp.HMAC{nil, wrong, keys(2), keys(1)} { // the last is right, and of yesterday
			sequence := now + uint64(i)
			if i == 3 {
				sequence -= 86400 << 32
			}
			p := packet{src: from, dst: group, ttl: 255, proto: 112, data: vrrp.AppendSigned(nil, advert, from, group, h, sequence)}
			x.send(p.frame(l.hardware(to.name)))
		}
		if at.Is4() {
			m := vrrp.Message{Kind: vrrp.KindHandover, VRID: 50, Version: uint8(s.version), Priority: 150, LeftMaster: vrrp.NeverMaster, Sender: from, Successor: at, Sequence: uint64(time.Now().UnixNano())}
			for _, h := range []*vrrp.HMAC{nil, wrong} {
				x.send(datagram(from, at, vrrp.AppendMessage(nil, m, h)).frame(l.hardware(to.name)))
			}
		}
	}
}

// TestReplayedAdvertIsRefused sends the very packets of the master again.
func TestReplayedAdvertIsRefused(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a", "b", "x")
	x := l.tap("x")
	config := func(priority int) string { return instance(priority, hmac(keyOne, "active_key 1", "time_window 300")) }
	a, b := l.start("a", config(150)), l.start("b", config(100))
	l.settled(a, b)
	a.signal(syscall.SIGKILL)
	var frames [][]byte
	for _, h := range x.adverts(50) {
		frames = append(frames, packet{src: h.src, dst: h.dst, ttl: 255, tos: 0xc0, proto: 112, data: h.data}.frame(l.hardware("b")))
	}
	stop := x.every(20*time.Millisecond, frames...)
	defer stop()
	l.within(2*time.Second, "b takes over though the dead master seems to speak", b.master)
	if b.metric(`vipd_adverts_refused_total{instance="VI_1",reason="replayed"}`) < 1 {
		l.wrong("nothing was refused as replayed: the test proves nothing")
	}
}

// TestChangeOverToKeysAndRotation goes from no keys to keys, and from one key
// to the next, node by node, without a change of master.
func TestChangeOverToKeysAndRotation(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a", "b")
	file := filepath.Join(l.dir, "key2")
	os.WriteFile(file, []byte(keyTwo[len("key 2 "):]+"\n"), 0o600)
	fromFile := "key 2 file:" + file
	a, b := l.start("a", instance(150)), l.start("b", instance(100))
	l.settled(a, b)
	for _, step := range []string{
		hmac(keyOne, "active_key 1", "mode receive-only"),
		hmac(keyOne, "active_key 1", "mode permissive"),
		hmac(keyOne, "active_key 1"),
		hmac(keyOne, fromFile, "active_key 1"),
		hmac(keyOne, fromFile, "active_key 2"),
		hmac(fromFile, "active_key 2", "anti_replay monotonic"),
	} {
		for i, n := range []*node{a, b} {
			n.write(instance(150-50*i, step))
			if out, err := n.vipd("reload"); err != nil {
				t.Fatalf("%s: %v: %s", step, err, out)
			}
			time.Sleep(500 * time.Millisecond)
		}
	}
	for i, n := range []*node{a, b} {
		if got := n.metric(`vipd_transitions_total{instance="VI_1",to="MASTER"}`); got != float64(1-i) {
			l.wrong("%s was master %v times", n.name, got)
		}
	}
	if st, _ := b.status(); len(st.Refused) > 0 || !a.master() {
		l.wrong("b refused %+v", st.Refused)
	}
	if strings.Contains(a.log.String()+b.log.String(), "thirty-two") {
		t.Error("a key stands in the log")
	}
}
