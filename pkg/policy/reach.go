package policy

import (
	"encoding/binary"
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// Unreached is a rule that no client comes to.
type Unreached struct {
	Policy *Spec // that it is a rule of
	Rule   *Rule
	// Nobody says that its conditions hold for no address in the databases.
	// Otherwise rules before it, or the policies around it, have taken all for
	// whom they hold.
	Nobody bool
}

// Unreached returns the rules that no client comes to in a state of health, in
// the order of the tree. A rule that a last resort alone would come to is one
// of them.
func (p *Policy) Unreached(family Family, snap *health.Snapshot) []Unreached {
	matched := make([]bool, len(p.rules))
	reached := make([]bool, len(p.rules))
	for i := range p.plain.kinds {
		of := &p.plain.kinds[i]
		for r := range p.rules {
			matched[r] = matched[r] || of.rules.has(r)
		}
		p.reach(of, family, snap, reached)
	}
	var out []Unreached
	told := map[int32]bool{}
	for i := range p.nodes {
		for _, k := range p.nodes[i].kids {
			if p.nodes[i].kind != KindGeo || reached[k.rule] || told[k.rule] {
				continue
			}
			told[k.rule] = true
			out = append(out, Unreached{p.nodes[i].spec, p.rules[k.rule].rule, !matched[k.rule]})
		}
	}
	return out
}

// shareProbes is how many networks are tried where the choice depends on the
// client's: enough to find a hundredth that a site may still have.
const shareProbes = 512

// reach notes the rules that clients of a kind come to by health.
func (p *Policy) reach(of *class, family Family, snap *health.Snapshot, reached []bool) {
	var out Choice
	in := Input{Family: family, Health: snap, Draw: noDraw{}}
	for n := range uint32(shareProbes) {
		in.Client = netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 1<<24+n<<8)))
		w := walk{p: p, in: &in, out: &out, class: of, reached: reached, judged: make([]judgment, len(p.nodes))}
		if w.judge(0) != up && w.barred {
			w.manner = allThatWorks
			w.judge(0)
		}
		if !w.hashed {
			return
		}
	}
}
