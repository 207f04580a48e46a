// Package rrl owns response rate limiting: it decides whether one more answer may
// go to a block of addresses that can be forged. Whoever sends queries in the name
// of a victim gets the victim as many answers of a kind as the rate allows, and no
// more; a real client among them is told, by a truncated answer now and then, to
// come over TCP.
//
// It is pure: time comes in, a [Verdict] goes out. It does not know messages or
// sockets. The entry points are [New] and [Limiter.Decide].
package rrl

import (
	"encoding/binary"
	"net/netip"
	"sync/atomic"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// Class is the kind of an answer. Answers of one class and subject are counted
// together (BIND's design): see [Answer].
type Class uint8

// Classes of answers, with the subject by which those of a block are counted.
const (
	Positive Class = iota // the name, or the wildcard that it came from, and the type
	NoData                // the name, whatever type was asked for
	NXDomain              // the zone: the names are whatever the sender makes up
	Referral              // the name of the zone cut
	Error                 // nothing: all errors to a block are one kind
)

// Blocks of clients that are counted as one, in bits of the prefix: forging
// another address of the same network is no way round.
const (
	Block4 = 24
	Block6 = 56
)

// Bounds of [Config], which keep a balance within its 24 bits.
const (
	MaxRate   = 100_000
	MaxWindow = 60
)

// Config says how much is too much.
type Config struct {
	Rate   int            // answers of a kind a second to a block, 1 to MaxRate
	Window int            // seconds of excess that are remembered, 1 to MaxWindow
	Slip   int            // of so many answers left out one is sent truncated; 0: none
	Exempt []netip.Prefix // never limited
}

// Answer is what is about to be sent.
type Answer struct {
	To      netip.Addr
	Class   Class
	Subject []byte // a name in wire form and lower case, as the class says; may be nil
	Type    uint16 // of Positive
}

// Verdict says what is to be done with an answer.
type Verdict uint8

// Verdicts.
const (
	Send Verdict = iota
	Slip         // send it truncated
	Drop
)

// Turn counts which of the answers left out slips. Each worker has its own; the
// zero value is ready.
type Turn struct{ n int }

// The table is one for all workers, so that the limit does not depend on how the
// kernel spreads a flood over them. An account is one word that is exchanged
// atomically: no lock, and a worker that loses a race tries again once. Eight
// accounts share a cache line; four of them are where one block may be.
//
//	 63      44 43           24 23               0
//	+----------+---------------+------------------+
//	| tag (20) | seconds (20)  | balance (24)     |
//	+----------+---------------+------------------+
const (
	tableBits    = 18 // 2 MiB
	ways         = 4
	tagBits      = 20
	timeBits     = 20 // twelve days; an account that old is worth nothing, but for one window
	balanceBits  = 24
	balanceShift = 64 - balanceBits
)

// Limiter holds the accounts. It is safe for concurrent use.
type Limiter struct {
	config Config
	secret [16]byte // nobody outside knows which blocks share a place
	table  [1 << tableBits]atomic.Uint64
}

// New returns a limiter without debts. Fields of c out of bounds are brought to
// the nearest bound. secret must be unknown outside.
func New(c Config, secret [16]byte) *Limiter {
	c.Rate = min(max(c.Rate, 1), MaxRate)
	c.Window = min(max(c.Window, 1), MaxWindow)
	return &Limiter{config: c, secret: secret}
}

// Decide accounts for an answer at a time in Unix seconds and says what is to be
// done with it.
//
// Each kind of answer to a block has an account, to which Rate is added each second
// up to Rate, and from which each answer takes one, sent or not, down to Rate ×
// Window below zero. Below zero nothing is sent but what slips: a flood is
// cut to nothing as long as it lasts, and for at most Window seconds after.
func (l *Limiter) Decide(turn *Turn, a Answer, now uint32) Verdict {
	to := a.To.Unmap()
	for _, p := range l.config.Exempt {
		if p.Contains(to) {
			return Send
		}
	}
	if l.debit(l.hash(to, &a), now) {
		return Send
	}
	if l.config.Slip == 0 {
		return Drop
	}
	if turn.n++; turn.n < l.config.Slip {
		return Drop
	}
	turn.n = 0
	return Slip
}

// hash returns the keyed hash of what is counted together.
func (l *Limiter) hash(to netip.Addr, a *Answer) uint64 {
	var buf [16 + 4 + dnswire.MaxName]byte
	data := buf[:0]
	if to.Is4() {
		ip := to.As4()
		data = append(data, ip[:Block4/8]...)
	} else {
		ip := to.As16()
		data = append(data, ip[:Block6/8]...)
	}
	data = append(data, byte(a.Class))
	if a.Class == Positive {
		data = binary.BigEndian.AppendUint16(data, a.Type)
	}
	if a.Class != Error {
		data = append(data, a.Subject...)
	}
	return dnswire.SipHash(l.secret, data)
}

// debit takes one from the account of a hash and reports whether it was covered.
func (l *Limiter) debit(hash uint64, now uint32) bool {
	tag := hash>>(64-tagBits) | 1 // never 0, so that no account looks like an empty place
	first := int(hash & (1<<tableBits - 1) &^ (ways - 1))
	place, old := l.find(first, tag, now)
	for range 2 {
		balance := l.config.Rate
		if same(old, tag) {
			balance = l.balance(old, now)
		}
		left := max(balance-1, -l.config.Rate*l.config.Window)
		next := pack(tag, now, left)
		// An account at its lowest is not written again this second: workers
		// under one flood do not fight for its cache line.
		if next == old || l.table[place].CompareAndSwap(old, next) {
			return left >= 0
		}
		old = l.table[place].Load()
	}
	return true // another worker is faster: an answer too many does no harm
}

// find returns the place of the account with the tag, or of the one that is
// missed least: it has the most left. So a flood from everywhere does not wash out
// the debts of those that are being flooded.
func (l *Limiter) find(first int, tag uint64, now uint32) (place int, word uint64) {
	most := -l.config.Rate*l.config.Window - 1
	for i := first; i < first+ways; i++ {
		w := l.table[i].Load()
		if same(w, tag) {
			return i, w
		}
		left := l.config.Rate + 1 // of an empty place
		if w != 0 {
			left = l.balance(w, now)
		}
		if left > most {
			place, word, most = i, w, left
		}
	}
	return place, word
}

// balance returns what an account holds by now.
func (l *Limiter) balance(w uint64, now uint32) int {
	since := int((uint64(now) - w>>balanceBits) & (1<<timeBits - 1)) // seconds, across the wrap
	held := int(int64(w<<balanceShift) >> balanceShift)
	if since > l.config.Window+1 {
		return l.config.Rate
	}
	return min(held+since*l.config.Rate, l.config.Rate)
}

func same(w, tag uint64) bool { return w != 0 && w>>(timeBits+balanceBits) == tag }

// pack returns the word of an account.
func pack(tag uint64, now uint32, balance int) uint64 {
	return tag<<(timeBits+balanceBits) | uint64(now)&(1<<timeBits-1)<<balanceBits | uint64(balance)&(1<<balanceBits-1)
}
