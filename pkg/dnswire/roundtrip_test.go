package dnswire

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// FuzzMessage builds a reply as the input says and has miekg/dns read it.
func FuzzMessage(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07"), uint16(512))
	f.Add(bytes.Repeat([]byte{1, 7, 3, 250, 9, 22, 31}, 40), uint16(1232))
	f.Add(bytes.Repeat([]byte{255, 0, 17, 4}, 200), uint16(65535))
	f.Fuzz(checkMessage)
}

// The same with random input, so that an ordinary run of the tests sees it too.
func TestMessagesAreReadBackByMiekg(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		program := make([]byte, r.IntN(500))
		for i := range program {
			program[i] = byte(r.Uint32())
		}
		checkMessage(t, program, uint16(r.IntN(4000)))
	}
}

// checkMessage builds a reply by a program: the records that miekg/dns reads must
// be those that Append took, whatever was compressed.
func checkMessage(t *testing.T, program []byte, limit uint16) {
	limit = max(limit, 12+MaxName+4+optLen)
	src := &source{program[:min(len(program), 2000)]}
	scratch := make([]byte, 4096) // longer than any record of source
	q := query(t, ".")
	q.Name = src.name()
	var m Message
	m.Start(nil, q, int(limit))
	m.Reserve(optLen)
	var want []string
	section, counts := Answer, [numSections]int{}
	for len(src.rest) > 0 && len(want) < 300 {
		if src.intn(6) == 0 && section < Additional {
			section++
		}
		owner, set := src.name(), src.set()
		if src.intn(3) == 0 {
			owner = q.Name
		}
		before := m.Len()
		if !m.Append(section, owner, set, set.TTL) {
			if m.Len() != before {
				t.Fatalf("a set that does not fit left %d octets", m.Len()-before)
			}
			continue
		}
		counts[section] += set.Len()
		for rdata := range set.All() {
			want = append(want, canonical(owner, set.Type, set.TTL, rdata))
		}
	}
	packet := m.Finish(&Reply{})
	if len(packet) > int(limit) {
		t.Fatalf("%d octets, limit %d", len(packet), limit)
	}
	msg := unpack(t, packet)
	if got := [...]int{len(msg.Answer), len(msg.Ns), len(msg.Extra) - 1}; got != counts {
		t.Fatalf("sections: got %v, want %v", got, counts)
	}
	for i, rr := range slices.Concat(msg.Answer, msg.Ns, msg.Extra[:len(msg.Extra)-1]) {
		if got := canonicalRR(t, rr, scratch); got != want[i] {
			t.Fatalf("record %d:\ngot  %s\nwant %s", i, got, want[i])
		}
	}
}

// A message is as short as miekg/dns can make it, as long as there is room in the
// table of names.
func TestMessagesAreCompressedAsWellAsByMiekg(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	host := func() []byte {
		labels := []string{"a", "ns", "mail", "example", "test", "com"}
		var name []byte
		for range r.IntN(4) {
			label := labels[r.IntN(len(labels))]
			name = append(append(name, byte(len(label))), label...)
		}
		return append(name, 0)
	}
	for range 1000 {
		q := query(t, FormatName(host()))
		var m Message
		m.Start(nil, q, maxMessage)
		for range r.IntN(8) {
			m.Append(Answer, host(), setOf(TypeNS, host(), host()), 300)
			m.AppendRecord(Answer, host(), TypeMX, 300, append([]byte{0, 1}, host()...))
		}
		if m.names.n == maxSuffixes {
			t.Fatal("the table is full: these messages are too large for the test")
		}
		packet := m.Finish(nil)
		msg := unpack(t, packet)
		msg.Compress = true
		theirs, err := msg.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if len(packet) > len(theirs) {
			t.Fatalf("%d octets, miekg/dns needs %d:\n%x\n%x", len(packet), len(theirs), packet, theirs)
		}
	}
}

// canonical and canonicalRR are a record in one form: compression may change the
// case of letters in names, and nothing else.
func canonical(owner []byte, t Type, ttl uint32, rdata []byte) string {
	return fmt.Sprintf("%s %d %v %s", FormatName(AppendLower(nil, owner)), ttl, t, hex.EncodeToString(AppendLower(nil, rdata)))
}

func canonicalRR(t *testing.T, rr dns.RR, buf []byte) string {
	t.Helper()
	end, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		t.Fatalf("%v: %v", rr, err)
	}
	n, _ := NameLen(buf)
	return canonical(buf[:n], Type(rr.Header().Rrtype), rr.Header().Ttl, buf[n+10:end])
}

// source makes names and sets out of the octets of a fuzzer.
type source struct{ rest []byte }

func (s *source) intn(n int) int {
	if len(s.rest) == 0 {
		return 0
	}
	c := s.rest[0]
	s.rest = s.rest[1:]
	return int(c) % n
}

// name returns a name of few different labels, now and then a very long one.
func (s *source) name() []byte {
	labels := []string{"a", "A", "b", "ab", "www", "ns1", "example", "Example", "com", "\x00.\xff", strings.Repeat("x", 63)}
	count := s.intn(6)
	if count == 5 {
		count = 127
	}
	var name []byte
	for range count {
		label := labels[s.intn(len(labels))]
		if len(name)+1+len(label)+1 > MaxName {
			break
		}
		name = append(append(name, byte(len(label))), label...)
	}
	return append(name, 0)
}

func (s *source) set() *RRset {
	types := []Type{TypeA, TypeAAAA, TypeNS, TypeCNAME, TypePTR, TypeMX, TypeSOA, TypeMINFO, TypeMB, TypeSRV, TypeDNAME, TypeRP, TypeTXT, 65280}
	set := &RRset{Type: types[s.intn(len(types))], TTL: uint32(s.intn(256)) << 20}
	for range 1 + s.intn(3) {
		set.Add(nil, s.rdata(set.Type))
	}
	return set
}

func (s *source) rdata(t Type) []byte {
	octets := func(n int) []byte { return bytes.Repeat([]byte{byte(s.intn(256))}, n) }
	switch t {
	case TypeA:
		return octets(4)
	case TypeAAAA:
		return octets(16)
	case TypeMX:
		return append(octets(2), s.name()...)
	case TypeSRV:
		return append(octets(6), s.name()...)
	case TypeSOA:
		return slices.Concat(s.name(), s.name(), octets(20))
	case TypeMINFO, TypeRP:
		return append(s.name(), s.name()...)
	case TypeTXT:
		n := s.intn(256)
		return append([]byte{byte(n)}, octets(n)...)
	case 65280:
		return octets(1 + s.intn(256)*8)
	}
	return s.name()
}
