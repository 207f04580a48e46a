package keepalived

import (
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// Table is a routing table by number, or by a name that only the machine
// knows (/etc/iproute2/rt_tables).
type Table struct {
	ID   uint32 // valid if Name is ""; 0: not given (main)
	Name string
}

// RouteType is the kind of a route, numbered as RTN_… of the kernel.
type RouteType uint8

const (
	Unicast     RouteType = 1
	Local       RouteType = 2
	Broadcasts  RouteType = 3
	Anycast     RouteType = 4
	Multicast   RouteType = 5
	Blackhole   RouteType = 6
	Unreachable RouteType = 7
	Prohibit    RouteType = 8
	Throw       RouteType = 9
	NAT         RouteType = 10
	XResolve    RouteType = 11
)

// Route is a route with the options of `ip route add`.
type Route struct {
	Type     RouteType
	IPv6     bool
	Dst      netip.Prefix // masked
	From     netip.Prefix // invalid: none
	Src      netip.Addr   // preferred source; invalid: none
	Hop      NextHop      // the only next hop, if NextHops is empty
	NextHops []NextHop
	Table    Table
	Scope    uint8
	ScopeSet bool
	Protocol uint8 // default 18, RTPROT_KEEPALIVED
	TOS      uint8
	Metric   uint32
	Append   bool
	NoTrack  bool
	// TrackGroup is for static routes only.
	TrackGroup string
	Expires    uint32 // seconds, 0: never
	Pref       string // low, medium, high or ""
	Metrics    RouteMetrics
	Pos        diag.Pos
}

// NextHop is one way out.
type NextHop struct {
	Via    netip.Addr // invalid: on the link
	Dev    string
	Weight int // 1 to 256; 0: not given
	OnLink bool
}

// RouteMetrics are the RTAX_… values; 0 is not given.
type RouteMetrics struct {
	MTU, Window, RTT, RTTVar, SSThresh, CWnd, AdvMSS uint32
	Reordering, HopLimit, InitCwnd, RTOMin, InitRwnd uint32
	QuickAck                                         uint32
	FastOpenNoCookie                                 bool
	Features                                         []string
	CongCtl                                          string
	Lock                                             []string // names of the values that are locked
	Realms                                           string
}

// Rule is a policy rule with the options of `ip rule add`.
type Rule struct {
	IPv6       bool
	Not        bool
	From, To   netip.Prefix // invalid: any
	IIF, OIF   string
	TOS        uint8
	FwMark     uint32
	FwMask     uint32
	HasFwMark  bool
	Table      Table
	Action     string // "" (look the table up), goto, blackhole, unreachable, prohibit, nop
	Goto       uint32
	Preference uint32 // 0: not given, one is chosen
	Realms     string
	// SuppressPrefixLength and SuppressGroup are -1 if not given.
	SuppressPrefixLength int
	SuppressGroup        int
	TunID                uint64
	UIDs                 *Range
	IPProto              uint8
	Sport, Dport         *Range
	L3MDev               bool
	Protocol             uint8
	NoTrack              bool
	TrackGroup           string
	Pos                  diag.Pos
}

// Range is an inclusive range.
type Range struct{ First, Last uint32 }
