package vipd_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/vipd"
)

// The acceptance matrix: crafted adverts of priority 200 against an instance of
// priority 100, on a real link. One that is believed keeps it BACKUP; one that
// is not, however often it comes, leaves it to become MASTER in its own time.

// row is one kind of advert and what becomes of it.
type row struct {
	name string
	edit func(r *rowPacket)

	reason string // for which it is refused, as in the metrics; "": believed
	quiet  bool   // refused, and not worth a line: garbage
	unseen bool   // refused by the kernel before we see it
	alarm  string // kind, of one that is believed
	note   string // in `vipd why`
	form   string // MASTER's answer must have this form; only with priority 50
}

// rowPacket is what a row may change.
type rowPacket struct {
	forged
	packet
	conf string // more lines for the block of the instance
}

func vips(text ...string) []netip.Addr {
	var out []netip.Addr
	for _, t := range text {
		out = append(out, netip.MustParseAddr(t))
	}
	return out
}

const password = "authentication {\n auth_type PASS\n auth_pass secret12\n }"

func ttl(n uint8) func(*rowPacket)     { return func(r *rowPacket) { r.ttl = n } }
func sum(form string) func(*rowPacket) { return func(r *rowPacket) { r.sum = form } }
func from(a string) func(*rowPacket) {
	return func(r *rowPacket) { r.src = netip.MustParseAddr(a) }
}
func to(a string) func(*rowPacket) {
	return func(r *rowPacket) { r.dst = netip.MustParseAddr(a) }
}
func weak(form string) func(*rowPacket) {
	return func(r *rowPacket) { r.priority, r.sum = 50, form }
}
func conf(line string, edit ...func(*rowPacket)) func(*rowPacket) {
	return func(r *rowPacket) {
		r.conf = line
		for _, f := range edit {
			f(r)
		}
	}
}

// anyForm are the rows that are the same everywhere.
var anyForm = []row{
	{name: "right"},
	{name: "other list of addresses", edit: func(r *rowPacket) { r.forged.vips[0] = r.forged.vips[0].Next() }, alarm: "addresses differ"},
	{name: "one address more", edit: func(r *rowPacket) { r.forged.vips = append(r.forged.vips, r.forged.vips[0].Next()) }, alarm: "addresses differ"},
	{name: "no addresses", edit: func(r *rowPacket) { r.forged.vips = nil }, alarm: "addresses differ"},
	{name: "checksum 0", edit: sum(sumZero), reason: "bad checksum"},
	{name: "TOS 0", edit: func(r *rowPacket) { r.tos = 0 }},
	{name: "priority 255", edit: func(r *rowPacket) { r.priority = 255 }},
	{name: "type 2", edit: func(r *rowPacket) { r.typ = 2 }, reason: "wrong type", quiet: true},
	{name: "bytes behind it", edit: func(r *rowPacket) { r.trailing = 6 }, reason: "trailing bytes"},
	{name: "counts more than there is", edit: func(r *rowPacket) { r.count = 3 }, reason: "length does not fit", quiet: true},
}

var v3Rows = []row{
	{name: "version 2", edit: func(r *rowPacket) { r.version = 2 }, reason: "wrong version"},
	{name: "reserved bits", edit: func(r *rowPacket) { r.interval |= 0xf000 }},
	{name: "other interval", edit: func(r *rowPacket) { r.interval = 100 }, note: "would take over within 3.6"},
	{name: "wrong checksum", edit: sum(sumWrong), reason: "bad checksum"},
}

var multicastRows = []row{
	{name: "TTL 254", edit: ttl(254), reason: "TTL too low"},
	{name: "TTL 64", edit: ttl(64), reason: "TTL too low"},
}

// section is one kind of instance.
type section struct {
	version  uint8
	unicast  bool
	ipv6     bool
	src, dst string
	rows     [][]row
}

func TestAcceptanceMatrix(t *testing.T) {
	for name, s := range map[string]section{
		"v2 multicast": {version: 2, src: "10.77.0.2", dst: "224.0.0.18", rows: [][]row{anyForm, multicastRows, {
			{name: "sum without the password's bytes", edit: conf(password, sum(sumNoAuth), pass(1, "secret12")), reason: "bad checksum"},
			{name: "interval differs", edit: func(r *rowPacket) { r.interval = 2 }, alarm: "interval differs", note: "would take over within 6.6"},
			{name: "right password", edit: conf(password, pass(1, "secret12"))},
			{name: "wrong password", edit: conf(password, pass(1, "secret13")), reason: "wrong password"},
			{name: "password missing", edit: conf(password), reason: "authentication type differs"},
			{name: "password unexpected", edit: pass(1, "secret12"), reason: "authentication type differs"},
			{name: "without authentication data", edit: func(r *rowPacket) { r.noAuthData = true }, reason: "length does not fit", quiet: true},
			{name: "version 3", edit: func(r *rowPacket) { r.version, r.interval = 3, 100 }, reason: "wrong version"},
			{name: "to this node alone", edit: to("10.77.0.1"), reason: "unicast to a multicast instance"},
		}}},
		"v3 multicast": {version: 3, src: "10.77.0.2", dst: "224.0.0.18", rows: [][]row{anyForm, v3Rows, multicastRows, {
			{name: "sum without pseudo-header", edit: sum(sumPlain)},
			{name: "to this node alone", edit: to("10.77.0.1"), reason: "unicast to a multicast instance"},
			{name: "weak, with pseudo-header", edit: weak(sumRight), form: "right"},
			{name: "weak, without pseudo-header", edit: weak(sumPlain), form: sumPlain},
		}}},
		"v2 unicast": {version: 2, unicast: true, src: "10.77.0.2", dst: "10.77.0.1", rows: [][]row{anyForm, {
			{name: "TTL 254", edit: ttl(254), reason: "TTL too low"},
			{name: "interval differs", edit: func(r *rowPacket) { r.interval = 2 }, alarm: "interval differs"},
			{name: "wrong password", edit: conf(password, pass(1, "secret13")), reason: "wrong password"},
			{name: "no peer", edit: from("10.77.0.9"), reason: "source is no peer"},
		}}},
		"v3 unicast": {version: 3, unicast: true, src: "10.77.0.2", dst: "10.77.0.1", rows: [][]row{anyForm, v3Rows, {
			{name: "TTL 254", edit: ttl(254), reason: "TTL too low"},
			{name: "TTL 64", edit: ttl(64), reason: "TTL too low"},
			{name: "TTL 64, min_ttl 64", edit: conf("unicast_peer { 10.77.0.2 min_ttl 64 }", ttl(64))},
			{name: "routed peer, TTL 60", edit: conf("unicast_peer { 192.0.2.7 }", from("192.0.2.7"), ttl(60))},
			{name: "no peer", edit: from("10.77.0.9"), reason: "source is no peer"},
			{name: "no peer, no_check_unicast_src", edit: conf("unicast_peer { 10.77.0.2 }\n no_check_unicast_src", from("10.77.0.9"))},
			{name: "sum without pseudo-header", edit: sum(sumPlain)},
			{name: "sum with the group", edit: sum(sumGroup)},
			{name: "to the group", edit: to("224.0.0.18"), unseen: true},
			{name: "weak, with pseudo-header", edit: weak(sumRight), form: "right"},
			{name: "weak, without pseudo-header", edit: weak(sumPlain), form: sumPlain},
			{name: "weak, with the group", edit: weak(sumGroup), form: sumGroup},
		}}},
		"IPv6 multicast": {version: 3, ipv6: true, src: "fe80::99", dst: "ff02::12", rows: [][]row{anyForm, v3Rows, multicastRows, {
			{name: "sum without pseudo-header", edit: sum(sumPlain), reason: "bad checksum"},
		}}},
		"IPv6 unicast": {version: 3, unicast: true, ipv6: true, src: "2001:db8:77::2", dst: "2001:db8:77::1", rows: [][]row{anyForm, v3Rows, {
			{name: "hop limit 64, as keepalived sends", edit: ttl(64)},
			{name: "hop limit 64, min_ttl 255", edit: conf("unicast_peer { 2001:db8:77::2 min_ttl 255 }", ttl(64)), reason: "TTL too low"},
			{name: "no peer", edit: from("2001:db8:77::9"), reason: "source is no peer"},
			{name: "to the group", edit: to("ff02::12"), unseen: true},
		}}},
	} {
		t.Run(name, s.run)
	}
}

func pass(auth uint8, text string) func(*rowPacket) {
	return func(r *rowPacket) { r.auth, r.pass = auth, text }
}

// vip returns the address of a row.
func (s *section) vip(n int) string {
	if s.ipv6 {
		return fmt.Sprintf("2001:db8:77::1:%x/128", n)
	}
	return fmt.Sprintf("10.77.1.%d/32", n)
}

// make returns the packet of a row, and the block of the instance that gets
// it.
func (s *section) make(n int, r row) (rowPacket, string) {
	vip, _, _ := strings.Cut(s.vip(n), "/")
	p := rowPacket{
		forged: forged{version: s.version, typ: 1, vrid: uint8(n), priority: 200, interval: 1, vips: vips(vip), count: -1},
		packet: packet{src: netip.MustParseAddr(s.src), dst: netip.MustParseAddr(s.dst), ttl: 255, tos: 0xc0, proto: 112},
	}
	interval := "1"
	if s.version == 3 {
		p.interval, interval = 30, "0.3"
	}
	if s.unicast {
		p.conf = "unicast_peer { " + s.src + " }"
	}
	if r.edit != nil {
		own := p.conf
		r.edit(&p)
		if s.unicast && !strings.Contains(p.conf, "unicast_peer") {
			p.conf += "\n" + own
		}
	}
	if s.unicast {
		p.conf += "\nunicast_src_ip " + s.dst
	}
	p.packet.data = p.forged.bytes(p.src, p.dst)
	return p, fmt.Sprintf("vrrp_instance R%d {\n interface eth0\n version %d\n virtual_router_id %d\n priority 100\n advert_int %s\n virtual_ipaddress { %s }\n %s\n}\n",
		n, s.version, n, interval, s.vip(n), p.conf)
}

func (s section) run(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a", "x")
	l.ip("a", "addr add 2001:db8:77::1/64 dev eth0 nodad")
	l.ip("x", "addr add 2001:db8:77::2/64 dev eth0 nodad")
	l.ip("a", "route add 192.0.2.0/24 via 10.77.0.2")
	x, mac := l.tap("x"), l.hardware("a")
	var rows []row
	var config strings.Builder
	var frames [][]byte
	for _, list := range s.rows {
		rows = append(rows, list...)
	}
	for i, r := range rows {
		p, block := s.make(i+1, r)
		config.WriteString(block)
		frames = append(frames, p.frame(mac))
	}
	done := x.every(100*time.Millisecond, frames...)
	defer done()
	a := l.start("a", config.String())
	l.within(20*time.Second, "every row has come to rest", func() bool { return s.atRest(a, rows) })
	time.Sleep(time.Second) // and nothing moves afterwards
	states := map[string]vipd.InstanceStatus{}
	for _, st := range a.all() {
		states[st.Name] = st
	}
	for i, r := range rows {
		s.verify(t, a, x, i+1, r, states[fmt.Sprintf("R%d", i+1)])
	}
}

// every sends frames again and again until the function that it returns is
// called.
func (p *tap) every(interval time.Duration, frames ...[]byte) (stop func()) {
	var wg sync.WaitGroup
	end := make(chan struct{})
	wg.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			for _, f := range frames {
				p.send(f)
			}
			select {
			case <-tick.C:
			case <-end:
				return
			}
		}
	})
	return sync.OnceFunc(func() { close(end); wg.Wait() })
}

// believed reports whether the instance of a row stays BACKUP.
func (r row) believed() bool { return r.reason == "" && !r.unseen && r.form == "" }

func (s *section) atRest(a *node, rows []row) bool {
	all := a.all()
	if len(all) != len(rows) {
		return false
	}
	for i, st := range all {
		switch {
		case rows[i].believed() && (st.State != "BACKUP" || st.Master == nil):
			return false
		case !rows[i].believed() && st.State != "MASTER":
			return false
		case rows[i].reason != "" && !rows[i].quiet && len(st.Refused) == 0:
			return false // of strangers one packet in eight is looked at
		}
	}
	return true
}

func (s *section) verify(t *testing.T, a *node, x *tap, n int, r row, st vipd.InstanceStatus) {
	t.Helper()
	p, _ := s.make(n, r)
	fail := func(format string, args ...any) {
		t.Helper()
		a.wrong("%s: %s", r.name, fmt.Sprintf(format, args...))
	}
	became := a.metric(fmt.Sprintf(`vipd_transitions_total{instance="R%d",to="MASTER"}`, n))
	if want := 1 - b2f(r.believed()); became != want {
		fail("became master %v times, want %v: %s", became, want, st.Reason)
	}
	if r.believed() && (st.Master == nil || *st.Master != p.src.String()) {
		fail("master is %v, want %v", st.Master, p.src)
	}
	s.verifyRefusal(a, n, r, p, st, fail)
	lines := 0
	for _, line := range strings.Split(a.log.String(), "\n") {
		if !strings.Contains(line, fmt.Sprintf(" instance=R%d ", n)) || !strings.Contains(line, "level=WARN") {
			continue
		}
		if !strings.Contains(line, "is IP protocol 112 allowed") {
			lines++
		} else if !r.quiet && !r.unseen && r.reason != "source is no peer" {
			fail("a peer that is refused is said not to be heard")
		}
	}
	if want := r.lines(); lines != want {
		fail("%d warnings in the log, want %d", lines, want)
	}
	if r.alarm != "" {
		if got := a.metric(fmt.Sprintf(`vipd_alarms_total{instance="R%d",kind="%s"}`, n, r.alarm)); got != 1 {
			fail("%v alarms, want 1", got)
		}
		if st.LastAlarm == nil || st.LastAlarm.Kind != r.alarm {
			fail("last alarm %+v", st.LastAlarm)
		}
	}
	if out, _ := a.vipd("why", fmt.Sprintf("R%d", n)); !strings.Contains(out, r.note) {
		fail("no %q in why:\n%s", r.note, out)
	}
	if r.form != "" {
		s.verifyForm(x, uint8(n), r, fail)
	}
}

// lines returns how many warnings a row may cause, besides that a peer was
// never heard.
func (r row) lines() int {
	if r.form != "" || r.alarm != "" || r.reason != "" && !r.quiet {
		return 1
	}
	return 0
}

func (s *section) verifyRefusal(a *node, n int, r row, p rowPacket, st vipd.InstanceStatus, fail func(string, ...any)) {
	if r.reason == "" {
		if len(st.Refused) != 0 {
			fail("refused: %+v", st.Refused)
		}
		return
	}
	if got := a.metric(fmt.Sprintf(`vipd_adverts_refused_total{instance="R%d",reason="%s"}`, n, r.reason)); got < 1 {
		fail("metric of %q is %v", r.reason, got)
	}
	if r.quiet {
		if len(st.Refused) != 0 {
			fail("shown: %+v", st.Refused)
		}
		return
	}
	if len(st.Refused) != 1 || st.Refused[0].Reason != r.reason || st.Refused[0].From != p.src.String() {
		fail("refused %+v, want %s of %v", st.Refused, r.reason, p.src)
	}
	if out, _ := a.vipd("why", fmt.Sprintf("R%d", n)); !strings.Contains(out, "not believed: "+p.src.String()) || !strings.Contains(out, r.reason) {
		fail("why does not say it:\n%s", out)
	}
}

func (s *section) verifyForm(x *tap, vrid uint8, r row, fail func(string, ...any)) {
	var last *heardAdvert
	for _, h := range x.adverts(vrid) {
		if h.src != netip.MustParseAddr(s.src) {
			last = &h
		}
	}
	want := strings.TrimPrefix(r.form, "right")
	switch {
	case last == nil:
		fail("no answer")
	case last.formOf() != want:
		fail("answered with checksum %q, want %q", last.formOf(), want)
	case last.ttl != 255 || last.data[2] != 100:
		fail("answered with TTL %d, priority %d", last.ttl, last.data[2])
	}
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
