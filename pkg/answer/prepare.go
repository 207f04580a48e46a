package answer

import (
	"net/netip"
	"unsafe"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/geo"
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
	rests   [zone.AheadSize][]byte  // what follows its question
	ahead   zone.Ahead
	sink    uint64

	// Of questions for steered names with a client subnet:
	clients [zone.AheadSize]netip.Addr
	tables  [zone.AheadSize]*geo.Table
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
		p.packets[p.n], p.rests[p.n] = place(packet), packet[headerLen+n:]
		p.n++
	}
	p.ahead.Fetch()
	p.sink = p.fetchZones() // what nobody uses is not read
}

// fetchZones reads what is bound to the zones found, and what the policies of
// steered names will look up.
func (p *prepared) fetchZones() (sum uint64) {
	steered := 0
	for i := range p.n {
		found, known := p.ahead.Found(i)
		if !known || found.Number == zone.None {
			continue
		}
		z := p.state.Bound[found.Number]
		sum += uint64(z.Slot)
		steer := found.Steer()
		if steer < 0 || len(p.rests[i]) < questionLen {
			continue
		}
		table := z.Policies[steer].Table()
		if table == nil {
			continue
		}
		if client, ok := dnswire.PeekSubnet(p.rests[i][questionLen:]); ok {
			p.clients[steered], p.tables[steered] = client, table
			steered++
		}
	}
	for i, table := range p.tables[:steered] {
		sum += uint64(table.Near(p.clients[i]))
	}
	for i, table := range p.tables[:steered] {
		sum += uint64(table.Nearby(p.clients[i]))
	}
	clear(p.tables[:steered]) // not to keep them
	return sum
}

// Forget ends what Prepare began.
func (r *Responder) Forget() {
	clear(r.prepared.rests[:r.prepared.n])
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
