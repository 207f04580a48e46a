package dnswire

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestParseTranscripts(t *testing.T) {
	for _, file := range []string{"testdata/parse.txt", "testdata/edns.txt"} {
		transcript(t, file, func(t *testing.T, input string) string {
			packet := assemble(t, input)
			var q Query
			return describe(&q, q.Parse(packet[:len(packet):len(packet)]))
		})
	}
}

// describe tells all that is known of a query, a line for each part.
func describe(q *Query, v Verdict) string {
	if v == Drop {
		return v.String()
	}
	head := fmt.Sprintf("%v id=%04x %v", v, q.ID, q.Opcode)
	for _, flag := range []struct {
		on   bool
		name string
	}{{q.TC, "TC"}, {q.RD, "RD"}, {q.AD, "AD"}, {q.CD, "CD"}} {
		if flag.on {
			head += " " + flag.name
		}
	}
	lines := []string{head}
	if q.HasQuestion {
		lines = append(lines, fmt.Sprintf("question %s (%s) %v %v", FormatName(q.Name), FormatName(q.Lower), q.Class, q.Type))
	}
	if q.EDNS.Present {
		lines = append(lines, describeEDNS(&q.EDNS))
	}
	if v == BadKey {
		lines = append(lines, fmt.Sprintf("signed key=%s algorithm=%s at=%x", FormatName(q.TSIG.Key), FormatName(q.TSIG.Algorithm), q.TSIG.Signed))
	}
	return strings.Join(lines, "\n")
}

func describeEDNS(e *EDNS) string {
	s := fmt.Sprintf("edns version=%d size=%d", e.Version, e.UDPSize)
	if e.DO {
		s += " DO"
	}
	if e.NSID {
		s += " NSID"
	}
	if e.KeepAlive {
		s += " keepalive"
	}
	if e.HasECS {
		s += fmt.Sprintf(" ecs=family %d, %v/%d, scope %d", e.ECS.Family, e.ECS.Addr, e.ECS.Source, e.ECS.Scope)
	}
	if e.HasCookie {
		s += fmt.Sprintf(" cookie=%x/%x", e.ClientCookie, e.ServerCookie)
	}
	return s
}

// A Query is used for one packet after another; nothing may stay behind.
func TestParseForgetsThePacketBefore(t *testing.T) {
	full := assemble(t, `abcd 0130 0001 0000 0000 0001 03 'www' 00 001c 0003
		00 0029 04d0 0000 8000 0020  0003 0000  000b 0000
		0008 0008 0001 20 00 c0000201  000a 0008 0102030405060708`)
	bare := assemble(t, "0001 0000 0000 0000 0000 0000")
	var q Query
	if v := q.Parse(full); v != Proceed || !q.EDNS.HasCookie {
		t.Fatalf("first packet: %v", describe(&q, v))
	}
	for _, packet := range [][]byte{bare, bare[:5], nil} {
		v := q.Parse(packet)
		if q.HasQuestion || q.Name != nil || q.Lower != nil || q.Type != 0 || q.Class != 0 || q.EDNS.Present || q.EDNS.HasECS || q.EDNS.HasCookie {
			t.Errorf("after %d octets: %s: left over: %+v", len(packet), v, q)
		}
	}
}

// Cut anywhere, a packet is malformed or silence, and nothing panics.
func TestParseRefusesEveryPrefixOfAPacket(t *testing.T) {
	packet := assemble(t, `abcd 0100 0001 0001 0000 0002 03 'www' 07 'example' 00 0001 0001
		c00c 0001 0001 00000000 0004 c0000201
		00 0029 04d0 0000 8000 000c  0008 0008 0001 20 00 c0000201
		01 'x' c00c 0010 0001 00000000 0002 01 'y'`)
	var q Query
	if v := q.Parse(packet); v != Proceed {
		t.Fatalf("the whole packet: %v", v)
	}
	for n := range len(packet) {
		want := FormErr
		if n < headerLen {
			want = Drop
		}
		if got := q.Parse(slices.Clip(packet[:n])); got != want {
			t.Errorf("first %d of %d octets: got %v, want %v", n, len(packet), got, want)
		}
	}
}

// The work is bounded by the length of the packet, whatever the counts say.
func TestParseStopsAtTheEndOfThePacketWhateverIsCounted(t *testing.T) {
	packet := assemble(t, "0001 0000 0001 ffff ffff ffff 00 0001 0001 00 0001 0001 00000000 0000")
	var q Query
	if v := q.Parse(packet); v != FormErr || !q.HasQuestion {
		t.Errorf("got %v", describe(&q, v))
	}
}

// What is peeked at is what Parse finds, if it finds anything; and nothing makes
// it panic.
func TestPeekSubnet(t *testing.T) {
	const question = "000100000001000000000001" + "0000010001"
	for rest, want := range map[string]string{
		"00 0029 04d0 00000000 000b 0008 0007 0001 18 00 c63364": "198.51.100.0",
		"00 0029 04d0 00000000 000b 0008 0007 0002 18 00 20010d": "2001:d00::",
		"00 0029 04d0 00000000 000f 000a 0008 0102030405060708":  "", // a cookie comes first
		"00 0029 04d0 00000000 000b 0008 0007 0001 18 01 c63364": "", // with a scope
		"00 0029 04d0 00000000 000b 0008 0070 0001 18 00 c63364": "", // cut off
		"00 0001 0001 00000000 0004 c0000201":                    "",
		"":                                                       "",
	} {
		b := unhex(t, strings.ReplaceAll(rest, " ", ""))
		got := ""
		if a, ok := PeekSubnet(b); ok {
			got = a.String()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", rest, got, want)
		}
		for n := range b {
			PeekSubnet(b[:n])
		}
		var q Query
		if v := q.Parse(append(unhex(t, question), b...)); want != "" && (v != Proceed || q.EDNS.ECS.Addr.String() != want) {
			t.Errorf("%s: parsed as %v, %v", rest, v, q.EDNS.ECS.Addr)
		}
	}
}
