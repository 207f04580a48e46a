package geodns

import (
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestTheStatusSaysWhoAsksMost answers two blocks of clients while the status is told.
func TestTheStatusSaysWhoAsksMost(t *testing.T) {
	r := newRated(t)
	r.limiter.Store(nil)
	m := new(dns.Msg)
	m.SetQuestion("www.example.com.", dns.TypeA)
	packet, _ := m.Pack()
	out := make([]byte, 0, 4096)
	const minute = 1_000_000 * 60
	var telling sync.WaitGroup
	telling.Go(func() {
		for range 100 {
			r.top(time.Unix(minute+30, 0))
		}
	})
	for i := range 16 * 400 {
		from := netip.MustParseAddrPort("192.0.2.7:53")
		if i/16%4 == 0 { // one of four samples
			from = netip.MustParseAddrPort("[2001:db8::1]:53")
		}
		r.Answer(0, packet, from, false, minute+30, out)
	}
	telling.Wait()
	got := r.top(time.Unix(minute+60, 0))
	if len(got) != 2 || got[0].Block != "192.0.2.0/24" || got[0].Share < 0.6 || got[0].Share > 0.9 || got[0].QueriesPerSecond > 80 || got[1].Block != "2001:db8::/56" {
		t.Errorf("got %+v", got)
	}
}
