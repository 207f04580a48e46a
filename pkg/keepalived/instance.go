package keepalived

import (
	"net/netip"
	"time"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// State is the state in which an instance starts.
type State uint8

const (
	Backup State = iota // the default
	Master              // clears nopreempt and preempt_delay; who is master is decided by priority
)

// String returns the word of the file: BACKUP or MASTER.
func (s State) String() string {
	if s == Master {
		return "MASTER"
	}
	return "BACKUP"
}

// Owner is the priority of the router whose own address the VIP is
// (RFC 9568, Section 6.1). It is never changed by what is tracked.
const Owner = 255

// Instance is a vrrp_instance with every default and repair applied.
type Instance struct {
	Name string
	Pos  diag.Pos // of the block's name

	State     State
	Interface string // "" only with unicast peers and SrcAddr
	VRF       string
	IPv6      bool  // family of the adverts: that of the first address named
	Version   uint8 // 2 or 3; 3 for IPv6
	VRID      uint8 // 1 to 255
	Priority  uint8 // 1 to 255, before anything tracked

	// AdvertInterval is in whole seconds for version 2 and a multiple of
	// 10 ms, at most 40.95 s, for version 3.
	AdvertInterval   time.Duration
	DownTimerAdverts int // adverts that may be missed, default 3
	NoPreempt        bool
	PreemptDelay     time.Duration
	// TimerExpiredBackup gives up the mastership where this node was silent for
	// as long as a node of this priority waits for a master; 0: it asks what it
	// has received meanwhile.
	TimerExpiredBackup uint8

	SrcAddr      netip.Addr // unicast_src_ip or mcast_src_ip; invalid: the interface's first address
	TrackSrcAddr bool       // FAULT while SrcAddr is not here
	McastGroup   netip.Addr // where adverts go, unless Unicast

	Unicast         bool // adverts go to Peers, one by one
	Peers           []Peer
	UnicastTTL      uint8 // default 255
	CheckUnicastSrc bool  // believe only Peers; default true
	FaultNoPeer     bool  // unicast_fault_no_peer: FAULT when Peers is empty

	OldChecksum    OldChecksum
	V3ChecksumAsV2 bool // send version 3 over IPv4 without pseudo-header

	Auth Auth

	VIPs        []Address // in the adverts
	Excluded    []Address // kept like VIPs, not in the adverts
	NoVIPs      bool      // no_virtual_ipaddress
	Routes      []Route
	Rules       []Rule
	FloatingIPs []FloatingIP

	Track            Tracks
	DontTrackPrimary bool
	SyncGroup        string // name of the vrrp_sync_group it is in, or ""

	Accept             bool // packets to the VIPs are taken although not the owner; default true
	PromoteSecondaries bool
	SkipCheckAdvAddr   bool
	Strict             bool
	LowerPrioNoAdvert  bool
	HigherPrioAdvert   bool
	NotifyPriority     bool
	KernelRxBuf        int // bytes, 0: the system's

	Garp   Garp
	Notify Notify

	familyBy string              // the keyword that settled IPv6, "" if none has yet
	set      map[string]diag.Pos // keywords that were given, for defaults and repairs
}

// settleFamily takes the family of the first address that an instance names,
// in the order of its lines; keepalived leaves out what is of the other.
func (v *Instance) settleFamily(a netip.Addr, keyword string) {
	if v.familyBy == "" {
		v.familyBy, v.IPv6 = keyword, a.Is6()
	}
}

// given returns where a keyword was given.
func (v *Instance) given(keyword string) (diag.Pos, bool) {
	p, ok := v.set[keyword]
	return p, ok
}

// at returns where a keyword was given, or the place of the instance.
func (v *Instance) at(keyword string) diag.Pos {
	if p, ok := v.set[keyword]; ok {
		return p
	}
	return v.Pos
}

// Skew returns the Skew_Time of a priority: for version 2 (256-prio)/256
// seconds whatever the interval (RFC 3768, Section 6.1), for version 3 that
// share of the interval (RFC 9568, Section 6.1).
func (v *Instance) Skew(priority uint8) time.Duration {
	unit := time.Second
	if v.Version == 3 {
		unit = v.AdvertInterval
	}
	return time.Duration(256-int(priority)) * unit / 256
}

// MasterDown returns how long a BACKUP of this priority waits in silence
// before it takes over.
func (v *Instance) MasterDown(priority uint8) time.Duration {
	return time.Duration(v.DownTimerAdverts)*v.AdvertInterval + v.Skew(priority)
}

// Peer is a node that adverts are sent to and believed from.
type Peer struct {
	Addr   netip.Addr
	MinTTL int // -1: not given
	MaxTTL int // -1: not given
	Pos    diag.Pos
}

// OldChecksum is the value of old_unicast_checksum.
type OldChecksum uint8

const (
	OldChecksumAuto  OldChecksum = iota // follow what each peer sends
	OldChecksumForce                    // always send the form of keepalived before 1.3.7
	OldChecksumNever                    // never that form
)

// AuthType is the kind of authentication of version 2.
type AuthType uint8

const (
	AuthNone AuthType = iota
	AuthPass          // a password in clear
)

// String returns the word of the file.
func (a AuthType) String() string {
	if a == AuthPass {
		return "PASS"
	}
	return "none"
}

// Auth is how adverts are authenticated.
type Auth struct {
	Type AuthType
	Pass Secret // at most 8 bytes
	HMAC *HMAC  // nil without auth_hmac
}

// Garp says how often addresses are announced (gratuitous ARP for IPv4,
// unsolicited neighbour advertisement for IPv6).
type Garp struct {
	MasterDelay     time.Duration // second round after becoming MASTER, default 5 s; 0: none
	MasterRepeat    int           // packets a round, default 5
	LowerPrioDelay  time.Duration // second round after a lower advert, default MasterDelay
	LowerPrioRepeat int           // default MasterRepeat
	Refresh         time.Duration // again and again while MASTER; 0: never
	RefreshSet      bool          // garp_master_refresh was given, even as 0
	RefreshRepeat   int           // default 1
}

// Notify holds the commands to run on a change of state; nil is none.
type Notify struct {
	Master, Backup, Fault, Stop *Command
	Deleted                     *Command
	DeletedSet                  bool     // say DELETED instead of FAULT after a reload removed it
	Any                         *Command // notify: gets four more arguments
	MasterRxLower               *Command // notify_master_rx_lower_pri
}

// FloatingIP is a floating_ip block: an address of a cloud that is to be
// here while the instance is MASTER.
type FloatingIP struct {
	Provider    string // digitalocean or exec
	Address     netip.Addr
	TokenFile   string
	DropletID   string        // "" asks the metadata service
	Interval    time.Duration // default 5 s
	Timeout     time.Duration // default 10 s
	APIURL      string        // "" is the provider's
	MetadataURL string
	Observe     *Command // exec: exit 0 here, 1 elsewhere, other unknown
	Claim       *Command
	Confirm     *Command // may be nil
	Pos         diag.Pos

	refused bool // a command cannot be run, which has been told
}

// SyncGroup is a vrrp_sync_group: instances that change state together.
type SyncGroup struct {
	Name           string
	Members        []string
	Track          Tracks
	TrackingWeight bool // sync_group_tracking_weight: weights of members count
	NotifyPriority bool
	Notify         Notify
	Pos            diag.Pos

	memberPos []diag.Pos
}
