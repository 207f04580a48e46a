package answer

import "github.com/geodns-vipd/geodns/pkg/dnswire"

// headerLen is the length of a message's header in octets, and questionLen that
// of what follows the name of a question.
const (
	headerLen   = 12
	questionLen = 4
)

// Prepare is told of packets that are about to be answered, and has what their
// look-ups will need fetched from memory for all of them at once. It changes no
// answer, and does nothing where all zones are small.
func (r *Responder) Prepare(st *State, packets [][]byte) {
	if !st.Zones.Large() {
		return
	}
	for _, p := range packets {
		if len(p) <= headerLen+questionLen {
			continue
		}
		n, ok := dnswire.NameLen(p[headerLen:])
		if !ok {
			continue
		}
		lower := dnswire.AppendLower(r.lower[:0], p[headerLen:headerLen+n])
		if z := st.Zones.Find(lower, dnswire.TypeA); z != nil {
			r.ahead.Add(z, lower)
		}
	}
	r.ahead.Fetch()
}
