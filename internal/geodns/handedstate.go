package geodns

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// handedState is what a process tells the one that follows it, besides its
// sockets. Fields are only ever added; the version of the hand-over is raised
// if that does not suffice.
type handedState struct {
	Checks []handedCheck `json:"checks"`
	// Saved is what would be kept over a restart, overrides above all.
	Saved json.RawMessage `json:"saved"`

	saved health.Saved
}

// handedCheck is the state of a check of an address, in full: runs go on where
// they were.
type handedCheck struct {
	Site       string        `json:"site"`
	Address    netip.Addr    `json:"address,omitzero"`
	Check      string        `json:"check"`
	Known      bool          `json:"known"`
	Up         bool          `json:"up"`
	Since      time.Time     `json:"since"`
	PassRun    int           `json:"pass_run"`
	FailRun    int           `json:"fail_run"`
	Last       health.Result `json:"last"`
	LastErr    string        `json:"last_err"`
	LastErrAt  time.Time     `json:"last_err_at"`
	Passes     uint64        `json:"passes"`
	Fails      uint64        `json:"fails"`
	NoVerdicts uint64        `json:"no_verdicts"`
}

// saveHanded returns the state of the board; it must run in the goroutine that
// owns it.
func saveHanded(b *health.Board) json.RawMessage {
	s := handedState{Checks: []handedCheck{}, Saved: b.Save(time.Now()).Encode()}
	for k, t := range b.All() {
		s.Checks = append(s.Checks, handedCheck{
			k.Site, k.Addr, k.Check, t.Known, t.Up, t.Since, t.PassRun, t.FailRun,
			t.Last, t.LastErr, t.LastErrAt, t.Passes, t.Fails, t.NoVerdicts,
		})
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic("geodns: handed state: " + err.Error()) // every field has a JSON form
	}
	return text
}

// parseHanded reads what saveHanded has made.
func parseHanded(text json.RawMessage) (s handedState, err error) {
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("the state of the other process: %w", err)
	}
	if s.saved, err = health.DecodeSaved(s.Saved); err != nil {
		return s, fmt.Errorf("the overrides of the other process: %w", err)
	}
	return s, nil
}

// restore makes the board watch the targets, with the trackers that the other
// process has of them, and its overrides.
func (s *handedState) restore(b *health.Board, targets []target) {
	b.Restore(s.saved, time.Now())
	b.Rebuild(plain(targets))
	for _, c := range s.Checks {
		if !c.Known {
			continue // what this process has found out itself is more
		}
		b.Adopt(c.key(), health.Tracker{
			Known: c.Known, Up: c.Up, Since: c.Since, PassRun: c.PassRun, FailRun: c.FailRun,
			Last: c.Last, LastErr: c.LastErr, LastErrAt: c.LastErrAt,
			Passes: c.Passes, Fails: c.Fails, NoVerdicts: c.NoVerdicts,
		})
	}
}

func (c *handedCheck) key() health.Key {
	return health.Key{Site: c.Site, Addr: c.Address, Check: c.Check}
}

// unknownTo returns those of the targets of which the other process knows
// nothing: they are probed before they are served.
func unknownTo(s handedState, targets []target) (fresh []target) {
	known := make(map[health.Key]bool, len(s.Checks))
	for _, c := range s.Checks {
		known[c.key()] = c.Known
	}
	for _, t := range targets {
		if !known[t.Key] {
			fresh = append(fresh, t)
		}
	}
	return fresh
}
