package dnswire

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// FuzzParse holds Parse against miekg/dns: whatever is to be answered must be
// read by it too, as the same question with the same EDNS.
func FuzzParse(f *testing.F) {
	for _, path := range []string{"testdata/parse.txt", "testdata/edns.txt"} {
		for _, packet := range packetsOf(f, path) {
			f.Add(packet)
		}
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		packet = slices.Clip(packet)
		var q Query
		v := q.Parse(packet)
		if len(packet) < headerLen || packet[2]&0x80 != 0 {
			if v != Drop {
				t.Fatalf("answered: %s", describe(&q, v))
			}
			return
		}
		if v == Drop || (v == NotImp) != (packet[2]>>3&0xF != 0) {
			t.Fatalf("got %s", describe(&q, v))
		}
		checkReply(t, &q, v)
		if v != Proceed {
			return
		}
		msg := new(dns.Msg)
		if err := msg.Unpack(essence(t, packet)); err != nil {
			t.Fatalf("%s: miekg/dns says %v", describe(&q, v), err)
		}
		if got, want := describe(&q, v), describeMsg(msg); got != want {
			t.Fatalf("got\n%s\nmiekg/dns has\n%s", got, want)
		}
	})
}

// packetsOf returns the packets of a transcript.
func packetsOf(f *testing.F, path string) (packets [][]byte) {
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	for block := range strings.SplitSeq(string(data), "\n\n") {
		var text []string
		for line := range strings.SplitSeq(block, "\n") {
			if input, ok := strings.CutPrefix(line, ">"); ok {
				text = append(text, input)
			}
		}
		packets = append(packets, assemble(f, strings.Join(text, " ")))
	}
	return packets
}

// essence returns the packet with all records but OPT taken out, and all options
// that Parse does not know: it does not look into them, miekg/dns does. It relies
// on the packet being well-formed.
func essence(t *testing.T, packet []byte) []byte {
	t.Helper()
	out := slices.Clone(packet[:headerLen])
	counts := [4]int{}
	for i := range counts {
		counts[i] = int(binary.BigEndian.Uint16(packet[4+2*i:]))
	}
	off := headerLen
	if counts[0] == 1 {
		for packet[off] != 0 {
			off += 1 + int(packet[off])
		}
		off += 5
		out = append(out, packet[headerLen:off]...)
	}
	opts := 0
	for range counts[1] + counts[2] + counts[3] {
		start := off
		for packet[off] != 0 && packet[off] < 0xC0 {
			off += 1 + int(packet[off])
		}
		off++
		if packet[off-1] >= 0xC0 {
			off++
		}
		isOPT := binary.BigEndian.Uint16(packet[off:]) == dns.TypeOPT
		off += 10 + int(binary.BigEndian.Uint16(packet[off+8:]))
		if isOPT {
			out = append(out, knownOptions(packet[start:off])...)
			opts++
		}
	}
	binary.BigEndian.PutUint16(out[6:], 0)
	binary.BigEndian.PutUint16(out[8:], 0)
	binary.BigEndian.PutUint16(out[10:], uint16(opts))
	return out
}

// knownOptions returns the OPT record with only those options left that Parse
// reads.
func knownOptions(opt []byte) []byte {
	out, rest := slices.Clone(opt[:optLen]), opt[optLen:]
	for len(rest) > 0 {
		end := 4 + int(binary.BigEndian.Uint16(rest[2:]))
		switch binary.BigEndian.Uint16(rest) {
		case dns.EDNS0NSID, dns.EDNS0SUBNET, dns.EDNS0COOKIE:
			out = append(out, rest[:end]...)
		case dns.EDNS0TCPKEEPALIVE:
			out = append(out, 0, dns.EDNS0TCPKEEPALIVE, 0, 0) // its data is ignored
		}
		rest = rest[end:]
	}
	binary.BigEndian.PutUint16(out[optLen-2:], uint16(len(out)-optLen))
	return out
}

// describeMsg is describe for a query as miekg/dns has it.
func describeMsg(m *dns.Msg) string {
	head := fmt.Sprintf("proceed id=%04x %s", m.Id, dns.OpcodeToString[m.Opcode])
	for _, flag := range []struct {
		on   bool
		name string
	}{{m.Truncated, "TC"}, {m.RecursionDesired, "RD"}, {m.AuthenticatedData, "AD"}, {m.CheckingDisabled, "CD"}} {
		if flag.on {
			head += " " + flag.name
		}
	}
	lines := []string{head}
	if len(m.Question) == 1 {
		buf := make([]byte, MaxName)
		n, _ := dns.PackDomainName(m.Question[0].Name, buf, 0, nil, false)
		lines = append(lines, fmt.Sprintf("question %s (%s) %v %v", FormatName(buf[:n]), FormatName(AppendLower(nil, buf[:n])),
			Class(m.Question[0].Qclass), Type(m.Question[0].Qtype)))
	}
	if opt := m.IsEdns0(); opt != nil {
		lines = append(lines, describeOPT(opt))
	}
	return strings.Join(lines, "\n")
}

func describeOPT(opt *dns.OPT) string {
	s := fmt.Sprintf("edns version=%d size=%d", opt.Version(), max(512, opt.UDPSize()))
	if opt.Do() {
		s += " DO"
	}
	var nsid, keepalive, ecs, cookie string
	for _, option := range opt.Option {
		switch o := option.(type) {
		case *dns.EDNS0_NSID:
			nsid = " NSID"
		case *dns.EDNS0_TCP_KEEPALIVE:
			keepalive = " keepalive"
		case *dns.EDNS0_SUBNET:
			if ecs == "" {
				addr := o.Address.String()
				switch ip4 := o.Address.To4(); {
				case o.Family == 0:
					addr = "invalid IP"
				case o.Family == 2 && ip4 != nil:
					addr = "::ffff:" + net.IP(ip4).String()
				}
				ecs = fmt.Sprintf(" ecs=family %d, %s/%d, scope %d", o.Family, addr, o.SourceNetmask, o.SourceScope)
			}
		case *dns.EDNS0_COOKIE:
			if cookie == "" {
				cookie = fmt.Sprintf(" cookie=%s/%s", o.Cookie[:16], o.Cookie[16:])
			}
		}
	}
	return s + nsid + keepalive + ecs + cookie
}

// checkReply builds the reply that a query asks for by itself, whatever it is.
func checkReply(t *testing.T, q *Query, v Verdict) {
	t.Helper()
	var m Message
	m.Start(nil, q, 512)
	m.SetRCode(v.RCode())
	var reply *Reply
	if q.EDNS.Present {
		reply = &Reply{UDPSize: 1232, DO: q.EDNS.DO}
		if q.EDNS.HasECS {
			reply.ECS = &q.EDNS.ECS
		}
		if q.EDNS.HasCookie {
			reply.Cookie = append(q.EDNS.ClientCookie[:], q.EDNS.ServerCookie...)
		}
	}
	packet := m.Finish(reply)
	msg := unpack(t, packet)
	if len(packet) > 512 || !msg.Response || msg.Id != q.ID || (len(msg.Question) == 1) != q.HasQuestion || (msg.IsEdns0() != nil) != q.EDNS.Present {
		t.Fatalf("%s\nis answered by\n%v", describe(q, v), msg)
	}
}

// What miekg/dns packs as a query is accepted, and read as it was meant.
func TestQueriesOfMiekgAreAccepted(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 3000 {
		m := new(dns.Msg)
		m.SetQuestion(FormatName(randomName(r)), uint16(r.Uint32()))
		m.Question[0].Qclass = uint16(r.Uint32())
		m.RecursionDesired, m.CheckingDisabled, m.AuthenticatedData = r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0
		if r.IntN(4) > 0 {
			m.SetEdns0(uint16(r.Uint32()), r.IntN(2) == 0)
			m.IsEdns0().Option = randomOptions(r)
		}
		packet, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		var q Query
		v := q.Parse(packet)
		if got, want := describe(&q, v), describeMsg(m); got != want {
			t.Fatalf("%x: got\n%s\nwant\n%s", packet, got, want)
		}
	}
}

func randomOptions(r *rand.Rand) (options []dns.EDNS0) {
	if r.IntN(2) == 0 {
		options = append(options, &dns.EDNS0_NSID{Code: dns.EDNS0NSID})
	}
	if r.IntN(2) == 0 {
		options = append(options, &dns.EDNS0_LOCAL{Code: 65001 + uint16(r.IntN(9)), Data: make([]byte, r.IntN(40))})
	}
	if r.IntN(2) == 0 {
		cookie := make([]byte, []int{8, 16, 24, 40}[r.IntN(4)])
		options = append(options, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: fmt.Sprintf("%x", cookie)})
	}
	if r.IntN(2) == 0 {
		option := &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(r.IntN(33))}
		option.Address = net.IPv4(byte(r.Uint32()), byte(r.Uint32()), 2, 1).To4().Mask(net.CIDRMask(int(option.SourceNetmask), 32))
		if r.IntN(2) == 0 {
			option.Family, option.SourceNetmask = 2, uint8(r.IntN(129))
			option.Address = net.ParseIP("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff").Mask(net.CIDRMask(int(option.SourceNetmask), 128))
		}
		options = append(options, option)
	}
	return options
}
