package policy_test

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/internal/goldentest"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/policy"
	"github.com/geodns-vipd/geodns/pkg/steering"
)

// A transcript is a list of commands, each followed by a line "----" and what
// came out, to an empty line. The commands:
//
//	places     the lines below: NETWORK FIELDS…; a word of two letters is the
//	           continent first, then the country, XX-YYY a subdivision, AS1 an
//	           AS number, a number the city's id, @50.1,8.7 coordinates, any
//	           other word the city
//	steering   the lines below are steering.yaml
//	health     THING=STATE…: a site, an address, or POLICY/TARGET; down, held,
//	           drained, forced-down, forced-up, kept by each guard though it is
//	           down, or a share such as 50%; all others are up
//	pick       STEER CLIENT [v6|other] [drawn=N]: one line
//	explain    the same, with the trace
func TestTranscripts(t *testing.T) {
	goldentest.Run(t, "testdata/*.txt", func(_ *testing.T, text string) string { return replay(text) })
}

// replay runs the commands of a transcript and returns it with what came out.
func replay(text string) string {
	s := &session{}
	var out []string
	for _, block := range strings.Split(strings.TrimRight(text, "\n"), "\n\n") {
		input, _, isCommand := strings.Cut(block, "\n----")
		if !isCommand {
			out = append(out, block)
			continue
		}
		// Comments stand before the command.
		command := input
		for strings.HasPrefix(command, "#") {
			_, command, _ = strings.Cut(command, "\n")
		}
		line, body, _ := strings.Cut(command, "\n")
		words := strings.Fields(line)
		result := s.run(words[0], words[1:], line, body)
		if result != "" {
			result = "\n" + strings.TrimRight(result, "\n")
		}
		out = append(out, input+"\n----"+result)
	}
	return strings.Join(out, "\n\n") + "\n"
}

// session is what the commands of a transcript have set up.
type session struct {
	index  *geo.Index
	config *steering.Config
	sites  *policy.Sites
	health *health.Snapshot
	states map[string]string
}

func (s *session) run(command string, args []string, line, body string) string {
	switch command {
	case "places":
		return s.places(body)
	case "steering":
		return s.steering(body)
	case "health":
		return s.setHealth(args)
	case "pick":
		return s.pick(strings.TrimPrefix(line, "pick "), nil)
	case "explain":
		return s.pick(strings.TrimPrefix(line, "explain "), &policy.Trace{})
	}
	return "unknown command " + command
}

func (s *session) places(body string) string {
	b := geo.NewSourceBuilder()
	for _, line := range strings.Split(body, "\n") {
		words := strings.Fields(line)
		var p geo.Place
		for _, w := range words[1:] {
			number, err := strconv.ParseUint(strings.TrimPrefix(w, "AS"), 10, 32)
			switch {
			case err == nil && strings.HasPrefix(w, "AS"):
				p.ASN = uint32(number)
			case err == nil:
				p.CityID = uint32(number)
			case strings.HasPrefix(w, "@"):
				lat, lon, _ := strings.Cut(w[1:], ",")
				p.Lat, _ = strconv.ParseFloat(lat, 64)
				p.Lon, _ = strconv.ParseFloat(lon, 64)
				p.HasLocation = true
			case strings.Contains(w, "-"):
				p.Subdivisions = append(p.Subdivisions, w)
			case len(w) == 2 && p.Continent == "":
				p.Continent = w
			case len(w) == 2:
				p.Country = w
			default:
				p.City = strings.ReplaceAll(w, "_", " ")
			}
		}
		b.Add(netip.MustParsePrefix(words[0]), p)
	}
	s.index = geo.Merge(b.Source("places"))
	return ""
}

func (s *session) steering(body string) string {
	c, diags := steering.Parse([]steering.File{{Name: "steering.yaml", Data: []byte(body + "\n")}})
	s.config, s.sites = c, c.NewSites()
	s.setHealth(nil)
	return lines(diags)
}

func lines(diags diag.List) string {
	var b strings.Builder
	for _, d := range diags {
		fmt.Fprintln(&b, d)
	}
	return b.String()
}

func (s *session) setHealth(args []string) string {
	subjects := s.sites.Subjects()
	s.health, s.states = health.NewSnapshot(len(subjects)), map[string]string{}
	for _, arg := range args {
		thing, state, _ := strings.Cut(arg, "=")
		s.states[thing] = state
	}
	used := 0
	var kept, refused []health.ID
	for _, subject := range subjects {
		name := subject.Site
		if subject.Addr.IsValid() {
			name = subject.Addr.String()
		}
		if subject.Policy != "" {
			name = subject.Policy + "/" + subject.Site
		}
		if state, ok := s.states[name]; ok {
			used++
			s.health = s.health.With(subject.ID, entryOf(state))
		}
		if _, ok := s.states["full:"+name]; ok {
			used++
			refused = append(refused, subject.ID)
		}
		if s.states[name] == "kept" {
			kept = append(kept, subject.ID)
		}
	}
	s.refuse(refused)
	for guard := range 4 {
		s.health = s.health.WithKept(guard, kept...)
	}
	if used != len(args) {
		return "some of these are unknown"
	}
	return ""
}

// refuse lets sites take of those whom others send on only such whose place is
// at 80 % or higher.
func (s *session) refuse(full []health.ID) {
	var refusals []health.Refusal
	for _, to := range full {
		for _, subject := range s.sites.Subjects() {
			if s.health.At(subject.ID).Spill > 0 {
				refusals = append(refusals, health.Refusal{From: subject.ID, To: to, Below: health.FullShare / 5 * 4})
			}
		}
	}
	s.health = s.health.WithRefusals(refusals...)
}

func entryOf(state string) health.Entry {
	e := health.Entry{Up: true, Share: health.FullShare}
	switch state {
	case "down", "kept":
		e.Up = false
	case "held":
		e.Held = true
	case "drained":
		e.Share = 0
	case "forced-down":
		e.Forced = health.ForcedDown
	case "forced-up":
		e.Up, e.Forced = false, health.ForcedUp
	case "over":
		e.Spill = health.FullShare / 2
	default:
		percent, err := strconv.Atoi(strings.TrimSuffix(state, "%"))
		if err != nil {
			panic("unknown state " + state)
		}
		e.Share = uint16(health.FullShare * percent / 100)
	}
	return e
}

// why gives each address that is down a reason.
func (s *session) why(id health.ID) string {
	for _, subject := range s.sites.Subjects() {
		if subject.ID == id && subject.Addr.IsValid() && s.states[subject.Addr.String()] == "down" {
			return "connection refused"
		}
	}
	return ""
}

// pick parses "STEER CLIENT [v6|other] [drawn=N]"; STEER may hold blanks.
func (s *session) pick(args string, trace *policy.Trace) string {
	in := policy.Input{Health: s.health, Draw: drawn(0), Trace: trace}
	words := strings.Fields(args)
	for len(words) > 2 {
		last := words[len(words)-1]
		number, isDraw := strings.CutPrefix(last, "drawn=")
		switch {
		case isDraw:
			n, err := strconv.ParseUint(number, 10, 64)
			if err != nil {
				return err.Error()
			}
			in.Draw = drawn(n)
		case last == "v6":
			in.Family = policy.V6
		case last == "other":
			in.Family = policy.Other
		default:
			return s.pickFor(strings.Join(words[:len(words)-1], " "), last, &in)
		}
		words = words[:len(words)-1]
	}
	return s.pickFor(words[0], words[1], &in)
}

func (s *session) pickFor(ref, client string, in *policy.Input) string {
	spec, diags := s.config.Resolve(ref, diag.Pos{File: "example.zone", Line: 7, Col: 14})
	if spec == nil {
		return lines(diags)
	}
	p, diags := policy.Compile(spec, s.sites, s.index)
	if p == nil {
		return lines(diags)
	}
	if client != "nowhere" {
		in.Client = netip.MustParseAddr(client)
	}
	var out policy.Choice
	p.Pick(in, &out)
	if in.Trace != nil {
		in.Trace.Why = s.why
		p.Pick(in, &out)
		return lines(diags) + strings.Join(in.Trace.Lines(), "\n") + "\n= " + in.Trace.Summary
	}
	var names, last string
	for _, i := range out.Sites {
		names += " " + s.sites.At(i).Name
	}
	if out.LastResort {
		last = ", last resort"
	}
	return lines(diags) + fmt.Sprintf("%s%s %v /%d%s", out.Action, names, out.Addrs, out.Scope, last)
}

// drawn is a Draw that always gives the same number.
type drawn uint64

func (d drawn) Uint64N(n uint64) uint64 { return uint64(d) % n }
