package keepalived

// consistency tells of values that are each right and do not go together.
func (d *decoder) consistency() {
	for _, v := range d.cfg.Instances {
		t := v.Track
		if g := d.cfg.group(v.SyncGroup); g != nil {
			t = t.with(g.Track)
		}
		d.beyond(v, t)
	}
	for _, g := range d.cfg.Groups {
		d.unlike(g)
	}
}

// beyond tells of weights that lead the priority out of 1 to 254: what is cut
// off there does not count, so one failure more or less may change nothing.
func (d *decoder) beyond(v *Instance, t Tracks) {
	if v.Priority == Owner {
		return
	}
	least, most := int(v.Priority), int(v.Priority)
	for _, k := range t.all() {
		if k.file {
			continue // a number that nobody knows yet
		}
		up, down := k.delta(true), k.delta(false)
		least, most = least+min(up, down), most+max(up, down)
	}
	if most > 254 {
		d.diags.Warnf(v.at("priority"), "smaller weights", "with everything tracked as good as it can be the priority of %s would be %d: it is cut to 254", v.Name, most)
	}
	if least < 1 {
		d.diags.Warnf(v.at("priority"), "smaller weights", "with everything tracked as bad as it can be the priority of %s would be %d: it is cut to 1", v.Name, least)
	}
}

// unlike tells of members of a sync group that do not elect alike: they change
// state together, so what one of them may not do none can.
func (d *decoder) unlike(g *SyncGroup) {
	if len(g.Members) < 2 {
		return
	}
	first := d.cfg.Instance(g.Members[0])
	for _, name := range g.Members[1:] {
		v := d.cfg.Instance(name)
		if v.Priority != first.Priority {
			d.diags.Warnf(v.at("priority"), "the same priority", "%s has priority %d and %s %d in one sync group: should the other node be better in one and worse in the other, the group never comes to rest", v.Name, v.Priority, first.Name, first.Priority)
		}
		if v.NoPreempt != first.NoPreempt {
			pos := v.at("nopreempt")
			if first.NoPreempt {
				pos = v.Pos
			}
			d.diags.Warnf(pos, "nopreempt in all members, or in none", "%s and %s of one sync group differ in nopreempt", first.Name, v.Name)
		}
		if v.AdvertInterval != first.AdvertInterval {
			d.diags.Warnf(v.at("advert_int"), "the same advert_int", "%s adverts every %s and %s every %s in one sync group: the group is as slow as its slowest member", v.Name, seconds(v.AdvertInterval), first.Name, seconds(first.AdvertInterval))
		}
	}
}
