package dnswire

import (
	"encoding/binary"
	"iter"
)

// RRset is the records of one owner, type and class (RFC 2181, Section 5). It is
// immutable once built, so that any number of goroutines may read it.
type RRset struct {
	Type Type
	TTL  uint32 // seconds

	// data holds the records one after the other, each as it stands in a
	// message from the length of its RDATA on: two octets of length, then the
	// RDATA, names in it uncompressed and in the case of the file. One piece of
	// memory for all is what a look-up in a large zone has to wait for least.
	data []byte
}

// NewRRset returns a set of the given RDATA, each in wire form without its length
// and of at most 65535 octets.
func NewRRset(t Type, ttl uint32, rdata ...[]byte) *RRset {
	s := &RRset{Type: t, TTL: ttl}
	for _, d := range rdata {
		s.Add(nil, d)
	}
	return s
}

// Add appends a record while the set is being built and returns its RDATA as it
// lies there. The first record goes into room, if that has the capacity, so that
// a builder can choose where; see [RoomFor].
func (s *RRset) Add(room, rdata []byte) []byte {
	if len(s.data) == 0 {
		s.data = room[:0]
	}
	s.data = binary.BigEndian.AppendUint16(s.data, uint16(len(rdata)))
	s.data = append(s.data, rdata...)
	return s.data[len(s.data)-len(rdata) : len(s.data) : len(s.data)]
}

// IsEmpty reports whether no record was added yet.
func (s *RRset) IsEmpty() bool { return len(s.data) == 0 }

// RoomFor returns how many octets a set of one record of n octets takes.
func RoomFor(n int) int { return lengthLen + n }

// lengthLen is the size of the length before RDATA.
const lengthLen = 2

// Len returns the number of records; it walks through them.
func (s *RRset) Len() int {
	n := 0
	for range s.All() {
		n++
	}
	return n
}

// All yields the RDATA of each record in the order of the file. It must not be
// written to.
func (s *RRset) All() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for rest := s.data; len(rest) > 0; {
			var rdata []byte
			rdata, rest = cutRData(rest)
			if !yield(rdata) {
				return
			}
		}
	}
}

// First returns the RDATA of the first record; a set has one at least.
func (s *RRset) First() []byte {
	rdata, _ := cutRData(s.data)
	return rdata
}

// Last returns the last octet of the last record, 0 if there is none. It is for
// those who want the records near the processor before they need them.
func (s *RRset) Last() byte {
	if len(s.data) == 0 {
		return 0
	}
	return s.data[len(s.data)-1]
}

// cutRData cuts the first record off data.
func cutRData(data []byte) (rdata, rest []byte) {
	end := lengthLen + int(binary.BigEndian.Uint16(data))
	return data[lengthLen:end:end], data[end:]
}
