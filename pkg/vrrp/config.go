package vrrp

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"time"
)

// Times that are part of the behaviour, see the fields and methods that use them.
const (
	// AddressLifetime is how long the kernel keeps an address of ours without
	// being told again: a process that is killed or hangs cannot keep it.
	AddressLifetime = 2 * time.Second
	// RefreshInterval is how often a Master tells the kernel again.
	RefreshInterval = 500 * time.Millisecond
	// HelloInterval is how often a Backup greets.
	HelloInterval = time.Second
	// HelloLifetime is how long a hello counts.
	HelloLifetime = 3500 * time.Millisecond
	// AutoAnnounceInterval is how often a Master announces itself while some
	// peer is not known to be vipd.
	AutoAnnounceInterval = 2 * time.Second
	// RenotifyInterval is the least time between two runs of the master hook
	// in one mastership.
	RenotifyInterval = 30 * time.Second
)

// Config is all that one virtual router is told. It is never changed once a
// Router has it; a reload brings a new one.
type Config struct {
	Rules // who we are, and who is believed

	Name     string        // instance, for messages
	Interval time.Duration // between advertisements; see [WireInterval]
	Priority uint8         // 1 to 255; 255 owns the addresses
	VIPs     []netip.Addr  // that stand in advertisements
	// Addresses changes whenever any address, route or rule that the instance
	// brings up changes, those outside VIPs too: the caller's digest. A reload
	// that changes it announces.
	Addresses uint64

	NoPreempt    bool          // a Master of lower priority is left in place
	PreemptDelay time.Duration // after start or first seeing a lower Master
	StartupDelay time.Duration // in INIT after the start
	DownAdverts  int           // 0: [DefaultDownAdverts]
	// OthersBest is the highest priority of other nodes; a Master that was silent
	// for as long as such a node waits becomes Backup (timer_expired_backup). 0:
	// it goes by what it has received meanwhile.
	OthersBest uint8

	// Announce is how many gratuitous ARPs or NAs make one announcement
	// (garp_master_repeat); 0: none. AnnounceDelay later they are repeated
	// (garp_master_delay); 0: not.
	Announce      int
	AnnounceDelay time.Duration
	// AnnounceEvery repeats one announcement while Master (garp_master_refresh).
	// 0: every 2 s while a peer is not known to be vipd, since keepalived gives
	// way without a packet. Negative: never.
	AnnounceEvery       time.Duration
	AnnounceEveryRepeat int // packets in it; 0: 1
	// AnnounceLower is like Announce, when another Master of lower priority was
	// heard (garp_lower_prio_repeat); AnnounceLowerDelay the second time.
	AnnounceLower      int
	AnnounceLowerDelay time.Duration
	// NoLowerAdvert does not answer a lower Master by an advertisement
	// (vrrp_lower_prio_no_advert).
	NoLowerAdvert bool

	Trackers []Tracker
	Grouped  bool // member of a sync group: becomes Master by order only
}

// SameRouter reports whether d describes the same virtual router with the same
// sockets as c, so that [Reload] can carry it over.
func (c *Config) SameRouter(d *Config) bool {
	return c.Version == d.Version && c.VRID == d.VRID && c.Local == d.Local &&
		c.Unicast == d.Unicast && c.Grouped == d.Grouped
}

// Check returns an error if c breaks what Step relies on. It finds a caller's
// mistake; the operator's are found where the file is read.
func (c *Config) Check() error {
	switch {
	case c.Version != V2 && c.Version != V3:
		return fmt.Errorf("version %d: must be 2 or 3", c.Version)
	case c.VRID == 0:
		return fmt.Errorf("virtual router id 0: must be 1 to 255")
	case c.Priority == 0:
		return fmt.Errorf("priority 0: must be 1 to 255")
	case !c.Local.IsValid() || c.Local != bare(c.Local):
		return fmt.Errorf("local address %v: must be an address without zone", c.Local)
	case c.Version == V2 && c.Local.Is6():
		return fmt.Errorf("version 2 over IPv6: must be version 3")
	case c.Interval != WireInterval(c.Version, c.Interval):
		return fmt.Errorf("interval %v: must be %v", c.Interval, WireInterval(c.Version, c.Interval))
	}
	if err := c.HMAC.check(); err != nil {
		return fmt.Errorf("auth_hmac: %w", err)
	}
	for _, p := range c.Peers {
		if p.Addr != bare(p.Addr) || p.Addr.Is4() != c.Local.Is4() {
			return fmt.Errorf("peer %v: must be an address of %v's family without zone", p.Addr, c.Local)
		}
	}
	return nil
}

// Digest returns a number that is the same on nodes that fit together:
// version, VRID, interval, authentication type and the set of addresses.
func (c *Config) Digest() uint64 {
	h := fnv.New64a()
	h.Write([]byte{c.Version, c.VRID, byte(c.Auth)})
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(c.Interval)))
	for _, vip := range sortedAddrs(c.VIPs) {
		raw := vip.As16()
		h.Write(raw[:])
	}
	return h.Sum64()
}

// downAdverts returns how many intervals of silence make a Master down.
func (c *Config) downAdverts() int { return cmp.Or(c.DownAdverts, DefaultDownAdverts) }

// group returns where a multicast instance sends to.
func (c *Config) group() netip.Addr {
	if c.Local.Is4() {
		return GroupV4
	}
	return GroupV6
}

// latest returns how late a wake-up may be before what it would do must be
// thought over: three advertisements, or the life of an address.
func (c *Config) latest() time.Duration {
	return min(DefaultDownAdverts*c.Interval, AddressLifetime)
}

// trackerIndex returns where a tracked thing stands, -1 if it does not.
func (c *Config) trackerIndex(kind, name string) int {
	return slices.IndexFunc(c.Trackers, func(t Tracker) bool { return t.Kind == kind && t.Name == name })
}

func sortedAddrs(addrs []netip.Addr) []netip.Addr {
	sorted := slices.Clone(addrs)
	slices.SortFunc(sorted, netip.Addr.Compare)
	return slices.Compact(sorted)
}
