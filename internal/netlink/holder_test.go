package netlink

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/netlink/netnstest"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
)

// node returns a namespace with one end of a cable, eth0, and a Conn in it.
func node(t testing.TB) (*netnstest.Space, *Conn) {
	t.Helper()
	s := netnstest.New(t)
	netnstest.Join(t, s, s, "eth0")
	return s, open(t, s)
}

func open(t testing.TB, s *netnstest.Space) *Conn {
	t.Helper()
	var c *Conn
	var err error
	s.Do(func() { c, err = Open() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// vip returns an address as the file gives it: without options, on eth0.
func vip(text string) keepalived.Address {
	a := keepalived.Address{Prefix: netip.MustParsePrefix(text), Dev: "eth0", PreferredLft: keepalived.Forever}
	a.DAD = a.Addr().Is4()
	return a
}

func vips(texts ...string) []keepalived.Address {
	var out []keepalived.Address
	for _, t := range texts {
		out = append(out, vip(t))
	}
	return out
}

func apply(t *testing.T, h *Holder, want []keepalived.Address) Result {
	t.Helper()
	res, err := h.Apply(want)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// find returns the address that the kernel has, for good or for a while.
func find(t testing.TB, c *Conn, addr string) (Address, bool) {
	t.Helper()
	all, err := c.Addresses()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if a.Prefix.Addr() == netip.MustParseAddr(addr) {
			return a, true
		}
	}
	return Address{}, false
}

func present(t testing.TB, c *Conn, addr string) bool {
	t.Helper()
	_, ok := find(t, c, addr)
	return ok
}

func TestOptionsOfAnAddressReachTheKernel(t *testing.T) {
	s, c := node(t)
	with := func(text string, f func(*keepalived.Address)) keepalived.Address {
		a := vip(text)
		f(&a)
		return a
	}
	for _, tc := range []struct {
		a    keepalived.Address
		want string // as ip(8) shows it
	}{
		{vip("192.0.2.1/24"), "inet 192.0.2.1/24 scope global eth0"},
		{vip("192.0.2.1/32"), "inet 192.0.2.1/32 scope global eth0"},
		{with("192.0.2.1/24", func(a *keepalived.Address) { a.Label = "eth0:vip" }), "inet 192.0.2.1/24 scope global eth0:vip"},
		{with("192.0.2.1/24", func(a *keepalived.Address) { a.Scope = 253 }), "inet 192.0.2.1/24 scope link eth0"},
		{with("192.0.2.1/24", func(a *keepalived.Address) { a.Broadcast.Auto = '+' }), "inet 192.0.2.1/24 brd 192.0.2.255 scope global eth0"},
		{with("192.0.2.1/24", func(a *keepalived.Address) { a.Broadcast.Auto = '-' }), "inet 192.0.2.1/24 brd 192.0.2.0 scope global eth0"},
		{with("192.0.2.1/24", func(a *keepalived.Address) { a.Broadcast.Addr = netip.MustParseAddr("192.0.2.77") }), "inet 192.0.2.1/24 brd 192.0.2.77 scope global eth0"},
		{with("192.0.2.1/32", func(a *keepalived.Address) { a.Peer = netip.MustParsePrefix("198.51.100.0/24") }), "inet 192.0.2.1 peer 198.51.100.0/24 scope global eth0"},
		{with("192.0.2.1/24", func(a *keepalived.Address) { a.NoPrefixRoute = true }), "inet 192.0.2.1/24 scope global noprefixroute eth0"},
		{vip("2001:db8::1/64"), "inet6 2001:db8::1/64 scope global nodad"},
		{with("2001:db8::1/64", func(a *keepalived.Address) { a.DAD = true }), "inet6 2001:db8::1/64 scope global"},
		{with("2001:db8::1/64", func(a *keepalived.Address) { a.Home = true }), "inet6 2001:db8::1/64 scope global nodad home"},
		{with("2001:db8::1/64", func(a *keepalived.Address) { a.MngTmpAddr = true }), "inet6 2001:db8::1/64 scope global nodad mngtmpaddr"},
		{with("2001:db8::1/128", func(a *keepalived.Address) { a.PreferredLft = 0 }), "inet6 2001:db8::1/128 scope global nodad deprecated"},
		{with("2001:db8::1/128", func(a *keepalived.Address) { a.Peer = netip.MustParsePrefix("2001:db8::2/128") }), "inet6 2001:db8::1 peer 2001:db8::2/128 scope global nodad"},
	} {
		h := c.Hold(0)
		apply(t, h, []keepalived.Address{tc.a})
		if got := shown(s, tc.a.Addr()); got != tc.want {
			t.Errorf("%v: ip shows %q, want %q", tc.a, got, tc.want)
		}
		if a, _ := find(t, c, tc.a.Addr().String()); !a.Tagged() || !a.Permanent() {
			t.Errorf("%v: %+v, want our mark and no end", tc.a, a)
		}
		if err := h.Remove(); err != nil {
			t.Fatal(err)
		}
		if got := shown(s, tc.a.Addr()); got != "" {
			t.Errorf("%v: ip shows %q after removal", tc.a, got)
		}
	}
}

// shown returns what ip(8) shows of an address up to its lifetime.
func shown(s *netnstest.Space, a netip.Addr) string {
	for line := range strings.Lines(s.IP("-d", "-o", "address", "show", "dev", "eth0")) {
		_, line, _ = strings.Cut(line, "eth0 ")
		line, _, _ = strings.Cut(line, "\\")
		line = strings.Replace(line, " proto 112", "", 1) // only newer ones show it
		line = strings.Replace(line, " tentative", "", 1) // while duplicates are looked for
		words := strings.Fields(line)
		if len(words) > 1 && (words[1] == a.String() || strings.HasPrefix(words[1], a.String()+"/")) {
			return strings.Join(words, " ")
		}
	}
	return ""
}

func TestAddressGoesSoonAfterTheLastRefresh(t *testing.T) {
	t.Parallel()
	_, c := node(t)
	h := c.Hold(2 * time.Second)
	apply(t, h, vips("192.0.2.1/24", "2001:db8::1/64"))
	for range 3 {
		time.Sleep(500 * time.Millisecond)
		if err := h.Refresh(Now() + time.Second); err != nil {
			t.Fatal(err)
		}
	}
	last := Now()
	for _, addr := range []string{"192.0.2.1", "2001:db8::1"} {
		if a, ok := find(t, c, addr); !ok || a.Permanent() || a.Valid > 2 || !a.Tagged() {
			t.Errorf("%s after three refreshes: %+v, there: %v", addr, a, ok)
		}
	}
	time.Sleep(1900 * time.Millisecond)
	for _, addr := range []string{"192.0.2.1", "2001:db8::1"} {
		if here, after := present(t, c, addr), Now()-last; !here && after < 2*time.Second {
			t.Errorf("%s was gone %v after the last refresh, before its lifetime", addr, after)
		}
	}
	netnstest.Eventually(t, 600*time.Millisecond, "both addresses gone 2.5 s after the last refresh", func() bool {
		return !present(t, c, "192.0.2.1") && !present(t, c, "2001:db8::1")
	})
	t.Logf("gone %v after the last refresh", (Now() - last).Round(time.Millisecond))
	if err := h.Refresh(Now() + time.Second); !errors.Is(err, ErrLate) {
		t.Errorf("refresh after the end: %v, want ErrLate", err)
	}
	if present(t, c, "192.0.2.1") || present(t, c, "2001:db8::1") {
		t.Error("a late refresh brought an address back from the dead")
	}
}

func TestRefreshIsNotDoneAfterItsTime(t *testing.T) {
	_, c := node(t)
	h := c.Hold(2 * time.Second)
	apply(t, h, vips("192.0.2.1/24"))
	if err := h.Refresh(Now() - time.Millisecond); !errors.Is(err, ErrLate) {
		t.Errorf("got %v, want ErrLate", err)
	}
	if present(t, c, "192.0.2.1") || len(h.Held()) != 0 {
		t.Error("the address is still here: the deadline said that another node may have it")
	}
}

// A process may be stopped between its look at the clock and the call.
func TestRefreshThatComesLateAllTheSameIsTakenBack(t *testing.T) {
	_, c := node(t)
	h := c.Hold(2 * time.Second)
	apply(t, h, vips("192.0.2.1/24", "2001:db8::1/64"))
	deadline, looks := Now()+time.Second, 0
	h.now = func() time.Duration {
		if looks++; looks <= 2 { // when it begins, and just before the call
			return deadline - 1
		}
		return deadline
	}
	if err := h.Refresh(deadline); !errors.Is(err, ErrLate) {
		t.Errorf("got %v, want ErrLate", err)
	}
	if looks < 3 || present(t, c, "192.0.2.1") || present(t, c, "2001:db8::1") || len(h.Held()) != 0 {
		t.Errorf("after %d looks at the clock the addresses are here, back from the dead", looks)
	}
}

func TestPermanentAddressIsNeverTouched(t *testing.T) {
	s, c := node(t)
	for _, p := range []string{"192.0.2.1/24", "2001:db8::1/64"} {
		s.IP("address", "add", p, "dev", "eth0")
	}
	h := c.Hold(2 * time.Second)
	res := apply(t, h, vips("192.0.2.1/24", "2001:db8::1/64", "192.0.2.9/24"))
	if got := len(res.Kept); got != 2 {
		t.Errorf("kept %v, want the two permanent ones", res.Kept)
	}
	if err := h.Refresh(Now() + time.Second); err != nil {
		t.Fatal(err)
	}
	apply(t, h, vips("192.0.2.1/24", "2001:db8::1/64", "192.0.2.9/24"))
	if err := h.Remove(); err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"192.0.2.1", "2001:db8::1"} {
		if a, ok := find(t, c, addr); !ok || !a.Permanent() || a.Tagged() {
			t.Errorf("%s: %+v, there: %v; want it as it was", addr, a, ok)
		}
	}
	if present(t, c, "192.0.2.9") {
		t.Error("our own address is still here")
	}
}

func TestAddressThatSomebodyTookOverIsNotGivenALifetime(t *testing.T) {
	s, c := node(t)
	h := c.Hold(2 * time.Second)
	apply(t, h, vips("192.0.2.1/24", "192.0.2.2/24"))
	s.IP("address", "del", "192.0.2.1/24", "dev", "eth0")
	s.IP("address", "add", "192.0.2.1/24", "dev", "eth0")
	index, err := c.Index("eth0")
	if err != nil {
		t.Fatal(err)
	}
	if !h.Lost(index, netip.MustParseAddr("192.0.2.1")) || h.Lost(index, netip.MustParseAddr("192.0.2.1")) {
		t.Error("Lost: want true once, then false")
	}
	if err := h.Refresh(Now() + time.Second); err != nil {
		t.Fatal(err)
	}
	if a, _ := find(t, c, "192.0.2.1"); !a.Permanent() {
		t.Errorf("the administrator's address has got a lifetime: %+v", a)
	}
}

// The kernel tells of the removal when the address is back already: with
// another label after a reload, or held again.
func TestNewsOfOurOwnRemovalIsNoLoss(t *testing.T) {
	_, c := node(t)
	h := c.Hold(2 * time.Second)
	a := vip("192.0.2.1/24")
	apply(t, h, []keepalived.Address{a, vip("2001:db8::1/64")})
	a.Label = "eth0:new"
	apply(t, h, []keepalived.Address{a, vip("2001:db8::1/64")})
	index, err := c.Index("eth0")
	if err != nil {
		t.Fatal(err)
	}
	if h.Lost(index, a.Addr()) || len(h.Held()) != 2 {
		t.Errorf("taken for lost; holds %v", h.Held())
	}
	if gone, err := h.Check(); err != nil || len(gone) != 0 {
		t.Errorf("Check: %v, %v; want nothing", gone, err)
	}
}

func TestCheckFindsWhatIsGone(t *testing.T) {
	s, c := node(t)
	h := c.Hold(2 * time.Second)
	apply(t, h, vips("192.0.2.1/24", "192.0.2.2/24", "2001:db8::1/64"))
	s.IP("address", "del", "192.0.2.2/24", "dev", "eth0")
	s.IP("address", "del", "2001:db8::1/64", "dev", "eth0")
	index, err := c.Index("eth0")
	if err != nil {
		t.Fatal(err)
	}
	if !h.Lost(index, netip.MustParseAddr("192.0.2.2")) {
		t.Error("192.0.2.2 is not lost")
	}
	gone, err := h.Check() // the other one has not been told of
	if got := fmt.Sprint(gone, h.Held()); err != nil || got != "[2001:db8::1] [192.0.2.1/24]" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestLeftOversAreTakenOver(t *testing.T) {
	s, c := node(t)
	dead := open(t, s).Hold(0) // a vipd that is gone, and put its mark on a permanent address
	apply(t, dead, vips("192.0.2.1/24"))
	s.IP("address", "add", "192.0.2.2/24", "dev", "eth0", "valid_lft", "100", "preferred_lft", "100")
	h := c.Hold(2 * time.Second)
	res := apply(t, h, vips("192.0.2.1/24", "192.0.2.2/24"))
	if len(res.Kept) != 0 || len(res.Added) != 2 {
		t.Errorf("%+v, want both added", res)
	}
	for _, addr := range []string{"192.0.2.1", "192.0.2.2"} {
		if a, _ := find(t, c, addr); a.Permanent() || a.Valid > 2 || !a.Tagged() {
			t.Errorf("%s: %+v, want our mark and two seconds", addr, a)
		}
	}
}

func TestApplyFollowsWhatIsWanted(t *testing.T) {
	s, c := node(t)
	h := c.Hold(2 * time.Second)
	apply(t, h, vips("192.0.2.1/24", "192.0.2.2/24"))
	relabelled := vip("192.0.2.3/24")
	relabelled.Label = "eth0:x"
	res := apply(t, h, append(vips("192.0.2.2/24"), relabelled))
	if got, want := res.Removed, []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}; !slices.Equal(got, want) {
		t.Errorf("removed %v, want %v", got, want)
	}
	if got, want := res.Added, []netip.Prefix{netip.MustParsePrefix("192.0.2.3/24")}; !slices.Equal(got, want) {
		t.Errorf("added %v, want %v", got, want)
	}
	relabelled.Label = "eth0:y"
	relabelled.Pos.Line = 7 // a place in the file is no difference
	apply(t, h, append(vips("192.0.2.2/24"), relabelled))
	if got := shown(s, relabelled.Addr()); !strings.HasSuffix(got, "eth0:y") {
		t.Errorf("a changed label: ip shows %q", got)
	}
	if got := len(h.Held()); got != 2 {
		t.Errorf("holds %v", h.Held())
	}
}

func TestOneBadAddressDoesNotStopTheOthers(t *testing.T) {
	_, c := node(t)
	other := vip("192.0.2.3/24")
	other.Dev = "eth9"
	h := c.Hold(2 * time.Second)
	_, err := h.Apply([]keepalived.Address{vip("192.0.2.1/24"), other, vip("ff02::1/64"), vip("192.0.2.2/24")})
	var op *OpError
	if !errors.As(err, &op) || !errors.Is(err, ErrNoInterface) {
		t.Errorf("error %v, want an OpError for eth9", err)
	}
	if !strings.Contains(err.Error(), "ff02::1/64 dev eth0") || !strings.Contains(err.Error(), "192.0.2.3/24 dev eth9") {
		t.Errorf("error %q names not what failed", err)
	}
	if got := len(h.Held()); got != 2 || !present(t, c, "192.0.2.1") || !present(t, c, "192.0.2.2") {
		t.Errorf("holds %v, want the two good ones", h.Held())
	}
}

func TestInterfaceThatIsGoneIsToldAtRefresh(t *testing.T) {
	s, c := node(t)
	h := c.Hold(2 * time.Second)
	apply(t, h, vips("192.0.2.1/24"))
	s.IP("link", "del", "eth0")
	if err := h.Refresh(Now() + time.Second); err == nil {
		t.Error("no error although the interface is gone")
	}
	if err := h.Remove(); err != nil {
		t.Errorf("remove: %v; that it is gone is what was wanted", err)
	}
}

func TestSecondariesSurviveTheirPrimary(t *testing.T) {
	s, c := node(t)
	if err := c.SetPromoteSecondaries("eth0", true); err != nil {
		t.Fatal(err)
	}
	if got := s.Sysctl("ipv4/conf/eth0/promote_secondaries"); got != "1" {
		t.Errorf("promote_secondaries is %s", got)
	}
	if on, err := c.PromoteSecondaries("eth0"); !on || err != nil {
		t.Errorf("read back %v, %v", on, err)
	}
	h := c.Hold(2 * time.Second)
	apply(t, h, vips("192.0.2.1/24"))
	s.IP("address", "add", "192.0.2.50/24", "dev", "eth0")
	if err := h.Remove(); err != nil {
		t.Fatal(err)
	}
	if !present(t, c, "192.0.2.50") {
		t.Error("the node's own address went with the VIP")
	}
	if err := c.SetPromoteSecondaries("eth0", false); err != nil || s.Sysctl("ipv4/conf/eth0/promote_secondaries") != "0" {
		t.Errorf("cannot be taken back: %v", err)
	}
	if err := c.SetPromoteSecondaries("eth9", true); !errors.Is(err, ErrNoInterface) {
		t.Errorf("eth9: %v", err)
	}
}

func TestManyAddressesInOneGo(t *testing.T) {
	_, c := node(t)
	want := many(300)
	h := c.Hold(2 * time.Second)
	res := apply(t, h, want)
	if len(res.Added) != len(want) {
		t.Fatalf("added %d of %d", len(res.Added), len(want))
	}
	if err := h.Refresh(Now() + time.Second); err != nil {
		t.Fatal(err)
	}
	all, err := c.Addresses()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, a := range all {
		if a.Tagged() && !a.Permanent() {
			n++
		}
	}
	if n != len(want) {
		t.Errorf("the kernel has %d of %d", n, len(want))
	}
	// All fail: each has an answer, and none is lost.
	broken := many(300)
	for i := range broken {
		broken[i].Prefix = netip.PrefixFrom(netip.MustParseAddr("127.0.0.1"), 33-1)
		broken[i].Dev = "eth0"
		broken[i].Label = strings.Repeat("x", 40)
	}
	_, err = c.Hold(time.Second).Apply(broken)
	if got := strings.Count(err.Error(), "add 127.0.0.1/32"); got != len(broken) {
		t.Errorf("%d errors for %d refused addresses", got, len(broken))
	}
}

// many returns n addresses, every fourth of IPv6.
func many(n int) []keepalived.Address {
	v4, v6 := netip.MustParseAddr("198.18.0.0"), netip.MustParseAddr("2001:db8::")
	var out []keepalived.Address
	for i := range n {
		v4, v6 = v4.Next(), v6.Next()
		p := netip.PrefixFrom(v4, 32)
		if i%4 == 3 {
			p = netip.PrefixFrom(v6, 128)
		}
		out = append(out, vip(p.String()))
	}
	return out
}
