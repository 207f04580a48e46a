package netlink

import (
	"net"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/netlink/netnstest"
	"github.com/geodns-vipd/geodns/internal/stalltest"
	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestRefreshOf200AddressesIsCheap(t *testing.T) {
	_, c := node(t)
	h := c.Hold(time.Minute) // not about their end
	apply(t, h, many(200))
	each := time.Hour
	for range 5 { // the least counts: what else the process does is not ours
		const rounds = 20
		start := stalltest.CPU()
		for range rounds {
			if err := h.Refresh(Now() + time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		each = min(each, (stalltest.CPU()-start)/rounds)
	}
	share := float64(each) / float64(500*time.Millisecond) * 100
	t.Logf("200 addresses: %v of processor time a refresh, %.2f %% of a core at one in 0.5 s", each, share)
	if share > 1 {
		t.Errorf("%.2f %% of a core, want at most 1 %%", share)
	}
}

func TestRefreshAllocatesLittle(t *testing.T) {
	_, c := node(t)
	h := c.Hold(time.Minute) // not about their end
	apply(t, h, many(200))
	n := testing.AllocsPerRun(10, func() {
		if err := h.Refresh(Now() + time.Minute); err != nil {
			t.Fatal(err)
		}
	})
	if n > 20 {
		t.Errorf("%v allocations for 200 addresses: they must not grow with the number", n)
	}
}

func BenchmarkRefresh200(b *testing.B) {
	s := netnstest.New(b)
	netnstest.Join(b, s, s, "eth0")
	h := open(b, s).Hold(2 * time.Second)
	if _, err := h.Apply(many(200)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	start := stalltest.CPU()
	for b.Loop() {
		if err := h.Refresh(Now() + time.Second); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((stalltest.CPU()-start).Microseconds())/float64(b.N), "cpu-µs/op")
}

// BenchmarkLibraryReplace200 does the same by the library, one call each.
func BenchmarkLibraryReplace200(b *testing.B) {
	s := netnstest.New(b)
	netnstest.Join(b, s, s, "eth0")
	var lib *vnl.Handle
	var link vnl.Link
	var err error
	s.Do(func() {
		if lib, err = vnl.NewHandle(unix.NETLINK_ROUTE); err == nil {
			link, err = lib.LinkByName("eth0")
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	defer lib.Close()
	want := many(200)
	b.ReportAllocs()
	start := stalltest.CPU()
	for b.Loop() {
		for _, a := range want {
			addr := &vnl.Addr{IPNet: &net.IPNet{IP: a.Addr().AsSlice(), Mask: net.CIDRMask(a.Prefix.Bits(), a.Addr().BitLen())}, ValidLft: 2, PreferedLft: 2}
			if err := lib.AddrReplace(link, addr); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64((stalltest.CPU()-start).Microseconds())/float64(b.N), "cpu-µs/op")
}

// BenchmarkAddAndRemove200 is what becoming and ceasing to be master costs.
func BenchmarkAddAndRemove200(b *testing.B) {
	s := netnstest.New(b)
	netnstest.Join(b, s, s, "eth0")
	h := open(b, s).Hold(2 * time.Second)
	want := many(200)
	var adding time.Duration
	for b.Loop() {
		start := Now()
		if _, err := h.Apply(want); err != nil {
			b.Fatal(err)
		}
		adding += Now() - start
		if err := h.Remove(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(adding.Microseconds())/float64(b.N), "add-µs/op")
}
