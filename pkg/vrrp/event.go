package vrrp

import (
	"net/netip"
	"time"
)

// Event is something that happened to a Router: one of the types below. The At
// of each is when it is delivered, since boot (CLOCK_BOOTTIME); it never goes
// back from one Step to the next.
type Event interface{ when() time.Duration }

// Start begins the life of a Router.
type Start struct{ At time.Duration }

// Stop ends it: a Master hands over, and nothing is set or sent afterwards.
type Stop struct {
	At      time.Duration
	Deleted bool // gone from the configuration, not the end of the process
}

// Wake says that the time of the last [SetTimer] has come, however long ago.
type Wake struct{ At time.Duration }

// QueueDrained says that all packets that were waiting at [DrainQueue] have
// been delivered.
type QueueDrained struct{ At time.Duration }

// AdvertReceived is an advertisement that [ParseAdvert] accepted.
type AdvertReceived struct {
	At     time.Duration
	From   netip.Addr
	Advert Advert
	Age    time.Duration // how long it had waited in the receive queue
	Wall   time.Duration // since 1970; only where the advertisement is signed
}

// PacketRefused is a packet that [ParseAdvert] or [ParseMessage] refused. Only
// reasons that are a [DropReason.Misfit] need to be delivered.
type PacketRefused struct {
	At       time.Duration
	From     netip.Addr
	Reason   DropReason
	Priority uint8 // as far as it could be read
}

// SendFailed says that an advertisement could not be sent.
type SendFailed struct {
	At  time.Duration
	To  netip.Addr
	Err string
}

// Track is news of a tracked thing: Kind and Name as in [Tracker].
type Track struct {
	At         time.Duration
	Kind, Name string
	Up         bool
	Value      int    // trackers with PerValue
	Text       string // what was found, for the cause: "exit status 1"; may be empty
}

// Link says whether the interface can be used at all: it exists, is up, has
// carrier and our source address.
type Link struct {
	At  time.Duration
	Up  bool
	Why string // if not: "eth1 has no carrier"
}

// AddressLost says that one of our addresses vanished without our doing.
type AddressLost struct {
	At   time.Duration
	Addr netip.Addr
}

// AddressDuplicate says that another node on the link has one of our IPv6
// addresses: duplicate address detection (RFC 4862, Section 5.4) failed. The
// caller has taken the address away again: the kernel never uses one of which
// that is known.
type AddressDuplicate struct {
	At   time.Duration
	Addr netip.Addr
}

// RefreshMissed says that [RefreshAddresses] was not done, since its time had
// gone by.
type RefreshMissed struct{ At time.Duration }

// Reload brings a new configuration for the same virtual router, see
// [Config.SameRouter].
type Reload struct {
	At     time.Duration
	Config *Config
}

// Drain hands the addresses over and keeps the instance out, or lets it back
// in. It is answered by [Reply].
type Drain struct {
	At time.Duration
	On bool
	// Force goes ahead although no successor is known.
	Force bool
	// LastResort lets a drained instance take over, at priority 1, when nobody
	// else does.
	LastResort bool
}

// HelloReceived is a message of kind [KindHello] or [KindGoodbye].
type HelloReceived struct {
	At      time.Duration
	From    netip.Addr
	Message Message
	Age     time.Duration // how long it had waited in the receive queue
	Wall    time.Duration // since 1970; only where the message is signed
}

// HandoverReceived is a message of kind [KindHandover].
type HandoverReceived struct {
	At      time.Duration
	From    netip.Addr
	Message Message
	Age     time.Duration // how long it had waited in the receive queue
	Wall    time.Duration // since 1970; only where the message is signed
}

// GroupOrder is an order of the sync group, see [Group.Step].
type GroupOrder struct {
	At    time.Duration
	Order Order
}

func (e Start) when() time.Duration            { return e.At }
func (e Stop) when() time.Duration             { return e.At }
func (e Wake) when() time.Duration             { return e.At }
func (e QueueDrained) when() time.Duration     { return e.At }
func (e AdvertReceived) when() time.Duration   { return e.At }
func (e PacketRefused) when() time.Duration    { return e.At }
func (e SendFailed) when() time.Duration       { return e.At }
func (e Track) when() time.Duration            { return e.At }
func (e Link) when() time.Duration             { return e.At }
func (e AddressLost) when() time.Duration      { return e.At }
func (e AddressDuplicate) when() time.Duration { return e.At }
func (e RefreshMissed) when() time.Duration    { return e.At }
func (e Reload) when() time.Duration           { return e.At }
func (e Drain) when() time.Duration            { return e.At }
func (e HelloReceived) when() time.Duration    { return e.At }
func (e HandoverReceived) when() time.Duration { return e.At }
func (e GroupOrder) when() time.Duration       { return e.At }
