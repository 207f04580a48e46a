package geodns

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/geodns-vipd/geodns/internal/control"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// ChangeReply is what a request that changes something is answered with.
type ChangeReply struct {
	Message   string           `json:"message"`   // what holds now, in a sentence
	Overrides []OverrideStatus `json:"overrides"` // those of the target
	Notes     []string         `json:"notes"`     // what to keep in mind
}

// change carries out what an operator decided: it holds, and is on the disk,
// before the reply is sent.
func (s *Server) change(req control.ChangeRequest) (any, error) {
	order, err := orderOf(req)
	if err != nil {
		return nil, &control.BadRequest{Text: err.Error()}
	}
	s.moving.RLock()
	defer s.moving.RUnlock()
	if s.handedOver {
		return nil, &control.Refusal{Status: http.StatusServiceUnavailable, Text: "another process has taken over meanwhile: ask again"}
	}
	l := s.live.Load()
	var reply ChangeReply
	ran := s.checker.do(context.Background(), func(context.Context) {
		now := time.Now()
		var target health.Target
		if target, err = findTarget(l.Loaded, s.checker.board, req); err != nil {
			return
		}
		reply.Message, err = s.carryOut(target, req, order, now)
		reply.Overrides = overridesOf(s.checker.board, target, now)
		reply.Notes = []string{}
		if req.Action == "undrain" || req.State == "none" {
			reply.Notes = othersOf(s.checker.board, target, now)
		}
	})
	switch {
	case !ran:
		return nil, &control.Refusal{Status: http.StatusServiceUnavailable, Text: "the server is ending"}
	case err != nil:
		return nil, err
	}
	s.Log.Info("override", "action", req.Action, "site", req.Site, "target", req.Address, "policy", req.Policy,
		"who", req.Who, "reason", req.Reason, "result", reply.Message)
	if err := s.keeper.write(); err != nil {
		reply.Notes = append(reply.Notes, "it holds, but not over a restart: "+err.Error())
	}
	return reply, nil
}

// othersOf tells what still holds of the same site once a target was put back:
// who drained one address does not get it back by naming the site.
func othersOf(b *health.Board, t health.Target, now time.Time) []string {
	out := []string{}
	for _, p := range b.Overrides() {
		if p.Target.Site != t.Site || p.Target == t {
			continue
		}
		flag := ""
		switch {
		case p.Target.Policy != "":
			flag = "; --policy " + p.Target.Policy + " takes it back"
		case p.Target.Addr.IsValid():
			flag = "; --address " + p.Target.Addr.String() + " takes it back"
		}
		out = append(out, "still: "+sentence(p.Target, overridesOf(b, p.Target, now))+flag)
	}
	return out
}

// orderOf checks the parts of a request that have nothing to do with what is
// configured.
func orderOf(req control.ChangeRequest) (health.Order, error) {
	o := health.Order{Who: req.Who, Reason: strings.TrimSpace(req.Reason)}
	if req.For != nil {
		o.For = time.Duration(*req.For)
	}
	if req.Over != nil {
		o.Over = time.Duration(*req.Over)
	}
	switch {
	case req.For != nil && (o.For <= 0 || o.For > health.MaxFor):
		return o, fmt.Errorf("for is %v: a time above 0, up to %v, or no for to hold until it is taken back", o.For, health.MaxFor)
	case o.Over < 0 || o.Over > health.MaxOver:
		return o, fmt.Errorf("over is %v: a time up to %v", o.Over, health.MaxOver)
	case o.For > 0 && o.Over > o.For:
		return o, fmt.Errorf("over is longer than for: it would never be out")
	case len(o.Reason) > health.MaxReason:
		return o, fmt.Errorf("the reason has %d octets: at most %d", len(o.Reason), health.MaxReason)
	case strings.ContainsFunc(o.Reason, unicode.IsControl):
		return o, errors.New("the reason holds control characters: one line of text")
	case req.Action == "force" && !slices.Contains([]string{"up", "down", "none"}, req.State):
		return o, fmt.Errorf("state is %q: up, down or none", req.State)
	case req.Action == "force" && req.State == "none" && o.For > 0:
		return o, errors.New("for goes with up or down")
	case req.Policy != "" && req.Address != "":
		return o, errors.New("policy and address exclude each other: a policy has sites and policies as targets")
	}
	return o, nil
}

// findTarget returns what a request is about: something that is configured, or
// that has an override from the time when it was.
func findTarget(l *Loaded, b *health.Board, req control.ChangeRequest) (health.Target, error) {
	t := health.Target{Policy: req.Policy, Site: req.Site}
	if req.Address != "" {
		a, err := netip.ParseAddr(req.Address)
		if err != nil {
			return t, &control.BadRequest{Text: fmt.Sprintf("address %q is no address: such as 192.0.2.1", req.Address)}
		}
		t.Addr = a.Unmap()
	}
	if slices.ContainsFunc(b.Overrides(), func(p health.Placed) bool { return p.Target == t }) {
		return t, nil
	}
	var policies, names, addrs []string
	for _, s := range l.Sites.Subjects() {
		if s.Target() == t {
			return t, nil
		}
		switch {
		case s.Policy != "" && !slices.Contains(policies, s.Policy):
			policies = append(policies, s.Policy)
		}
		switch {
		case s.Policy == t.Policy && !s.Addr.IsValid():
			names = append(names, s.Site)
		case s.Policy == "" && s.Site == t.Site:
			addrs = append(addrs, s.Addr.String())
		}
	}
	what, name, known := "site", t.Site, names
	switch {
	case t.Policy != "" && !slices.Contains(policies, t.Policy):
		what, name, known = "policy", t.Policy, policies
	case t.Policy != "":
		what = "target in policy " + t.Policy
	case slices.Contains(names, t.Site):
		what, name, known = "address of site "+t.Site, t.Addr.String(), addrs
	}
	return t, &control.Refusal{Status: http.StatusNotFound, Text: noSuch(what, name, known)}
}

// noSuch says that a name is not known, and which was meant.
func noSuch(what, name string, known []string) string {
	if near := diag.Nearest(name, known); near != "" {
		return fmt.Sprintf("no %s %q: did you mean %q?", what, name, near)
	}
	if len(known) == 0 {
		return fmt.Sprintf("no %s %q", what, name)
	}
	const listed = 20
	if len(known) > listed {
		known = append(slices.Clone(known[:listed]), "…")
	}
	return fmt.Sprintf("no %s %q: one of %s", what, name, strings.Join(known, ", "))
}

// carryOut changes the board and publishes; it must run in the board's
// goroutine. It returns what holds now.
func (s *Server) carryOut(t health.Target, req control.ChangeRequest, o health.Order, now time.Time) (string, error) {
	b := s.checker.board
	var err error
	var message string
	before := words(overridesOf(b, t, now))
	if req.Action == "drain" || req.State == "down" {
		if err := s.mayRemove(t, req, now); err != nil {
			return "", err
		}
	}
	switch {
	case req.Action == "drain":
		err = b.Drain(t, o, now)
	case req.Action == "undrain":
		if !s.undrain(t, req, o, now) {
			message = fmt.Sprintf("%s was not drained", t)
		}
	case req.State == "none":
		var was bool
		if was, err = b.Force(t, health.NotForced, o, now); !was {
			message = fmt.Sprintf("%s was not forced", t)
		}
	default:
		forced := health.ForcedUp
		if req.State == "down" {
			forced = health.ForcedDown
		}
		_, err = b.Force(t, forced, o, now)
	}
	if err != nil {
		return "", &control.Refusal{Status: http.StatusConflict, Text: err.Error()}
	}
	s.checker.republish(now)
	if message == "" {
		list := overridesOf(b, t, now)
		message = sentence(t, list)
		s.checker.last.add(health.Event{At: now, Target: t, From: before, To: words(list), Reason: reasonOf(o)})
	}
	return message, nil
}

// undrain puts a target into service again: it ends a drain, and for a site also
// the hold after a recovery. It reports whether there was either.
func (s *Server) undrain(t health.Target, req control.ChangeRequest, o health.Order, now time.Time) bool {
	b := s.checker.board
	if req.Over == nil {
		o.Over = b.Rules(t.Site).SlowStart
	}
	was := b.Undrain(t, o, now)
	if t == (health.Target{Site: t.Site}) && b.Release(t.Site, s.checker.subjects(), req.Over == nil, now) {
		if !was && req.Over != nil {
			b.Reintroduce(t, o, now)
		}
		was = true
	}
	return was
}

// mayRemove returns why a target may not be taken out: a guard forbids it and
// nobody said that it is known.
func (s *Server) mayRemove(t health.Target, req control.ChangeRequest, now time.Time) error {
	why := s.checker.board.Forbids(t, s.checker.subjects(), now)
	switch {
	case why == "":
		return nil
	case req.BeyondGuard:
		s.Log.Warn("an operator goes beyond a guard", "site", t.Site, "target", t.Addr, "who", req.Who, "reason", req.Reason, "guard", why)
		return nil
	}
	s.metrics.GuardRefused.Inc()
	s.Log.Warn("refused: a guard forbids it", "action", req.Action, "site", t.Site, "target", t.Addr, "who", req.Who, "guard", why)
	return &control.Refusal{Status: http.StatusConflict,
		Text: why + ": nothing was changed; --yes-beyond-guard (beyond_guard) does it all the same"}
}

// words says in a few words what overrides make of their target.
func words(list []OverrideStatus) string {
	if len(list) == 0 {
		return "in service"
	}
	var parts []string
	for _, o := range list {
		parts = append(parts, o.State)
	}
	return strings.Join(parts, ", ")
}

// reasonOf says who decided and why.
func reasonOf(o health.Order) string {
	if o.Reason == "" {
		return "by " + o.Who
	}
	return "by " + o.Who + ": " + o.Reason
}

// sentence says what holds for a target.
func sentence(t health.Target, list []OverrideStatus) string {
	if len(list) == 0 {
		return t.String() + " is in service: its checks decide"
	}
	var parts []string
	for _, o := range list {
		parts = append(parts, o.Text())
	}
	return t.String() + " is " + strings.Join(parts, ", and ")
}
