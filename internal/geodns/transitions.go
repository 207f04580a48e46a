package geodns

import (
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// maxTransitions is how many of the last changes are kept in memory.
const maxTransitions = 100

// transitions are the last changes of state, oldest first.
type transitions []health.Event

func (t *transitions) add(e health.Event) {
	if len(*t) >= maxTransitions {
		*t = append((*t)[:0], (*t)[1:]...)
	}
	*t = append(*t, e)
}

// TransitionStatus is one change of state.
type TransitionStatus struct {
	At      *time.Time `json:"at"`
	Policy  string     `json:"policy"`
	Site    string     `json:"site"`
	Address string     `json:"address"`
	From    string     `json:"from"`
	To      string     `json:"to"`
	Reason  string     `json:"reason"`
}

// status returns the last changes, newest first.
func (t transitions) status(now time.Time) []TransitionStatus {
	out := make([]TransitionStatus, 0, len(t))
	for i := len(t) - 1; i >= 0; i-- {
		e := t[i]
		out = append(out, TransitionStatus{stampWall(e.At, now), e.Target.Policy, e.Target.Site, addrText(e.Target.Addr), e.From, e.To, e.Reason})
	}
	return out
}
