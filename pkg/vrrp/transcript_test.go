package vrrp

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/goldentest"
)

// TestTranscripts plays the scenarios in testdata. A file is prose (lines that
// begin with #) and blocks: commands, a line "----", then what the router
// asked for, each line with its time.
//
// Commands, each optionally with a time before it ("@5s advert …"): the
// router's own timers run until then.
//
//	router KEY=VALUE…  a new router at time zero; first of each scenario
//	hide WORD…         leave out actions that begin with a word
//	run                let the timers run until the time before it
//	sleep              stop the timers until the next command, which comes late
//	EVENT KEY=VALUE…   see event
//	status, outlook, lease
func TestTranscripts(t *testing.T) { goldentest.Run(t, "testdata/*.txt", play) }

// play runs the commands of a transcript and returns it with what came out.
func play(t *testing.T, text string) string {
	p := &player{t: t}
	var out strings.Builder
	inOutput := false
	for _, line := range strings.SplitAfter(text, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "----":
			inOutput = true
			out.WriteString("----\n")
			out.WriteString(p.take())
		case inOutput && trimmed != "":
		case trimmed == "" || strings.HasPrefix(trimmed, "#"):
			inOutput = false
			out.WriteString(line)
		default:
			out.WriteString(line)
			p.command(trimmed)
		}
	}
	return out.String()
}

type player struct {
	t      *testing.T
	r      Router
	now    time.Duration
	timer  time.Duration
	asleep bool
	hidden []string
	lines  []string
}

func (p *player) take() string {
	if len(p.lines) == 0 {
		return "nothing\n"
	}
	text := strings.Join(p.lines, "\n") + "\n"
	p.lines = nil
	return text
}

func (p *player) command(line string) {
	words := strings.Fields(line)
	if at, ok := strings.CutPrefix(words[0], "@"); ok {
		p.runUntil(p.duration(at))
		words = words[1:]
	}
	args := map[string]string{}
	for _, w := range words[1:] {
		k, v, _ := strings.Cut(w, "=")
		args[k] = v
	}
	switch words[0] {
	case "router":
		p.r, p.now, p.timer, p.asleep, p.hidden = New(p.config(args)), 0, 0, false, nil
	case "hide":
		p.hidden = append(p.hidden, words[1:]...)
	case "run":
	case "sleep":
		p.asleep = true
	case "status":
		p.status()
	case "outlook":
		for _, l := range p.r.Outlook() {
			p.say(l)
		}
	case "lease":
		until, ok := p.r.Lease()
		p.say(fmt.Sprintf("lease until %v, %v", until, ok))
	default:
		p.step(p.event(words[0], args))
	}
}

// runUntil delivers Wake whenever the timer says so.
func (p *player) runUntil(at time.Duration) {
	for !p.asleep && p.timer > 0 && p.timer <= at {
		p.now = p.timer
		p.timer = 0
		p.step(Wake{p.now})
	}
	p.now, p.asleep = at, false
}

func (p *player) step(ev Event) {
	before := p.r
	var actions []Action
	p.r, actions = p.r.Step(ev)
	if again, actions2 := before.Step(ev); fmt.Sprint(actions) != fmt.Sprint(actions2) || again.state != p.r.state {
		p.t.Errorf("%T: not pure: %v, then %v", ev, actions, actions2)
	}
	for _, a := range actions {
		switch a := a.(type) {
		case SetTimer:
			p.timer = a.At
		case ClearTimer:
			p.timer = 0
		}
		text := a.String()
		if !slices.ContainsFunc(p.hidden, func(h string) bool { return strings.HasPrefix(text, h) }) {
			p.say(text)
		}
	}
}

func (p *player) say(text string) {
	p.lines = append(p.lines, fmt.Sprintf("%-9s %s", p.now.Round(100*time.Microsecond), text))
}

func (p *player) status() {
	st := p.r.Status()
	p.say(fmt.Sprintf("%v since %v, priority %s, master %v", st.State, st.Since, st.Reason, st.Master))
	for _, peer := range st.Peers {
		p.say(fmt.Sprintf("peer %v priority %d vipd %v eligible %v form %v", peer.Addr, peer.Priority, peer.Vipd, peer.Eligible, peer.Form))
	}
	for _, f := range st.Refusals {
		p.say(fmt.Sprintf("refused %v: %v ×%d", f.From, f.Reason, f.Count))
	}
	if st.LastAlarm.Text != "" {
		p.say(fmt.Sprintf("last alarm at %v: %v", st.LastAlarm.At, st.LastAlarm.Alarm))
	}
}

// event returns the event of a command.
func (p *player) event(name string, args map[string]string) Event {
	from := p.addr(args["from"])
	_, off := args["off"]
	switch name {
	case "start":
		return Start{p.now}
	case "stop":
		_, deleted := args["deleted"]
		return Stop{p.now, deleted}
	case "wake":
		return Wake{p.now}
	case "drained":
		return QueueDrained{p.now}
	case "advert":
		return p.advert(args)
	case "refused":
		for d := range numDropReasons {
			if strings.ReplaceAll(d.String(), " ", "-") == args["reason"] {
				return PacketRefused{p.now, from, d, 0}
			}
		}
	case "sendfailed":
		return SendFailed{p.now, p.addr(args["to"]), "operation not permitted"}
	case "up", "down":
		return Track{At: p.now, Kind: "script", Name: args["name"], Up: name == "up", Text: args["text"]}
	case "value":
		return Track{At: p.now, Kind: "file", Name: args["name"], Value: p.number(args, "value", 0)}
	case "link":
		return Link{p.now, !off, args["why"]}
	case "lost":
		return AddressLost{p.now, p.addr(args["addr"])}
	case "duplicate":
		return AddressDuplicate{p.now, p.addr(args["addr"])}
	case "missed":
		return RefreshMissed{p.now}
	case "reload":
		return Reload{p.now, p.changed(args)}
	case "drain":
		return Drain{At: p.now, On: !off, Force: has(args, "force"), LastResort: has(args, "last-resort")}
	case "hello", "goodbye", "handover":
		return p.message(name, args)
	case "order":
		return GroupOrder{p.now, Order{p.r.cfg.Name, OrderKind(slices.Index(orderTexts[:], args["kind"])), args["text"]}}
	}
	p.t.Fatalf("what is %q %v?", name, args)
	return nil
}

func has(args map[string]string, key string) bool { _, ok := args[key]; return ok }

func (p *player) advert(args map[string]string) Event {
	a := Advert{Version: p.r.cfg.Version, VRID: p.r.cfg.VRID, Priority: uint8(p.number(args, "priority", 100)),
		Interval: p.r.cfg.Interval, VIPs: p.r.cfg.VIPs}
	if v, ok := args["interval"]; ok {
		a.Interval = p.duration(v)
	}
	if v, ok := args["vips"]; ok {
		a.VIPs = p.addrs(v)
	}
	if args["form"] == "plain" {
		a.Form = FormPlain
	}
	return AdvertReceived{p.now, p.addr(args["from"]), a, p.age(args), 0}
}

func (p *player) age(args map[string]string) time.Duration {
	if v, ok := args["age"]; ok {
		return p.duration(v)
	}
	return 0
}

func (p *player) message(name string, args map[string]string) Event {
	from := p.addr(args["from"])
	m := Message{
		Kind: KindHello, VRID: p.r.cfg.VRID, Version: p.r.cfg.Version, State: Backup,
		Priority: uint8(p.number(args, "priority", 100)), Eligible: !has(args, "ineligible"), Preempts: !has(args, "nopreempt"),
		Digest: p.r.cfg.Digest(), LeftMaster: NeverMaster, Running: time.Hour, Sender: from, Sequence: uint64(p.now) + 1,
	}
	if has(args, "misfit") {
		m.Digest++
	}
	if has(args, "replayed") {
		m.Sequence = 0
	}
	if v, ok := args["left"]; ok {
		m.LeftMaster = p.duration(v)
	}
	if v, ok := args["running"]; ok {
		m.Running = p.duration(v)
	}
	switch name {
	case "goodbye":
		m.Kind = KindGoodbye
	case "handover":
		m.Kind, m.Successor = KindHandover, p.addr(args["successor"])
		return HandoverReceived{p.now, from, m, p.age(args), 0}
	}
	return HelloReceived{p.now, from, m, p.age(args), 0}
}

// config returns what a router command describes; the defaults are
// keepalived's.
func (p *player) config(args map[string]string) *Config {
	return p.apply(Config{
		Rules: Rules{Version: V3, VRID: 51, Local: addr("10.0.0.1")}, Name: "VI_1", Interval: time.Second, Priority: 100,
		VIPs: addrs("10.0.0.100"), Announce: 5, AnnounceDelay: 5 * time.Second, AnnounceLower: 5, AnnounceLowerDelay: 5 * time.Second,
	}, args)
}

// changed returns the present configuration with changes.
func (p *player) changed(args map[string]string) *Config { return p.apply(*p.r.cfg, args) }

func (p *player) apply(c Config, args map[string]string) *Config {
	for _, k := range slices.Sorted(maps.Keys(args)) {
		v := args[k]
		switch k {
		case "version":
			c.Version = uint8(p.number(args, k, 3))
		case "local":
			c.Local = p.addr(v)
		case "priority":
			c.Priority = uint8(p.number(args, k, 100))
		case "interval":
			c.Interval = p.duration(v)
		case "vips":
			c.VIPs = p.addrs(v)
			c.Addresses++
		case "peers":
			c.Unicast, c.Peers = true, nil
			for _, a := range p.addrs(v) {
				c.Peers = append(c.Peers, Peer{Addr: a})
			}
		case "nopreempt":
			c.NoPreempt = true
		case "preempt-delay":
			c.PreemptDelay = p.duration(v)
		case "startup-delay":
			c.StartupDelay = p.duration(v)
		case "others-best":
			c.OthersBest = uint8(p.number(args, k, 0))
		case "announce-every":
			c.AnnounceEvery = p.duration(v)
		case "no-lower-advert":
			c.NoLowerAdvert = true
		case "grouped":
			c.Grouped = true
		case "track": // name:weight,…
			c.Trackers = nil
			for _, item := range strings.Split(v, ",") {
				name, weight, _ := strings.Cut(item, ":")
				w, err := strconv.Atoi(weight)
				p.check(err)
				c.Trackers = append(c.Trackers, Tracker{Kind: "script", Name: name, Weight: w})
			}
		default:
			p.t.Fatalf("what is %s=%s?", k, v)
		}
	}
	return &c
}

func (p *player) number(args map[string]string, key string, otherwise int) int {
	v, ok := args[key]
	if !ok {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	p.check(err)
	return n
}

func (p *player) duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	p.check(err)
	return d
}

func (p *player) addr(s string) netip.Addr {
	if s == "" {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(s)
	p.check(err)
	return a
}

func (p *player) addrs(s string) []netip.Addr {
	if s == "" {
		return nil
	}
	var list []netip.Addr
	for _, f := range strings.Split(s, ",") {
		list = append(list, p.addr(f))
	}
	return list
}

func (p *player) check(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}
