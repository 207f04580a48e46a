package keepalived

import (
	"net/netip"
	"strings"
)

// where says whether an address, route or rule is kept all the time or goes
// with the master.
type where bool

const (
	static  where = true
	virtual where = false
)

// scopes are the names of RT_SCOPE_….
var scopes = map[string]uint8{"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}

// cursor walks over the words of an entry.
type cursor struct {
	d    *decoder
	ws   []word
	i    int
	what string // what the entry is, for messages
	bad  bool   // the entry cannot be used
}

func (c *cursor) next() (word, bool) {
	if c.i >= len(c.ws) {
		return word{}, false
	}
	c.i++
	return c.ws[c.i-1], true
}

// value returns the word behind an option.
func (c *cursor) value(option word) (word, bool) {
	w, ok := c.next()
	switch {
	case ok:
	case c.what == "address":
		c.fail(option, "", "%s without a value", option.s)
	default: // keepalived does not start
		c.bad = true
		c.d.drop(option.pos, "", "", "%s without a value", option.s)
	}
	return w, ok
}

// fail tells that an entry cannot be used as it is written.
func (c *cursor) fail(w word, right, format string, args ...any) {
	c.bad = true
	c.d.drop(w.pos, right, "skips the "+c.what, format, args...)
}

// number returns the number behind an option.
func (c *cursor) number(option word, lo, hi int64) int64 {
	w, ok := c.value(option)
	if !ok {
		return 0
	}
	v, ok := c.d.numberWord(option.s, w, lo, hi, "skips the "+c.what)
	c.bad = c.bad || !ok
	return v
}

// addr returns the address behind an option.
func (c *cursor) addr(option word) netip.Addr {
	w, ok := c.value(option)
	if !ok {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(w.s)
	if err != nil {
		c.fail(w, "an address such as 192.0.2.1", "%s %s is no IP address", option.s, w.s)
	}
	return a.Unmap()
}

// dev returns the interface behind an option.
func (c *cursor) dev(option word) string {
	w, ok := c.value(option)
	if !ok {
		return ""
	}
	if !c.d.ifnameWord(w) {
		c.bad = true
	}
	return w.s
}

// choice returns which of the values stands behind an option.
func (c *cursor) choice(option word, values ...string) string {
	w, ok := c.value(option)
	if !ok {
		return ""
	}
	for _, v := range values {
		if strings.EqualFold(v, w.s) {
			if !c.d.letterCase(w, v, "skips the "+c.what) {
				c.bad = true
			}
			return v
		}
	}
	c.fail(w, strings.Join(values, " or "), "unknown %s %s", option.s, w.s)
	return ""
}

// scope returns the scope behind an option, by name or number.
func (c *cursor) scope(option word) uint8 {
	w, ok := c.value(option)
	if !ok {
		return 0
	}
	if s, ok := scopes[strings.ToLower(w.s)]; ok {
		if !c.d.letterCase(w, strings.ToLower(w.s), "skips the "+c.what) {
			c.bad = true
		}
		return s
	}
	v, ok := c.d.numberWord("scope", w, 0, 255, "skips the "+c.what)
	c.bad = c.bad || !ok
	return uint8(v)
}

// trackGroup returns the name behind track_group, which static entries alone
// may have.
func (c *cursor) trackGroup(option word, at where) string {
	w, ok := c.value(option)
	if ok && at == virtual {
		c.d.diags.Warnf(option.pos, "static addresses, routes and rules have it", "track_group means nothing here, ignored")
		return ""
	}
	return w.s
}

// parsePrefix reads addr or addr/len; without a length it is one address.
func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, errNumber
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

// address decodes one entry of an address block: ADDRESS[/LEN] and options.
func (d *decoder) address(n *node, at where) (Address, bool) {
	d.noBlock(n)
	c := &cursor{d: d, ws: n.words, what: "address"}
	w, _ := c.next()
	p, err := parsePrefix(w.s)
	if err != nil {
		right := "an address such as 192.0.2.10/24"
		host, length, _ := strings.Cut(w.s, "/")
		if a, err := netip.ParseAddr(host); err == nil && length != "" {
			right = rangeText(0, int64(a.BitLen())) + " behind the /"
		}
		a, herr := netip.ParseAddr(host)
		if herr != nil || a.Zone() != "" {
			d.drop(w.pos, right, "skips the address", "%s is no address", w.s)
			return Address{}, false
		}
		p = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
		d.drop(w.pos, right, "takes it for a single address", "%s is no address", w.s)
	}
	a := Address{Prefix: p, DAD: !p.Addr().Is6() || at == static, Pos: w.pos}
	if p.Addr().Is6() && p.Bits() == 128 {
		a.PreferredLft = 0
	} else {
		a.PreferredLft = Forever
	}
	for {
		w, ok := c.next()
		if !ok {
			break
		}
		d.addressOption(&a, c, w, at)
	}
	d.addressFits(&a, c, n.words[0])
	return a, !c.bad
}

func (d *decoder) addressOption(a *Address, c *cursor, w word, at where) {
	switch w.s {
	case "dev":
		a.Dev, a.DevSet = c.dev(w), true
	case "label":
		a.Label = c.label(w)
	case "scope":
		scope := c.scope(w)
		if a.Addr().Is6() {
			d.diags.Warnf(w.pos, "", "an IPv6 address has the scope that its own bits say, ignored")
			return
		}
		a.Scope = scope
	case "brd", "broadcast":
		a.Broadcast = c.broadcast(w)
	case "peer":
		a.Peer = c.peer(w)
	case "home":
		a.Home = true
	case "-nodad":
		a.DAD = true
	case "nodad":
		a.DAD = false
	case "mngtmpaddr":
		a.MngTmpAddr = true
	case "noprefixroute":
		a.NoPrefixRoute = true
	case "autojoin":
		a.AutoJoin = true
	case "use_vmac":
		a.UseVMAC = true
		d.diags.Warnf(w.pos, "vipd makes no interfaces yet: the address answers with the interface's own MAC", "use_vmac is not carried out")
	case "no_track":
		a.NoTrack = true
	case "track_group":
		a.TrackGroup = c.trackGroup(w, at)
	case "preferred_lft":
		v, ok := c.value(w)
		a.PreferredLft, a.PreferredSet = Forever, true
		if ok && v.s != "forever" && v.s != "0" {
			n, _ := c.d.numberWord(w.s, v, 0, Forever-1, "skips the address")
			a.PreferredLft = uint32(n)
		} else if v.s == "0" {
			a.PreferredLft = 0
		}
	default:
		right := ""
		if isAddr(w.s) {
			right = "one address a line"
		} else if near := nearestOf(w.s, "dev label scope brd peer home -nodad nodad mngtmpaddr noprefixroute autojoin use_vmac no_track track_group preferred_lft"); near != "" {
			right = near
		}
		// keepalived keeps the address; without Compat this is an error anyway.
		d.drop(w.pos, right, "passes over it", "unknown option %s of an address", w.s)
		c.i = len(c.ws)
	}
}

func (c *cursor) label(option word) string {
	w, ok := c.value(option)
	if ok && len(w.s) > 15 {
		c.fail(w, "at most 15 characters", "the label %s is too long", w.s)
	}
	return w.s
}

func (c *cursor) broadcast(option word) Broadcast {
	w, ok := c.value(option)
	switch {
	case !ok:
		return Broadcast{}
	case w.s == "+" || w.s == "-":
		return Broadcast{Auto: w.s[0]}
	}
	a, err := netip.ParseAddr(w.s)
	if err != nil || !a.Is4() {
		c.fail(w, "an IPv4 address, + or -", "brd %s is no broadcast address", w.s)
	}
	return Broadcast{Addr: a}
}

func (c *cursor) peer(option word) netip.Prefix {
	w, ok := c.value(option)
	if !ok {
		return netip.Prefix{}
	}
	p, err := parsePrefix(w.s)
	switch {
	case err != nil:
		c.fail(w, "an address such as 192.0.2.2", "peer %s is no address", w.s)
	case strings.Contains(w.s, "/"):
		c.fail(w, p.Addr().String(), "peer %s: a peer has no length", w.s)
	}
	return p
}

// addressFits tells of options that an address of its family cannot have.
func (d *decoder) addressFits(a *Address, c *cursor, w word) {
	ip := a.Addr()
	switch {
	case ip.IsUnspecified() || ip.IsMulticast() || ip.IsLoopback() && a.Dev == "":
		c.fail(w, "an address that a host can have", "%s cannot be served", w.s)
	case a.Peer.IsValid() && a.Peer.Addr().Is6() != ip.Is6():
		c.fail(w, "a peer of the same family", "%s and its peer are of different families", w.s)
	case a.Peer.IsValid() && !a.Prefix.IsSingleIP():
		d.diags.Warnf(w.pos, ip.String(), "%s has a peer: the length is left out", w.s)
		a.Prefix = netip.PrefixFrom(ip, ip.BitLen())
	case ip.Is6() && a.Label != "":
		d.diags.Warnf(w.pos, "", "an IPv6 address has no label, ignored")
		a.Label = ""
	}
	d.hostPart(a, w)
	if ip.Is6() && a.Broadcast != (Broadcast{}) {
		d.diags.Warnf(w.pos, "", "IPv6 has no broadcast, ignored")
		a.Broadcast = Broadcast{}
	}
	if a.Label != "" && a.Dev != "" && a.Label != a.Dev && !strings.HasPrefix(a.Label, a.Dev+":") {
		d.diags.Warnf(w.pos, "label "+a.Dev+":"+a.Label, "the label %s does not begin with the interface's name: the kernel refuses some, and ifconfig shows none", a.Label)
	}
}

// hostPart tells of an address that names no host of its subnet.
func (d *decoder) hostPart(a *Address, w word) {
	p := a.Prefix
	switch host := p.Addr().BitLen() - p.Bits(); {
	case p.Bits() == 0:
		d.diags.Warnf(w.pos, "the length of the subnet", "%s puts every address there is on this link", w.s)
	case p.Addr().Is6() || host < 2:
	case p.Masked().Addr() == p.Addr():
		d.diags.Warnf(w.pos, "an address of a host", "%s is the address of the subnet, not of a host", w.s)
	case lastOf(p) == p.Addr():
		d.diags.Warnf(w.pos, "an address of a host", "%s is the broadcast address of the subnet, not that of a host", w.s)
	}
}

// lastOf returns the last address of an IPv4 subnet.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	return netip.AddrFrom4(b)
}
