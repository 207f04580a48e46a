package keepalived

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Defaults of global_defs, keepalived's but for CheckUnicastSrc and HelloPort.
func (d *decoder) globalDefaults() {
	d.cfg.Global = Global{
		DefaultInterface: "eth0",
		MulticastGroup4:  netip.AddrFrom4([4]byte{224, 0, 0, 18}),
		MulticastGroup6:  netip.MustParseAddr("ff02::12"),
		HelloPort:        3112,
		Version:          2,
		Garp:             Garp{MasterDelay: 5 * time.Second, MasterRepeat: 5, RefreshRepeat: 1},
		CheckUnicastSrc:  true,
		DownTimerAdverts: 3,
		Umask:            -1,
	}
}

// global decodes a global_defs block. Several add up.
func (d *decoder) global(n *node) {
	if len(n.words) > 1 {
		d.noMore(n, 1)
	}
	d.once(n, map[string]bool{"notify_fifo": true, "vrrp_notify_fifo": true, "include_check": true})
	for _, c := range n.children {
		if !d.shaped("global_defs", c) {
			continue
		}
		d.globalSet[c.keyword()] = c.pos()
		if h := globalWords[c.keyword()]; h != nil {
			h(d, &d.cfg.Global, c)
		}
	}
}

// finishGlobal fills in what depends on other values.
func (d *decoder) finishGlobal() {
	g := &d.cfg.Global
	if g.RouterID == "" {
		g.RouterID = d.opt.Hostname
	}
	if g.Garp.LowerPrioDelay == 0 && !d.globalGiven("vrrp_garp_lower_prio_delay") {
		g.Garp.LowerPrioDelay = g.Garp.MasterDelay
	}
	if g.Garp.LowerPrioRepeat == 0 {
		g.Garp.LowerPrioRepeat = g.Garp.MasterRepeat
	}
	if g.NotifyFIFO.Path != "" && g.NotifyFIFO.Path == g.VRRPNotifyFIFO.Path {
		d.diags.Warnf(g.VRRPNotifyFIFO.Pos, "another path", "notify_fifo and vrrp_notify_fifo are one pipe: each event comes twice")
	}
	for _, f := range []*FIFO{&g.NotifyFIFO, &g.VRRPNotifyFIFO} {
		if f.Script != nil && f.Path == "" {
			d.drop(f.Script.Pos, "the line that names the FIFO", "does not run it", "a FIFO script without a FIFO")
			f.Script = nil
		}
	}
}

func (d *decoder) globalGiven(keyword string) bool {
	_, ok := d.globalSet[keyword]
	return ok
}

const useDefault = "uses the default"

var globalWords = map[string]func(*decoder, *Global, *node){
	"router_id":         func(d *decoder, g *Global, n *node) { d.text(n, &g.RouterID) },
	"default_interface": func(d *decoder, g *Global, n *node) { d.ifname(n, &g.DefaultInterface) },
	"http_listen":       func(d *decoder, g *Global, n *node) { d.listen(n, &g.HTTPListen) },
	"hello_port": func(d *decoder, g *Global, n *node) {
		if v, ok := d.number(n, 1, 65535, ""); ok {
			g.HelloPort = uint16(v)
		}
	},
	"vrrp_version":                 func(d *decoder, g *Global, n *node) { d.version(n, &g.Version) },
	"vrrp_strict":                  func(d *decoder, g *Global, n *node) { d.bool(n, &g.Strict) },
	"vrrp_mcast_group4":            func(d *decoder, g *Global, n *node) { d.group(n, &g.MulticastGroup4, false) },
	"vrrp_mcast_group6":            func(d *decoder, g *Global, n *node) { d.group(n, &g.MulticastGroup6, true) },
	"vrrp_garp_interval":           func(d *decoder, g *Global, n *node) { d.pause(n, &g.GarpInterval) },
	"vrrp_gna_interval":            func(d *decoder, g *Global, n *node) { d.pause(n, &g.GNAInterval) },
	"vrrp_lower_prio_no_advert":    func(d *decoder, g *Global, n *node) { d.bool(n, &g.LowerPrioNoAdvert) },
	"vrrp_higher_prio_send_advert": func(d *decoder, g *Global, n *node) { d.bool(n, &g.HigherPrioAdvert) },
	"vrrp_check_unicast_src":       func(d *decoder, g *Global, n *node) { d.bool(n, &g.CheckUnicastSrc) },
	"vrrp_no_check_unicast_src": func(d *decoder, g *Global, n *node) {
		off := false
		d.bool(n, &off)
		g.CheckUnicastSrc = !off
	},
	"vrrp_skip_check_adv_addr":         func(d *decoder, g *Global, n *node) { d.bool(n, &g.SkipCheckAdvAddr) },
	"vrrp_notify_priority_changes":     func(d *decoder, g *Global, n *node) { d.bool(n, &g.NotifyPriority) },
	"fifo_write_vrrp_states_on_reload": func(d *decoder, g *Global, n *node) { d.bool(n, &g.StatesOnReload) },
	"vrrp_startup_delay":               func(d *decoder, g *Global, n *node) { d.duration(n, &g.StartupDelay, 0, day) },
	"vrrp_down_timer_adverts":          func(d *decoder, g *Global, n *node) { d.int(n, &g.DownTimerAdverts, 1, 100) },
	"dynamic_interfaces":               decodeDynamicInterfaces,
	"script_user":                      decodeScriptUser,
	"enable_script_security":           func(d *decoder, g *Global, n *node) { g.ScriptSecurity = d.flag(n) },
	"notify_fifo":                      func(d *decoder, g *Global, n *node) { d.fifo(n, &g.NotifyFIFO) },
	"notify_fifo_script":               func(d *decoder, g *Global, n *node) { g.NotifyFIFO.Script = d.command(n) },
	"vrrp_notify_fifo":                 func(d *decoder, g *Global, n *node) { d.fifo(n, &g.VRRPNotifyFIFO) },
	"vrrp_notify_fifo_script":          func(d *decoder, g *Global, n *node) { g.VRRPNotifyFIFO.Script = d.command(n) },
	"vrrp_priority":                    decodeNice,
	"vrrp_rt_priority":                 func(d *decoder, g *Global, n *node) { d.int(n, &g.Process.RTPriority, 1, 99) },
	"vrrp_no_swap":                     func(d *decoder, g *Global, n *node) { g.Process.NoSwap = d.flag(n) },
	"umask":                            decodeUmask,
	"vrrp_garp_master_delay":           func(d *decoder, g *Global, n *node) { d.garp(&g.Garp, n, "vrrp_") },
	"vrrp_garp_master_repeat":          func(d *decoder, g *Global, n *node) { d.garp(&g.Garp, n, "vrrp_") },
	"vrrp_garp_lower_prio_delay":       func(d *decoder, g *Global, n *node) { d.garp(&g.Garp, n, "vrrp_") },
	"vrrp_garp_lower_prio_repeat":      func(d *decoder, g *Global, n *node) { d.garp(&g.Garp, n, "vrrp_") },
	"vrrp_garp_master_refresh":         func(d *decoder, g *Global, n *node) { d.garp(&g.Garp, n, "vrrp_") },
	"vrrp_garp_master_refresh_repeat":  func(d *decoder, g *Global, n *node) { d.garp(&g.Garp, n, "vrrp_") },
	"vrrp_min_garp":                    decodeMinGarp,
	"random_seed":                      nil, // read with the lines
	"include_check":                    nil, // read with the lines
}

const day = 24 * time.Hour

// text takes a line with one word.
func (d *decoder) text(n *node, to *string) {
	if w, ok := d.word(n); ok {
		*to = w.s
	}
}

// ifname takes a line with the name of an interface.
func (d *decoder) ifname(n *node, to *string) {
	w, ok := d.word(n)
	if ok && d.ifnameWord(w) {
		*to = w.s
	}
}

// ifnameWord tells of a name that no interface can have.
func (d *decoder) ifnameWord(w word) bool {
	if w.s == "" || len(w.s) > 15 || strings.ContainsAny(w.s, "/ ") {
		d.drop(w.pos, "1 to 15 characters without / and blanks", "goes on without it", "%q is no name of an interface", w.s)
		return false
	}
	return true
}

func (d *decoder) bool(n *node, to *bool) {
	if v, ok := d.boolean(n); ok {
		*to = v
	}
}

func (d *decoder) int(n *node, to *int, lo, hi int64) {
	if v, ok := d.number(n, lo, hi, "passes over it"); ok {
		*to = int(v)
	}
}

func (d *decoder) duration(n *node, to *time.Duration, lo, hi time.Duration) {
	if v, ok := d.timer(n, lo, hi, "passes over it"); ok {
		*to = v
	}
}

// pause takes a pause between announcements. keepalived calls 0 invalid and
// passes over it, which comes to the same: copied samples have it everywhere.
func (d *decoder) pause(n *node, to *time.Duration) {
	v, ok := d.timer(n, 0, 4294*time.Second, "passes over it")
	if !ok {
		return
	}
	if v == 0 {
		d.diags.Warnf(n.words[1].pos, "remove the line", "%s 0 is no pause, which is the default", n.keyword())
	}
	*to = v
}

func (d *decoder) version(n *node, to *uint8) {
	if v, ok := d.number(n, 2, 3, useDefault); ok {
		*to = uint8(v)
	}
}

// group takes a multicast address; IPv6 ones must be link-local.
func (d *decoder) group(n *node, to *netip.Addr, v6 bool) {
	a, ok := d.addr(n, useDefault)
	if !ok {
		return
	}
	if a.Is6() != v6 || !a.IsMulticast() || v6 && !a.IsLinkLocalMulticast() {
		right := "an IPv4 multicast address such as 224.0.0.18"
		if v6 {
			right = "a link-local IPv6 multicast address such as ff02::12"
		}
		d.drop(n.words[1].pos, right, useDefault, "%s %s cannot be used", n.keyword(), a)
		return
	}
	*to = a
}

// listen takes host:port.
func (d *decoder) listen(n *node, to *string) {
	w, ok := d.word(n)
	if !ok {
		return
	}
	ap, err := netip.ParseAddrPort(w.s)
	host, port, cut := strings.Cut(w.s, ":")
	p, perr := strconv.ParseUint(port, 10, 16)
	byName := cut && perr == nil && p > 0 && (host == "localhost" || host == "")
	if err == nil && ap.Port() > 0 || byName {
		*to = w.s
		return
	}
	d.diags.Errorf(w.pos, "an address and a port such as 127.0.0.1:9650", "http_listen %s cannot be used", w.s)
}

func (d *decoder) fifo(n *node, f *FIFO) {
	if len(n.words) < 2 {
		d.word(n)
		return
	}
	if f.Path != "" {
		d.drop(n.pos(), "one", "keeps the first", "%s is given twice", n.keyword())
		return
	}
	f.Path, f.Pos = n.words[1].s, n.words[1].pos
	if len(n.words) > 2 {
		f.User.Name = n.words[2].s
	}
	if len(n.words) > 3 {
		f.User.Group = n.words[3].s
	}
	d.noMore(n, 4)
}

func decodeDynamicInterfaces(d *decoder, g *Global, n *node) {
	g.DynamicInterfaces = true
	if len(n.words) < 2 {
		return
	}
	if n.words[1].s != "allow_if_changes" {
		d.diags.Warnf(n.words[1].pos, "allow_if_changes", "unknown option %s of dynamic_interfaces, ignored", n.words[1].s)
		return
	}
	g.AllowIfChanges = true
	d.noMore(n, 2)
}

func decodeScriptUser(d *decoder, g *Global, n *node) {
	if len(n.words) < 2 {
		d.word(n)
		return
	}
	g.ScriptUser, g.scriptUserPos = User{Name: n.words[1].s}, n.words[1].pos
	if len(n.words) > 2 {
		g.ScriptUser.Group = n.words[2].s
	}
	d.noMore(n, 3)
}

func decodeNice(d *decoder, g *Global, n *node) {
	if v, ok := d.number(n, -20, 19, "passes over it"); ok {
		g.Process.Priority, g.Process.HasPriority = int(v), true
	}
}

// umaskBits are the names that umask takes, without their leading I.
var umaskBits = map[string]int{
	"RUSR": 0o400, "WUSR": 0o200, "XUSR": 0o100, "RGRP": 0o40, "WGRP": 0o20, "XGRP": 0o10, "ROTH": 0o4, "WOTH": 0o2, "XOTH": 0o1,
}

func decodeUmask(d *decoder, g *Global, n *node) {
	if len(n.words) < 2 {
		d.word(n)
		return
	}
	var all strings.Builder
	for _, w := range n.args() {
		all.WriteString(w.s)
	}
	if v, err := strconv.ParseUint(all.String(), 0, 16); err == nil && v <= 0o777 {
		g.Umask = int(v)
		return
	}
	mask := 0
	for _, name := range strings.Split(all.String(), "|") {
		bit, ok := umaskBits[strings.TrimPrefix(name, "I")]
		if !ok {
			d.drop(n.words[1].pos, "a number such as 0022, or IWGRP|IWOTH", "passes over it", "umask %s cannot be used", all.String())
			return
		}
		mask |= bit
	}
	g.Umask = mask
}

func decodeMinGarp(d *decoder, g *Global, n *node) {
	on := true
	d.bool(n, &on)
	if !on {
		return
	}
	g.Garp.MasterRepeat, g.Garp.MasterDelay = 1, 0
	g.Garp.LowerPrioRepeat, g.Garp.LowerPrioDelay = 1, 0
	d.globalSet["vrrp_garp_lower_prio_delay"] = n.pos()
}

// garp takes the lines that say how often addresses are announced, here with
// the prefix that they have in global_defs.
func (d *decoder) garp(g *Garp, n *node, prefix string) {
	wholeSeconds := func(to *time.Duration) bool {
		v, ok := d.number(n, 0, 86400, "passes over it")
		if ok {
			*to = time.Duration(v) * time.Second
		}
		return ok
	}
	switch strings.TrimPrefix(n.keyword(), prefix) {
	case "garp_master_delay":
		wholeSeconds(&g.MasterDelay)
	case "garp_master_repeat":
		d.int(n, &g.MasterRepeat, 1, 1000)
	case "garp_lower_prio_delay":
		wholeSeconds(&g.LowerPrioDelay)
	case "garp_lower_prio_repeat":
		d.int(n, &g.LowerPrioRepeat, 0, 1000)
	case "garp_master_refresh":
		g.RefreshSet = wholeSeconds(&g.Refresh) || g.RefreshSet
	case "garp_master_refresh_repeat":
		d.int(n, &g.RefreshRepeat, 1, 1000)
	}
}
