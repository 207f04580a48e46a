package health

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// savedVersion is that of the form that [Saved.Encode] writes.
const savedVersion = 1

// ErrNewer says that a newer version of the program wrote the state.
var ErrNewer = errors.New("written by a newer version")

// Saved is what a board must not forget over a restart, for a file.
type Saved struct {
	Version   int             `json:"version"`
	SavedAt   time.Time       `json:"saved_at"`
	Overrides []SavedOverride `json:"overrides"`
	Checks    []SavedCheck    `json:"checks"`
	Fallen    []SavedFallback `json:"fallen,omitempty"`
	Addresses []SavedAddress  `json:"addresses,omitempty"`
	Spills    []SavedSpill    `json:"spills,omitempty"`
}

// SavedOverride is an override in a file.
type SavedOverride struct {
	Policy string     `json:"policy,omitempty"`
	Site   string     `json:"site"`
	Addr   netip.Addr `json:"address,omitzero"`
	Kind   string     `json:"kind"`
	Forced string     `json:"forced,omitempty"`
	From   uint16     `json:"from,omitempty"`
	Begin  time.Time  `json:"begin,omitzero"`
	Over   string     `json:"over,omitempty"`
	Until  time.Time  `json:"until,omitzero"`
	Set    time.Time  `json:"set"`
	Who    string     `json:"who,omitempty"`
	Reason string     `json:"reason,omitempty"`
}

// SavedCheck is the state of a check in a file.
type SavedCheck struct {
	Site  string     `json:"site"`
	Addr  netip.Addr `json:"address,omitzero"`
	Check string     `json:"check"`
	Up    bool       `json:"up"`
	Since time.Time  `json:"since"`
}

// prior is the state of a check in an earlier run.
type prior struct {
	up    bool
	since time.Time
}

// onWall returns a moment as the wall clock would name it now: times of this
// process are kept by the monotonic clock, and the wall clock may have been set
// since.
func onWall(t, now time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return now.Round(0).Add(t.Sub(now)).UTC()
}

// Save returns what must not be forgotten.
func (b *Board) Save(now time.Time) Saved {
	s := Saved{Version: savedVersion, SavedAt: now.Round(0).UTC(), Overrides: []SavedOverride{}, Checks: []SavedCheck{}}
	for _, p := range b.Overrides() {
		o := SavedOverride{
			Policy: p.Target.Policy, Site: p.Target.Site, Addr: p.Target.Addr, Kind: p.Kind.String(), Forced: p.Forced.String(),
			Until: onWall(p.Until, now), Set: onWall(p.Set, now), Who: p.Who, Reason: p.Reason,
		}
		if p.Kind != Force {
			o.From, o.Begin, o.Over = p.Ramp.From, onWall(p.Ramp.Begin, now), p.Ramp.Over.String()
		}
		s.Overrides = append(s.Overrides, o)
	}
	for k, t := range b.All() {
		if t.Known {
			s.Checks = append(s.Checks, SavedCheck{k.Site, k.Addr, k.Check, t.Up, onWall(t.Since, now)})
		}
	}
	b.recovery.save(&s, now)
	b.saveSpills(&s, now)
	return s
}

// Restore takes what an earlier run saved. The overrides hold at once, instead
// of those that held until now; the states of checks wait for [Board.Rebuild]
// to watch them. If the clock stands before the moment of saving it was set
// back, and every time is moved with it: ramps go on from where they were. What
// makes no sense is left out; lost are the overrides among that.
func (b *Board) Restore(s Saved, now time.Time) (lost []SavedOverride) {
	shift := min(0, now.Round(0).Sub(s.SavedAt))
	at := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return t.Add(shift)
	}
	b.overrides = overrides{}
	for _, o := range s.Overrides {
		override, ok := o.restore(at)
		if !ok || len(o.Reason) > MaxReason || o.Site == "" || b.overrides.put(Target{o.Policy, o.Site, o.Addr}, override) != nil {
			lost = append(lost, o)
		}
	}
	b.prior = make(map[Key]prior, len(s.Checks))
	for _, c := range s.Checks {
		b.prior[Key{c.Site, c.Addr, c.Check}] = prior{c.Up, at(c.Since)}
	}
	b.recovery.restore(s, at)
	b.restoreSpills(s, at, now)
	return lost
}

// restore returns the override, and false if it makes no sense.
func (o SavedOverride) restore(at func(time.Time) time.Time) (Override, bool) {
	out := Override{Until: at(o.Until), Set: at(o.Set), Who: o.Who, Reason: o.Reason}
	switch {
	case o.Kind == Force.String() && o.Forced == ForcedUp.String():
		out.Kind, out.Forced = Force, ForcedUp
		return out, true
	case o.Kind == Force.String() && o.Forced == ForcedDown.String():
		out.Kind, out.Forced = Force, ForcedDown
		return out, true
	case o.Kind == Drain.String():
		out.Kind = Drain
	case o.Kind == Return.String():
		out.Kind, out.Ramp.To = Return, FullShare
	default:
		return out, false
	}
	over, err := time.ParseDuration(o.Over)
	if err != nil || over < 0 || over > MaxOver {
		return out, false
	}
	out.Ramp.From, out.Ramp.Begin, out.Ramp.Over = o.From, at(o.Begin), over
	return out, true
}

// Encode returns s as JSON.
func (s Saved) Encode() []byte {
	data, err := json.Marshal(s)
	if err != nil {
		panic("health: Saved.Encode: " + err.Error()) // every field has a JSON form
	}
	return append(data, '\n')
}

// DecodeSaved reads what [Saved.Encode] wrote. The error is [ErrNewer] if a
// newer version wrote it.
func DecodeSaved(data []byte) (Saved, error) {
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return Saved{}, fmt.Errorf("damaged: %w", err)
	}
	switch {
	case version.Version > savedVersion:
		return Saved{}, fmt.Errorf("%w: version %d, this program knows %d", ErrNewer, version.Version, savedVersion)
	case version.Version < 1:
		return Saved{}, errors.New("damaged: no version")
	}
	var s Saved
	if err := json.Unmarshal(data, &s); err != nil {
		return Saved{}, fmt.Errorf("damaged: %w", err)
	}
	return s, nil
}
