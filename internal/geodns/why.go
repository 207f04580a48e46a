package geodns

import (
	"cmp"
	"strings"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// why says in a few words why each thing is up or down, or has a part of its
// clients only, for explain. It must run in the board's goroutine.
func why(l *Loaded, b *health.Board, now time.Time) map[health.ID]string {
	overrides := map[health.Target][]string{}
	for _, p := range b.Overrides() {
		overrides[p.Target] = append(overrides[p.Target], overrideStatus(p, now).Why())
	}
	out := map[health.ID]string{}
	for _, subject := range l.Sites.Subjects() {
		reasons := overrides[subject.Target()]
		if len(subject.Checks) > 0 {
			reasons = append(reasons, whyChecked(b, subject, now)...)
		}
		if len(reasons) > 0 {
			out[subject.ID] = strings.Join(reasons, "; ")
		}
	}
	return out
}

// whyChecked says what the checks of a subject found, and how it comes back.
func whyChecked(b *health.Board, subject health.Subject, now time.Time) []string {
	var out []string
	t := subject.Target()
	switch held, until := b.Held(t); {
	case held && until.IsZero():
		out = append(out, "until an operator lets it in: geodns undrain "+t.Site)
	case held:
		out = append(out, "until "+clock(until, now))
	}
	if end, slow := b.SlowUntil(t, now); slow {
		out = append(out, "slow start since it recovered, all of them at "+clock(end, now))
	}
	j := b.Judge(subject)
	switch {
	case j.Since.IsZero():
		return append(out, "not checked yet")
	case j.Up:
		return append(out, "checks pass since "+j.Since.Format(time.DateTime))
	}
	return append(out, cmp.Or(j.Err, "check failed")+", since "+j.Since.Format(time.DateTime))
}

// clock is a moment of the board as the clock on the wall names it.
func clock(t, now time.Time) string { return stampWall(t, now).Format(time.DateTime) }

// Why says who decided and when, and how far a drain by degrees has come, to
// stand behind what the override makes of its target.
func (o OverrideStatus) Why() string {
	var parts []string
	switch {
	case o.DoneAt != nil:
		parts = append(parts, o.State+" by degrees, done at "+o.DoneAt.Format(time.DateTime))
	case o.Set != nil:
		parts = append(parts, "since "+o.Set.Format(time.DateTime))
	}
	if o.Until != nil {
		parts = append(parts, "until "+o.Until.Format(time.DateTime))
	}
	if o.Who != "" {
		parts = append(parts, "by "+o.Who)
	}
	text := strings.Join(parts, ", ")
	if o.Reason != "" {
		text += ": " + o.Reason
	}
	return text
}
