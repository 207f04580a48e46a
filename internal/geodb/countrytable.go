package geodb

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"net/netip"
	"time"
)

// CountryTable is the content of the built-in database: which country an
// address belongs to, and where that is known from. Its compact file form is
//
//	"geodns countries 1\n"
//	deflate:
//	    length, text    source
//	    varint          built, Unix seconds
//	    32 bytes        SHA-256 of the source
//	    n, n × 2 bytes  country codes; number 0 means none, number i the i-th
//	    count, count × uvarint, count × byte   IPv4: steps from start to start, country numbers
//	    count, count × uvarint, count × byte   IPv6: the same in upper halves (/64)
//	    4 bytes         CRC-32 (IEEE) of all before, big endian
//
// with lengths and counts as uvarint. The first step of each family is 0:
// ranges begin at the first address and leave no gaps.
type CountryTable struct {
	Source string         // what the data are, for people
	Built  time.Time      // when its makers put it together
	SHA256 [32]byte       // of the file that it was made from
	IPv4   []CountryStart // ascending, from 0.0.0.0
	IPv6   []CountryStart // ascending, from ::, each at a multiple of /64
}

// CountryStart is a range of addresses, from First up to the next one's.
type CountryStart struct {
	First   netip.Addr
	Country string // ISO 3166-1 alpha-2, "" for none
}

const countryMagic = "geodns countries 1\n"

// maxCountryTable bounds the table when unpacked: ten times of what it is.
const maxCountryTable = 32 << 20

var errCountryTable = errors.New("not a country table, or a damaged one")

// EncodeCountryTable returns the file form of t, or an error if t does not
// keep to the form.
func EncodeCountryTable(t *CountryTable) ([]byte, error) {
	e := countryEncoder{numbers: map[string]byte{"": 0}}
	e.uvarint(uint64(len(t.Source)))
	e.buf = append(e.buf, t.Source...)
	e.buf = binary.AppendVarint(e.buf, t.Built.Unix())
	e.buf = append(e.buf, t.SHA256[:]...)
	if err := e.countries(t.IPv4, t.IPv6); err != nil {
		return nil, err
	}
	if err := e.starts(t.IPv4, netip.IPv4Unspecified()); err != nil {
		return nil, err
	}
	if err := e.starts(t.IPv6, netip.IPv6Unspecified()); err != nil {
		return nil, err
	}
	e.buf = binary.BigEndian.AppendUint32(e.buf, crc32.ChecksumIEEE(e.buf))

	out := bytes.NewBufferString(countryMagic)
	w, err := flate.NewWriter(out, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(e.buf); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

type countryEncoder struct {
	buf     []byte
	numbers map[string]byte
}

func (e *countryEncoder) uvarint(v uint64) { e.buf = binary.AppendUvarint(e.buf, v) }

// countries numbers the codes in order of appearance and writes them.
func (e *countryEncoder) countries(families ...[]CountryStart) error {
	var codes []byte
	for _, starts := range families {
		for _, s := range starts {
			if _, known := e.numbers[s.Country]; known {
				continue
			}
			if !isCode(s.Country, 2, 2) || len(e.numbers) > 255 {
				return fmt.Errorf("country %q at %v: at most 255 codes of two letters", s.Country, s.First)
			}
			e.numbers[s.Country] = byte(len(e.numbers))
			codes = append(codes, s.Country...)
		}
	}
	e.uvarint(uint64(len(codes) / 2))
	e.buf = append(e.buf, codes...)
	return nil
}

// starts writes the ranges of a family, of which zero is the first address.
func (e *countryEncoder) starts(starts []CountryStart, zero netip.Addr) error {
	if len(starts) == 0 || starts[0].First != zero {
		return fmt.Errorf("the ranges do not begin at %v", zero)
	}
	e.uvarint(uint64(len(starts)))
	before := uint64(0)
	for i, s := range starts {
		at, whole := upper(s.First)
		if s.First.BitLen() != zero.BitLen() || !whole || i > 0 && at <= before {
			return fmt.Errorf("range at %v: out of order, or not at a multiple of /64", s.First)
		}
		e.uvarint(at - before)
		before = at
	}
	for _, s := range starts {
		e.buf = append(e.buf, e.numbers[s.Country])
	}
	return nil
}

// upper returns an IPv4 address or the upper half of an IPv6 address as a
// number, and whether that is all of it.
func upper(a netip.Addr) (uint64, bool) {
	if a.Is4() {
		b := a.As4()
		return uint64(binary.BigEndian.Uint32(b[:])), true
	}
	b := a.As16()
	return binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:]) == 0
}

// decodeCountryTable reads the file form. It takes no more memory than the
// unpacked data have bytes, times a small constant, whatever they say of
// themselves.
func decodeCountryTable(data []byte) (*CountryTable, error) {
	packed, found := bytes.CutPrefix(data, []byte(countryMagic))
	if !found {
		return nil, errCountryTable
	}
	file := bytes.NewReader(packed)
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(file), maxCountryTable))
	if err != nil || file.Len() > 0 || len(raw) < crc32.Size {
		return nil, errCountryTable
	}
	body, sum := raw[:len(raw)-crc32.Size], raw[len(raw)-crc32.Size:]
	if binary.BigEndian.Uint32(sum) != crc32.ChecksumIEEE(body) {
		return nil, errCountryTable
	}
	d := countryDecoder{rest: body}
	t := d.table()
	if d.broken || len(d.rest) > 0 {
		return nil, errCountryTable
	}
	return t, nil
}

// A countryDecoder reads from the front of rest. After the first thing that
// is not there it is broken, and all that it returns is empty.
type countryDecoder struct {
	rest      []byte
	broken    bool
	countries []string
}

func (d *countryDecoder) table() *CountryTable {
	t := &CountryTable{Source: string(d.bytes(d.uvarint()))}
	t.Built = time.Unix(d.varint(), 0).UTC()
	copy(t.SHA256[:], d.bytes(uint64(len(t.SHA256))))
	d.countries = []string{""}
	for range d.count() {
		d.countries = append(d.countries, string(d.bytes(2)))
	}
	t.IPv4 = d.starts(func(at uint64) (netip.Addr, bool) {
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(at)))), at <= math.MaxUint32
	})
	t.IPv6 = d.starts(func(at uint64) (netip.Addr, bool) {
		var b [16]byte
		binary.BigEndian.PutUint64(b[:], at)
		return netip.AddrFrom16(b), true
	})
	return t
}

func (d *countryDecoder) starts(address func(uint64) (netip.Addr, bool)) []CountryStart {
	starts := make([]CountryStart, d.count())
	at := uint64(0)
	for i := range starts {
		step := d.uvarint()
		first, fits := address(at + step)
		if (step == 0) != (i == 0) || at+step < at || !fits {
			d.broken = true
			return nil
		}
		at += step
		starts[i].First = first
	}
	for i, number := range d.bytes(uint64(len(starts))) {
		if int(number) >= len(d.countries) {
			d.broken = true
			return nil
		}
		starts[i].Country = d.countries[number]
	}
	return starts
}

// count reads the number of elements that follow, of a byte at the least.
func (d *countryDecoder) count() int {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.broken = true
		return 0
	}
	return int(n)
}

func (d *countryDecoder) bytes(n uint64) []byte {
	if d.broken || n > uint64(len(d.rest)) {
		d.broken = true
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *countryDecoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	return skipped(d, v, n)
}

func (d *countryDecoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	return skipped(d, v, n)
}

// skipped moves d past the n bytes that v was read from.
func skipped[T any](d *countryDecoder, v T, n int) T {
	if d.broken || n <= 0 {
		d.broken = true
		var zero T
		return zero
	}
	d.rest = d.rest[n:]
	return v
}
