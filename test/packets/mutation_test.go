package packets

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// Packets that nobody thought of: good ones with a few octets changed, cut out
// or put in. What must come back is not known, but every reply must have its
// manners, geodns must go on serving, and where BIND and Knot agree on the
// response code, geodns must agree with them.
func TestDamagedPacketsAreTakenAsBINDAndKnotTakeThem(t *testing.T) {
	const (
		n     = 800
		lanes = 16 // packets under way at once, so that one who waits holds up few
	)
	var servers []*server
	for _, s := range startServers(t) {
		if s.name == "geodns" || s.name == "bind" || s.name == "knot" {
			servers = append(servers, s)
		}
	}
	packets := damagedPackets(n)
	replies := make([][][]byte, len(servers)) // by server, by packet
	var wg sync.WaitGroup
	for i, s := range servers {
		replies[i] = make([][]byte, n)
		for first := range lanes {
			wg.Go(func() {
				for k := first; k < n; k += lanes {
					replies[i][k] = damagedReply(t, s, packets[k])
				}
			})
		}
	}
	wg.Wait()
	agreed := 0
	for k, p := range packets {
		checkManners(t, p, replies[0][k])
		if len(servers) != 3 {
			continue
		}
		mine, bind, knot := code(replies[0][k]), code(replies[1][k]), code(replies[2][k])
		if bind != knot {
			continue
		}
		agreed++
		if mine != bind && !byIntent(p, mine, bind) {
			t.Errorf("got %s, others %s: packet %x", mine, bind, p)
		}
	}
	t.Logf("BIND and Knot agree on %d of %d packets", agreed, n)
}

// damagedReply returns what a server makes of a packet; nil is silence.
func damagedReply(t *testing.T, s *server, packet []byte) []byte {
	got, err := exchangeUDP(s.addr, packet, sentinel())
	if err != nil && s.name == "geodns" {
		t.Errorf("packet %x: no answer to the next query: %v", packet, err)
	}
	return got
}

// checkManners fails the test if a reply to a packet is no reply.
func checkManners(t *testing.T, packet, raw []byte) {
	t.Helper()
	if raw == nil {
		return
	}
	r, err := readReply(raw)
	if err == nil {
		err = manners(newSent(packet, udp), r)
	}
	if err != nil {
		t.Errorf("%v: packet %x, reply %x", err, packet, raw)
	}
}

// code returns the response code of a reply.
func code(raw []byte) string {
	if raw == nil {
		return silence
	}
	r, err := readReply(raw)
	if err != nil {
		return "malformed"
	}
	return r.rcode.String()
}

// byIntent reports whether a difference is wanted: another opcode is not
// carried out whatever comes with it (RFC 8906, Section 8.1.4), and octets after
// the last record are overlooked, which Knot alone minds, where BIND minds
// something else.
func byIntent(packet []byte, mine, others string) bool {
	_, err := readReply(packet)
	return mine == "NOTIMP" || others == "FORMERR" && errors.Is(err, errTrailing)
}

// damagedPackets returns n packets, always the same.
func damagedPackets(n int) [][]byte {
	r := rand.New(rand.NewPCG(1035, 8906))
	good := [][]byte{
		www().bytes(),
		soa().with(flagRD).do(1232, opt(optNSID)).bytes(),
		www().edns(1232, ecs(1, 24, 0, 198, 51, 100)).bytes(),
		www().edns(4096, ecs(2, 56, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0), opt(optPadding, 0, 0, 0)).bytes(),
		ask("x.wild.example.com", dnswire.TypeTXT).edns(512).bytes(),
		ask("www.sub.example.com", dnswire.TypeAAAA).bytes(),
		www().record(answer, []byte{0xc0, 12}, dnswire.TypeTXT, 1, 60, []byte{1, 'x'}).edns(1232).bytes(),
		www().tsig("key.nobody", "hmac-sha256", make([]byte, 32)).bytes(),
	}
	out := make([][]byte, n)
	for i := range out {
		p := slices.Clone(good[r.IntN(len(good))])
		for range 1 + r.IntN(3) {
			p = damage(r, p)
		}
		if len(p) >= 2 {
			binary.BigEndian.PutUint16(p, uint16(i+1))
		}
		out[i] = p
	}
	return out
}

// damage changes a packet in one place after its ID.
func damage(r *rand.Rand, p []byte) []byte {
	if len(p) < 4 {
		return p
	}
	at := 2 + r.IntN(len(p)-2)
	switch r.IntN(6) {
	case 0:
		p[at] ^= 1 << r.IntN(8)
	case 1:
		p[at] = byte(r.Uint32())
	case 2:
		p[at] = []byte{0, 1, 0x3f, 0x40, 0x80, 0xc0, 0xff}[r.IntN(7)]
	case 3:
		p = p[:at]
	case 4:
		p = slices.Delete(p, at, min(len(p), at+1+r.IntN(4)))
	case 5:
		p = slices.Insert(p, at, byte(r.Uint32()))
	}
	return p
}
