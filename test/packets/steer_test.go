package packets

import (
	"testing"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// Steered names are what no other server has: the policy sends 198.51.100.0/24
// to one site and all others to another.
func TestSteeredNamesKeepToTheRFCs(t *testing.T) {
	host, port := freePort(t)
	s := start(t, "geodns", host+":"+port, geodnsWith(t, t.TempDir(), host, port, ""))
	await(t, s)
	asked := func(typ dnswire.Type, options ...[]byte) []byte {
		return ask("steered.example.net", typ).edns(1232, options...).bytes()
	}
	for i, c := range []test{
		{"RFC 7871, Section 7.2.1", "without a client subnet", both, ask("steered.example.net", 1).bytes(), "NOERROR aa an=1 -opt"},
		{"RFC 7871, Section 7.2.1", "EDNS without a client subnet", both, asked(1), "NOERROR aa an=1 opt -ecs"},
		{"RFC 7871, Section 7.2.1", "a subnet that a rule names", both, asked(1, ecs(1, 24, 0, 198, 51, 100)), "NOERROR aa an=1 ecs ecs=1/24/24"},
		{"RFC 7871, Section 7.2.1", "a part of it", both, asked(1, ecs(1, 32, 0, 198, 51, 100, 7)), "NOERROR aa an=1 ecs ecs=1/32/24"},
		{"RFC 7871, Section 7.2.1", "its neighbour", both, asked(1, ecs(1, 24, 0, 198, 51, 101)), "NOERROR aa an=1 ecs ecs=1/24/24"},
		{"RFC 7871, Section 7.2.1", "the other half of all addresses", both, asked(1, ecs(1, 8, 0, 10)), "NOERROR aa an=1 ecs ecs=1/8/1"},
		{"RFC 7871, Section 7.1.2", "SOURCE 0", both, asked(1, ecs(1, 0, 0)), "NOERROR aa an=1 ecs ecs=1/0/0"},
		{"RFC 7871, Section 7.1.2", "SOURCE 0 of IPv6", both, asked(1, ecs(2, 0, 0)), "NOERROR aa an=1 ecs ecs=2/0/0"},
		{"RFC 7871, Section 7.1.2", "family 0", both, asked(1, ecs(0, 0, 0)), "NOERROR aa an=1 ecs ecs=0/0/0"},
		{"RFC 7871, Section 7.2.1", "NODATA", both, asked(dnswire.TypeAAAA, ecs(1, 24, 0, 198, 51, 100)), "NOERROR aa an=0 ns=1 ecs ecs=1/24/24"},
		{"RFC 7871, Section 6", "malformed", both, asked(1, ecs(1, 24, 0, 198, 51)), "FORMERR an=0 -ecs"},
		{"RFC 8482, Section 4.1", "ANY", both, asked(dnswire.TypeANY), "NOERROR aa"},
		{"RFC 6895, Section 3.1", "the type that is of private use", both, asked(dnswire.TypeSTEER), "NOERROR aa an=0 ns=1"},
		{"RFC 2308, Section 2.2", "TXT", both, asked(dnswire.TypeTXT), "NOERROR aa an=0 ns=1"},
		{"RFC 8020, Section 2", "a name below", both, ask("x.steered.example.net", 1).bytes(), "NXDOMAIN aa an=0 ns=1"},
	} {
		for _, over := range []transport{udp, tcp} {
			if r := run(s, c, over, uint16(i+1), sentinel(), true); r.err != nil {
				t.Errorf("%s, %s: %v (%s)", over, c.name, r.err, c.rfc)
			}
		}
	}
}
