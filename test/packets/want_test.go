package packets

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// transport says over what a case is sent.
type transport uint8

const (
	udp  transport = 1
	tcp  transport = 2
	both           = udp | tcp
)

func (t transport) String() string { return map[transport]string{udp: "UDP", tcp: "TCP"}[t] }

// test is one packet and what must come back.
type test struct {
	rfc  string // where that is written
	name string
	over transport
	// packet is sent with an ID of the runner's choice in its first octets.
	packet []byte
	// want is a list of words, all of which must hold; see words. What RFCs
	// leave open has several lists, with " | " between them: the first is what
	// geodns does, and any will do for other servers.
	want string
}

// sent is a packet as sent, as far as it can be read.
type sent struct {
	packet []byte
	over   transport
	query  *reply // nil if it is malformed
}

func newSent(packet []byte, over transport) *sent {
	s := &sent{packet: packet, over: over}
	if q, err := readReply(packet); err == nil {
		s.query = q
	}
	return s
}

// check returns what is wrong with a reply, nil for silence, by what every
// reply must be and by one list of words.
func check(words string, s *sent, raw []byte, closed bool) error {
	list := strings.Fields(words)
	if raw == nil {
		if slices.Contains(list, "silent") || closed && slices.Contains(list, "closed") {
			return nil
		}
		return errors.New("silence")
	}
	r, err := readReply(raw)
	if err != nil {
		return fmt.Errorf("a malformed reply: %w", err)
	}
	if err := manners(s, r); err != nil {
		return fmt.Errorf("%w: %v", err, r)
	}
	for _, word := range list {
		if !holds(word, s, r) {
			return fmt.Errorf("not %q: %v", word, r)
		}
	}
	return nil
}

// manners checks what holds for every reply.
func manners(s *sent, r *reply) error {
	flags := binary.BigEndian.Uint16(s.packet[2:])
	switch {
	case !bytes.Equal(r.raw[:2], s.packet[:2]):
		return errors.New("another ID (RFC 1035, Section 4.1.1)")
	case r.flags&flagQR == 0:
		return errors.New("not a response (RFC 1035, Section 4.1.1)")
	case (r.flags^flags)&(15<<11) != 0:
		return errors.New("another opcode (RFC 1035, Section 4.1.1)")
	case r.flags&flagRA != 0:
		return errors.New("RA without recursion (RFC 1035, Section 4.1.1)")
	case r.flags&flagZ != 0:
		return errors.New("Z set (RFC 1035, Section 4.1.1)")
	case r.flags&flagAD != 0:
		return errors.New("AD without DNSSEC (RFC 4035, Section 3.1.6)")
	case (r.flags^flags)&flagRD != 0:
		return errors.New("RD not copied (RFC 1035, Section 4.1.1)")
	case len(r.question) > 0 && !bytes.HasPrefix(s.packet[12:], r.question):
		return errors.New("another question (RFC 1035, Section 4.1.2)")
	}
	return ednsManners(s, r)
}

// ednsManners checks what holds for OPT and size of every reply.
func ednsManners(s *sent, r *reply) error {
	limit := 512
	if s.over == tcp {
		limit = 65535
	}
	if s.query != nil && s.query.opt != nil {
		limit = max(limit, int(s.query.opt.class))
	}
	if len(r.raw) > limit {
		return fmt.Errorf("more than %d octets (RFC 6891, Section 6.2.3)", limit)
	}
	if r.opt == nil {
		return nil
	}
	switch {
	case s.query != nil && s.query.opt == nil:
		return errors.New("OPT not asked for (RFC 6891, Section 6.1.1)")
	case r.opt.ttl>>16&0xff != 0:
		return errors.New("EDNS version not 0 (RFC 6891, Section 6.1.3)")
	case r.opt.ttl&0x7fff != 0:
		return errors.New("unknown EDNS flags copied (RFC 6891, Section 6.1.4)")
	case r.opt.class < 512:
		return errors.New("UDP size below 512 (RFC 6891, Section 6.2.3)")
	}
	for _, o := range r.options {
		if o.code == optKeepAlive && s.over == udp {
			return errors.New("keepalive over UDP (RFC 7828, Section 3.3.2)")
		}
		if s.query == nil || o.code == optEDE || o.code == optKeepAlive {
			continue
		}
		if _, asked := s.query.option(o.code); !asked {
			return fmt.Errorf("option %d not asked for", o.code)
		}
	}
	return nil
}

// bits are the words of the header's bits; with a minus they must be clear.
var bits = map[string]uint16{"aa": flagAA, "tc": flagTC, "cd": flagCD, "rd": flagRD}

// holds reports whether a word holds for a reply:
//
//	NOERROR, REFUSED, …  the response code, with the bits in OPT
//	aa tc cd rd          a bit of the header; -aa: it is clear
//	q -q                 the question is repeated; there is none
//	an=N ns=N ar=N       so many records, OPT included
//	opt do               an OPT record; with the DO bit
//	nsid ecs cookie …    an EDNS option; see option
//	ecs=F/S/C            the client subnet: family, source, scope
//	cookie9018           a cookie as RFC 9018 has it, of the common secret
//	badkey               a TSIG record with error BADKEY, not signed
//	size=N               octets of the whole reply, at most
//
// All but codes, counts and sizes can be negated with a minus.
func holds(word string, s *sent, r *reply) bool {
	if positive, negated := strings.CutPrefix(word, "-"); negated {
		return !holds(positive, s, r)
	}
	if key, value, ok := strings.Cut(word, "="); ok {
		return holdsValue(key, value, r)
	}
	if bit, ok := bits[word]; ok {
		return r.flags&bit != 0
	}
	switch word {
	case "q":
		return r.counts[question] == 1
	case "opt":
		return r.opt != nil
	case "do":
		return r.opt != nil && r.opt.ttl&(1<<15) != 0
	case "badkey":
		return badKey(r)
	case "silent", "closed":
		return false
	}
	if strings.ToUpper(word) == word {
		return r.rcode.String() == word
	}
	return holdsOption(word, s, r)
}

func holdsValue(key, value string, r *reply) bool {
	if key == "ecs" {
		data, ok := r.option(optECS)
		return ok && len(data) >= 4 && value == fmt.Sprintf("%d/%d/%d", binary.BigEndian.Uint16(data), data[2], data[3])
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		panic("bad word " + key + "=" + value)
	}
	switch key {
	case "an":
		return r.counts[answer] == n
	case "ns":
		return r.counts[authority] == n
	case "ar":
		return r.counts[additional] == n
	case "size":
		return len(r.raw) <= n
	}
	panic("bad word " + key + "=" + value)
}

// holdsOption reports whether a reply has an EDNS option, and in good form.
func holdsOption(word string, s *sent, r *reply) bool {
	switch word {
	case "nsid":
		data, ok := r.option(optNSID)
		return ok && string(data) == identity
	case "cookie", "cookie9018":
		data, ok := r.option(optCookie)
		if !ok || len(data) < 16 || len(data) > 40 || !bytes.Equal(data[:8], clientCookie[:]) {
			return false
		}
		return word == "cookie" || validCookie(data[8:])
	case "ecs":
		// All but the scope is as it was sent (RFC 7871, Section 7.2.1).
		got, ok := r.option(optECS)
		was, _ := s.query.option(optECS)
		return ok && len(got) == len(was) && bytes.Equal(got[:3], was[:3]) && bytes.Equal(got[4:], was[4:])
	case "keepalive":
		data, ok := r.option(optKeepAlive)
		return ok && len(data) == 2
	}
	panic("bad word " + word)
}

// validCookie reports whether server is a cookie of the common secret, as
// every server of an anycast address would have to make it.
func validCookie(server []byte) bool {
	return dnswire.CheckServerCookie(secret, clientCookie, server, netip.MustParseAddr("127.0.0.1"), uint32(time.Now().Unix()))
}

// badKey reports whether the last record is TSIG with error BADKEY and without
// a signature (RFC 8945, Section 5.3.2).
func badKey(r *reply) bool {
	if len(r.records) == 0 {
		return false
	}
	last := r.records[len(r.records)-1]
	if last.typ != dnswire.TypeTSIG || last.class != uint16(dnswire.ClassANY) || last.ttl != 0 {
		return false
	}
	_, n, err := readName(last.rdata, 0)
	d := last.rdata
	// Time signed 6, fudge 2, MAC size 2, MAC, original ID 2, error 2, other 2.
	return err == nil && len(d) == n+16 && binary.BigEndian.Uint16(d[n+8:]) == 0 && binary.BigEndian.Uint16(d[n+12:]) == 17
}
