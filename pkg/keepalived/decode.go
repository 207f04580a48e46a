package keepalived

import "github.com/geodns-vipd/geodns/pkg/diag"

// decoder turns the tree into a Config, in two passes: each block by itself,
// then what depends on several.
type decoder struct {
	diags *diag.List
	opt   Options
	cfg   *Config

	globalSet map[string]diag.Pos
}

// drop tells of something left out; see the package's function.
func (d *decoder) drop(pos diag.Pos, right, effect, format string, args ...any) {
	drop(d.diags, d.opt.Compat, pos, right, effect, format, args...)
}

// config decodes the whole tree. global_defs come first, wherever they stand,
// since they are the defaults of everything else.
func (d *decoder) config(root *node) {
	d.globalSet = map[string]diag.Pos{}
	d.globalDefaults()
	for _, n := range root.children {
		if n.keyword() == "global_defs" && d.shaped(topLevel, n) {
			d.global(n)
		}
	}
	d.finishGlobal()
	for _, n := range root.children {
		if n.keyword() != "global_defs" && d.shaped(topLevel, n) {
			d.top(n)
		}
	}
	d.resolve()
}

// top decodes a block of the top level.
func (d *decoder) top(n *node) {
	switch n.keyword() {
	case "vrrp_instance":
		d.instance(n)
	case "vrrp_sync_group":
		d.syncGroup(n)
	case "vrrp_script":
		d.script(n)
	case "vrrp_probe":
		d.own(d.probe, n)
	case "vrrp_track_process":
		d.process(n)
	case "track_file", "vrrp_track_file":
		d.trackFile(n)
	case "track_group":
		d.trackGroup(n)
	case "garp_group":
		d.garpGroup(n)
	case "interface_up_down_delays":
		d.interfaceDelays(n)
	case "static_ipaddress":
		for _, c := range n.children {
			if a, ok := d.address(c, static); ok {
				d.cfg.StaticAddresses = append(d.cfg.StaticAddresses, a)
			}
		}
	case "static_routes":
		for _, c := range n.children {
			if r, ok := d.route(c, static); ok {
				d.cfg.StaticRoutes = append(d.cfg.StaticRoutes, r)
			}
		}
	case "static_rules":
		for _, c := range n.children {
			if r, ok := d.rule(c, static); ok {
				d.cfg.StaticRules = append(d.cfg.StaticRules, r)
			}
		}
	}
}

// shaped reports whether a line of a block of the given kind is one that is
// carried out and has braces if and only if it should. All else it tells.
func (d *decoder) shaped(kind string, n *node) bool {
	k, ok := vocabulary[kind].words[n.keyword()]
	if !ok {
		d.unknown(kind, n)
		return false
	}
	switch {
	case n.block && !k.block:
		d.drop(n.open, n.keyword()+" VALUE", "passes over them", "%s takes no braces", n.keyword())
	case k.list && !n.block && k.carried:
		d.drop(n.pos(), n.keyword()+" { … }", "finds nothing in it", "%s without braces", n.keyword())
		return false
	case k.list && len(n.words) > 1 && k.carried:
		d.drop(n.words[1].pos, "inside the braces", "passes over it", "%s before the { of %s", n.words[1].s, n.keyword())
	}
	switch {
	case k.carried:
		return true
	case k.weighty && !d.opt.Compat:
		d.diags.Errorf(n.pos(), k.why, "%s is not carried out", n.label())
	case k.weighty:
		d.diags.Warnf(n.pos(), k.why, "%s is not carried out, vipd goes on without it", n.label())
	default:
		d.diags.Warnf(n.pos(), k.why, "%s is not carried out", n.keyword())
	}
	if n.keyword() == "notification_email" && n.block && len(n.children) == 0 {
		d.diags.Warnf(n.last(), "remove it", "an empty block notification_email")
	}
	d.foreign(n)
	return false
}

// unknown tells of a word that is not known in a block, and of the lines of
// the block that it opens.
func (d *decoder) unknown(kind string, n *node) {
	d.unknownWord(kind, n)
	d.leftOut(n)
	if kind == topLevel {
		d.endLeftOut(n)
	}
}

// leftOut tells of the lines of a block that is not known.
func (d *decoder) leftOut(n *node) {
	for _, c := range n.children {
		d.diags.Warnf(c.pos(), "", "%s is left out with %s", c.keyword(), n.label())
		d.leftOut(c)
		d.endLeftOut(c)
	}
}

// endLeftOut tells of the brace that ends a block that is left out.
func (d *decoder) endLeftOut(n *node) {
	if n.block && n.end.Line > n.pos().Line {
		d.diags.Warnf(n.end, "", "} is left out with %s", n.label())
	}
}

// unknownWord tells of the word itself. It is an error if the word that was
// meant decides something.
func (d *decoder) unknownWord(kind string, n *node) {
	w := n.keyword()
	if homes := homes(w); len(homes) > 0 {
		k := vocabulary[homes[0]].words[w]
		right := "it belongs in " + homes[0]
		if homes[0] == topLevel {
			right = "it stands outside all blocks"
		}
		here := "in " + kind
		if kind == topLevel {
			here = "outside all blocks"
		}
		if k.weighty {
			d.drop(n.pos(), right, "passes over it", "%s has no meaning %s", w, here)
		} else {
			d.diags.Warnf(n.pos(), right, "%s has no meaning %s", w, here)
		}
		return
	}
	near := nearest(kind, w)
	if near == "" {
		d.diags.Warnf(n.pos(), "", "unknown keyword %s in %s, ignored", w, kind)
		return
	}
	if vocabulary[kind].words[near].weighty && !isDefault(near, n) {
		d.drop(n.pos(), near, "passes over it", "unknown keyword %s in %s", w, kind)
		return
	}
	d.diags.Warnf(n.pos(), near, "unknown keyword %s in %s, ignored", w, kind)
}

// isDefault reports whether a line, had it been spelled right, would have
// asked for what is done anyway.
func isDefault(keyword string, n *node) bool {
	if len(n.words) != 2 {
		return false
	}
	switch keyword {
	case "advert_int", "rise", "fall", "interval", "quorum":
		return n.words[1].s == "1"
	case "down_timer_adverts":
		return n.words[1].s == "3"
	}
	return false
}

// once tells of words that stand twice among the lines of a block and do not
// add up: the last counts, or the first, and nothing says which.
func (d *decoder) once(n *node, mayRepeat map[string]bool) {
	seen := map[string]bool{}
	for _, c := range n.children {
		k := c.keyword()
		if word, known := vocabulary[n.kind].words[k]; !known || !word.carried || mayRepeat[k] {
			continue
		}
		if seen[k] {
			d.diags.Warnf(c.pos(), "one of the two", "%s is given twice in %s", k, n.label())
		}
		seen[k] = true
	}
}

// own decodes a block that keepalived does not have: nothing in it can be
// dropped as keepalived would.
func (d *decoder) own(decode func(*node), n *node) {
	compat := d.opt.Compat
	d.opt.Compat = false
	decode(n)
	d.opt.Compat = compat
}
