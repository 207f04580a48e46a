package vipd

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/netlink/netnstest"
	"github.com/geodns-vipd/geodns/internal/vrrpnet"
	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// TestCollectReadsWhatWaits has messages wait in a socket that no goroutine
// reads, as after a sleep: an instance that woke late gets them at once.
func TestCollectReadsWhatWaits(t *testing.T) {
	s := netnstest.New(t)
	netnstest.Join(t, s, s, "eth0")
	s.IP("addr", "add", "10.77.0.1/24", "dev", "eth0")
	bell, err := newBell()
	if err != nil {
		t.Fatal(err)
	}
	in, other := &instance{}, &instance{}
	in.mailbox.bell, other.mailbox.bell = bell, bell
	defer bell.close()
	source := netip.MustParseAddr("10.77.0.1")
	m, key := newMessenger(slog.New(slog.DiscardHandler)), messageKey{source: source}
	var here, there *vrrpnet.Messages
	s.Do(func() {
		here, err = vrrpnet.OpenMessages(vrrpnet.MessageConfig{Source: source, Unicast: true, Port: 3113})
		if err == nil {
			there, err = vrrpnet.OpenMessages(vrrpnet.MessageConfig{Source: netip.MustParseAddr("127.0.0.1"), Unicast: true, Port: 3113})
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	defer there.Close()
	m.open[key] = &messageSocket{sock: here, users: map[*instance]uint8{in: 7, other: 8}}
	m.mine[in] = key
	message := func(vrid uint8) []byte {
		return vrrp.AppendMessage(nil, vrrp.Message{Kind: vrrp.KindHello, VRID: vrid, Version: 3, LeftMaster: vrrp.NeverMaster}, nil)
	}
	for range maxLetters + 5 {
		if err := there.Send(message(7), source); err != nil {
			t.Fatal(err)
		}
	}
	if err := there.Send(message(8), source); err != nil {
		t.Fatal(err)
	}
	netnstest.Eventually(t, time.Second, "all are collected", func() bool {
		m.collect(in)
		return len(other.letters.queue) == 1
	})
	if got := len(in.letters.take()); got != maxLetters {
		t.Errorf("%d letters, want %d", got, maxLetters)
	}
	if len(in.letters.take()) != 0 {
		t.Error("letters come twice")
	}
}
