// Package toplist owns the list of those who ask most: blocks of client addresses
// with how often they asked in the last full minute, in fixed memory however
// many there are (the algorithm Space-Saving of Metwally, Agrawal and El Abbadi).
//
// It is pure: time comes in. The entry points are [Table.Add] and [Merge].
package toplist

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
)

// Blocks of addresses that are counted as one, in bits of the prefix.
const (
	Block4 = 24
	Block6 = 56
)

// Size is how many blocks a table counts at a time. Whoever makes more than one in
// Size of all queries is in it.
const Size = 128

// Entry is a block and how often it was counted. The count is never too low, and too
// high by at most one in Size of all.
type Entry struct {
	Block netip.Prefix
	Count uint64
}

// Table counts for one worker. The zero value is ready; it is not safe for
// concurrent use.
type Table struct {
	minute    uint32
	cur, last counts
}

type counts struct {
	n     int
	total uint64
	keys  [Size]uint64
	count [Size]uint64
}

// is4 marks the key of an IPv4 block; those of IPv6 have 56 bits.
const is4 = 1 << 63

// Add counts one query at a time in Unix seconds.
func (t *Table) Add(a netip.Addr, now uint32) {
	t.turn(now)
	t.cur.add(keyOf(a))
}

// turn begins a new minute if it is time.
func (t *Table) turn(now uint32) {
	minute := now / 60
	switch minute - t.minute {
	case 0:
		return
	case 1:
		t.last = t.cur
	default:
		t.last.n, t.last.total = 0, 0 // a minute without a query
	}
	t.cur.n, t.cur.total, t.minute = 0, 0, minute
}

func (c *counts) add(key uint64) {
	c.total++
	least := 0
	for i, k := range c.keys[:c.n] {
		if k == key {
			c.count[i]++
			return
		}
		if c.count[i] < c.count[least] {
			least = i
		}
	}
	if c.n < Size {
		c.keys[c.n], c.count[c.n] = key, 1
		c.n++
		return
	}
	// Who comes in takes over the count of who goes: it may have had as many.
	c.keys[least] = key
	c.count[least]++
}

// Merge returns the most counts of the last full minute before now over all tables,
// the highest first and at most limit, and how many queries were counted in all.
func Merge(tables []*Table, now uint32, limit int) (top []Entry, total uint64) {
	sum := map[uint64]uint64{}
	for _, t := range tables {
		t.turn(now)
		total += t.last.total
		for i, k := range t.last.keys[:t.last.n] {
			sum[k] += t.last.count[i]
		}
	}
	for k, n := range sum {
		top = append(top, Entry{blockOf(k), n})
	}
	slices.SortFunc(top, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), a.Block.Addr().Compare(b.Block.Addr()))
	})
	return top[:min(limit, len(top))], total
}

func keyOf(a netip.Addr) uint64 {
	if a = a.Unmap(); a.Is4() {
		b := a.As4()
		return is4 | uint64(binary.BigEndian.Uint32(b[:])>>(32-Block4))
	}
	b := a.As16()
	return binary.BigEndian.Uint64(b[:8]) >> (64 - Block6)
}

func blockOf(key uint64) netip.Prefix {
	if key&is4 != 0 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(key)<<(32-Block4))
		return netip.PrefixFrom(netip.AddrFrom4(b), Block4)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], key<<(64-Block6))
	return netip.PrefixFrom(netip.AddrFrom16(b), Block6)
}
