package keepalived

// groups tells of sync groups whose members do not all have the better node on
// the same side: a group has one master for all, so its members pull at it from
// both.
func (p *pairing) groups() {
	for _, g := range p.a.Groups {
		var here, there *Instance // the first member that is better here, and in the other file
		for _, v := range p.a.Instances {
			w := partner(v, p.b)
			if v.SyncGroup != g.Name || w == nil || w.SyncGroup == "" {
				continue
			}
			switch x, y := newSide(p.a, v).healthy(), newSide(p.b, w).healthy(); {
			case x > y && here == nil:
				here = v
			case x < y && there == nil:
				there = v
			}
		}
		if here != nil && there != nil {
			p.diags.Warnf(there.at("priority"), "the higher priorities of a group on one node",
				"%s of group %s has the lower priority here, and %s the higher: a group has one master for all its members, and neither node is the better for all", there.Name, g.Name, here.Name)
		}
	}
}
