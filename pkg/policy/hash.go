package policy

import (
	"math"
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// Clients are told apart by their network, never by their address: a /24 of
// IPv4, a /56 of IPv6. What one network gets, its resolver may keep for all of
// it.
const (
	block4 = 24
	block6 = 56
)

// What is hashed before a name, to tell its uses apart.
const (
	forGate    = "gate\x00"
	forTrickle = "trickle\x00"
	forSticky  = ""
)

// appendBlock appends the address of the client's network: 4 or 16 octets, the
// host bits 0. A client without an address has none.
func appendBlock(b []byte, client netip.Addr) []byte {
	client = client.Unmap()
	switch {
	case client.Is4():
		a := client.As4()
		return append(b, a[0], a[1], a[2], 0)
	case client.Is6():
		a := client.As16()
		clear(a[block6/8:])
		return append(b, a[:]...)
	}
	return b
}

// blockBits is the length of the client's network, as Choice.Scope counts.
func blockBits(client netip.Addr) uint8 {
	switch {
	case client.Is4():
		return block4
	case client.Is4In6():
		return 96 + block4
	case client.Is6():
		return block6
	}
	return 0
}

// hash returns SipHash-2-4 with the zero key of what the hash is for, a name, a
// zero octet and the client's network.
func (w *walk) hash(use, name string) uint64 {
	in := append(append(w.out.hashIn[:0], use...), name...)
	w.out.hashIn = appendBlock(append(in, 0), w.in.Client)
	return dnswire.SipHash([16]byte{}, w.out.hashIn)
}

// place16 is the place of the client in a gate, of 65536: it is within when
// that is below the gate's share. So a gate that opens lets the same clients
// in first, and one that closes loses the same clients last.
func (w *walk) place16(use, name string) uint32 { return uint32(w.hash(use, name) >> 48) }

// stickyCost orders the targets of a sticky policy for a client: the one with
// the least is taken. It is -ln(u)/weight, where the draft of rendezvous
// hashing with weights takes the largest weight/-ln(u); so a hash whose u is 1
// after rounding needs no care.
func stickyCost(hash uint64, weight uint32) float64 {
	u := (float64(hash) + 0.5) / (1 << 64)
	return -math.Log(u) / float64(weight)
}
