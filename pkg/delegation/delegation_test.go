package delegation

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

const head = "$TTL 300\n@ SOA ns1 hostmaster 7 3600 600 604800 300\n"

func plan(t *testing.T, text string) (Plan, error) {
	t.Helper()
	fsys := fstest.MapFS{"z": &fstest.MapFile{Data: []byte(head + text)}}
	origin, _ := dnswire.ParseName("example.com")
	z, list := zone.Load(fsys, "z", origin, zone.Options{})
	if z == nil {
		t.Fatal(list.Err())
	}
	return FromZone(z)
}

func good(t *testing.T) Plan {
	t.Helper()
	p, err := plan(t, "@ NS ns2\n@ NS ns1\n@ NS ns.example.net.\nns1 A 192.0.2.53\nns1 AAAA 2001:db8::53\nns2 A 192.0.2.54\n")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRecords(t *testing.T) {
	want := []string{
		"example.com. 300 IN NS ns.example.net.",
		"example.com. 300 IN NS ns1.example.com.",
		"example.com. 300 IN NS ns2.example.com.",
		"ns1.example.com. 300 IN A 192.0.2.53",
		"ns1.example.com. 300 IN AAAA 2001:db8::53",
		"ns2.example.com. 300 IN A 192.0.2.54",
	}
	if got := good(t).Records(); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func addrs(s ...string) (out []netip.Addr) {
	for _, a := range s {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

func TestCompare(t *testing.T) {
	names := []string{"ns.example.net.", "ns1.example.com.", "ns2.example.com."}
	referral := func() Referral {
		return Referral{Server: "a.nic.com. (192.0.2.1)", NS: slices.Clone(names), Glue: map[string][]netip.Addr{
			"ns1.example.com.": addrs("192.0.2.53", "2001:db8::53"), "ns2.example.com.": addrs("192.0.2.54")}}
	}
	server := func() ServerReply {
		return ServerReply{Name: "ns1.example.com.", Addr: addrs("192.0.2.53")[0], AA: true, RCode: "NOERROR", NS: slices.Clone(names), Serial: 7}
	}
	for _, c := range []struct {
		name   string
		change func(r *Referral, s *ServerReply, l *Learnt)
		want   string // of the findings that are not ok: level and a part of the text, in order
	}{
		{"all agree", func(*Referral, *ServerReply, *Learnt) {}, ""},
		{"letter case aside", func(r *Referral, _ *ServerReply, _ *Learnt) { r.NS[0] = "NS.Example.Net." }, ""},
		{"parent lacks a name server", func(r *Referral, _ *ServerReply, _ *Learnt) { r.NS = r.NS[:2] }, "error lacks NS ns2.example.com."},
		{"parent has one more", func(r *Referral, _ *ServerReply, _ *Learnt) { r.NS = append(r.NS, "old.example.net.") }, "error has NS old.example.net."},
		{"parent does not delegate", func(r *Referral, _ *ServerReply, _ *Learnt) { r.NS = nil }, "error does not delegate example.com."},
		{"stale glue", func(r *Referral, _ *ServerReply, _ *Learnt) { r.Glue["ns2.example.com."] = addrs("192.0.2.99") },
			"error lacks glue 192.0.2.54; error has stale glue 192.0.2.99"},
		{"parent server serves the zone too: no glue to compare", func(r *Referral, _ *ServerReply, _ *Learnt) { r.Answer, r.Glue = true, nil }, ""},
		{"no parent", func(_ *Referral, _ *ServerReply, l *Learnt) { l.Parent, l.ParentErr = "", "no reply" }, "error no reply"},
		{"parent silent", func(r *Referral, _ *ServerReply, _ *Learnt) { r.Err = "no reply" }, "error no reply; error none of its name servers"},
		{"no IPv6 here", func(_ *Referral, s *ServerReply, _ *Learnt) { s.Own = errors.New("network is unreachable") }, "warning not asked: network is unreachable"},
		{"lame", func(_ *Referral, s *ServerReply, _ *Learnt) { s.AA, s.RCode = false, "REFUSED" }, "error does not serve example.com. with authority (REFUSED)"},
		{"no TCP", func(_ *Referral, s *ServerReply, _ *Learnt) { s.TCPErr = "connection refused" }, "error TCP: connection refused"},
		{"other serial", func(_ *Referral, s *ServerReply, _ *Learnt) { s.Serial = 6 }, "warning has serial 6"},
		{"server names others", func(_ *Referral, s *ServerReply, _ *Learnt) { s.NS = names[:1] }, "error lacks NS ns1.example.com., ns2.example.com."},
		{"name server without address", func(_ *Referral, _ *ServerReply, l *Learnt) {
			l.Lost = map[string]string{"ns.example.net.": "no address"}
		}, "error no address"},
	} {
		r, s := referral(), server()
		l := Learnt{Parent: "com."}
		c.change(&r, &s, &l)
		l.Referrals, l.Servers = []Referral{r}, []ServerReply{s}
		findings := Compare(good(t), l)
		var bad []Finding
		for _, f := range findings {
			if f.Level != OK {
				bad = append(bad, f)
			}
		}
		var want []string
		if c.want != "" {
			want = strings.Split(c.want, "; ")
		}
		if len(bad) != len(want) {
			t.Errorf("%s: got %v, want %v", c.name, bad, want)
			continue
		}
		for i, w := range want {
			level, part, _ := strings.Cut(w, " ")
			if bad[i].Level != level || !strings.Contains(bad[i].What, part) {
				t.Errorf("%s: got %+v, want %s", c.name, bad[i], w)
			}
		}
		if got, want := Agree(findings), !strings.Contains(c.want, "error"); got != want {
			t.Errorf("%s: Agree is %v", c.name, got)
		}
	}
}
