package answer

import (
	"unsafe"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// headerLen is the length of a message's header in octets, and questionLen that
// of what follows the name of a question.
const (
	headerLen   = 12
	questionLen = 4
)

// prepared is what is known of packets before they are answered.
type prepared struct {
	state   *State // nil: nothing is known
	n, next int
	packets [zone.AheadSize]uintptr // where each begins, by which it is known again
	ahead   zone.Ahead
	sink    uint64
}

// Prepare is told of packets that are about to be answered from st, and looks
// their names up all at once, which waits for memory less often. It changes no
// answer. The packets must not change, nor other packets lie where they do, until
// they are answered, in their order, or Forget is called; some may be left out.
func (r *Responder) Prepare(st *State, packets [][]byte) {
	p := &r.prepared
	p.state, p.n, p.next = st, 0, 0
	p.ahead.Start(st.Zones)
	for _, packet := range packets {
		if p.n == zone.AheadSize {
			break
		}
		if len(packet) <= headerLen+questionLen {
			continue
		}
		n, ok := dnswire.NameLen(packet[headerLen:])
		if !ok {
			continue
		}
		p.ahead.Add(packet[headerLen : headerLen+n])
		p.packets[p.n] = place(packet)
		p.n++
	}
	p.ahead.Fetch()
	sum := uint64(0)
	for i := range p.n {
		if found, ok := p.ahead.Found(i); ok && found.Number != zone.None {
			sum += uint64(st.Bound[found.Number].Slot)
		}
	}
	p.sink = sum // what nobody uses is not read
}

// Forget ends what Prepare began.
func (r *Responder) Forget() {
	r.prepared.state, r.prepared.n = nil, 0
	r.prepared.ahead.Start(nil)
}

// take returns what is known of the name that a packet asks for, false if
// nothing.
func (p *prepared) take(st *State, packet []byte) (zone.Found, bool) {
	if p.state != st {
		return zone.Found{}, false
	}
	at := place(packet)
	for i := p.next; i < p.n; i++ {
		if p.packets[i] == at {
			p.next = i + 1
			return p.ahead.Found(i)
		}
	}
	return zone.Found{}, false
}

// place returns where a packet begins in memory. It is compared only, with
// places of packets that are still in use.
func place(packet []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(packet))) }
