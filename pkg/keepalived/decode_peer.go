package keepalived

import (
	"net/netip"
	"strings"
)

// decodePeers reads the entries of unicast_peer: an address and, if wanted,
// min_ttl and max_ttl.
func decodePeers(d *decoder, v *Instance, n *node) {
	for _, c := range n.children {
		d.noBlock(c)
		a, ok := d.withoutLength(c.words[0])
		if !ok {
			d.drop(c.pos(), "an address such as 192.0.2.1", "skips it", "%s is no address of a peer", c.words[0].s)
			continue
		}
		v.settleFamily(a, n.keyword())
		p := Peer{Addr: a, MinTTL: -1, MaxTTL: -1, Pos: c.pos()}
		d.peerOptions(&p, c)
		if a.IsMulticast() || a.IsUnspecified() || a == broadcast4 {
			d.drop(c.pos(), "the address of one node", "sends to it all the same", "%s is no address of a node", a)
		}
		v.Peers = append(v.Peers, p)
	}
}

var broadcast4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// withoutLength reads an address. A length behind it, which keepalived cuts
// off in silence, is told and cut off.
func (d *decoder) withoutLength(w word) (netip.Addr, bool) {
	host, length, cut := strings.Cut(w.s, "/")
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, false
	}
	if cut {
		d.diags.Warnf(w.pos, "the address without a length", "/%s behind the address of a node, left out", length)
	}
	return a.Unmap(), true
}

func (d *decoder) peerOptions(p *Peer, c *node) {
	args := c.args()
	for i := 0; i < len(args); i += 2 {
		var to *int
		switch args[i].s {
		case "min_ttl":
			to = &p.MinTTL
		case "max_ttl":
			to = &p.MaxTTL
		default:
			right := "min_ttl or max_ttl"
			if _, err := netip.ParseAddr(args[i].s); err == nil {
				right = "one peer a line"
			}
			d.drop(args[i].pos, right, "passes over it", "unknown option %s of a peer", args[i].s)
			return
		}
		least := int64(0)
		if to == &p.MaxTTL {
			least = 1 // a packet with 0 never arrives
		}
		if i+1 == len(args) {
			d.drop(args[i].pos, rangeText(least, 255), "passes over it", "%s without a value", args[i].s)
			return
		}
		if t, ok := d.numberWord(args[i].s, args[i+1], least, 255, "passes over it"); ok {
			*to = int(t)
		}
	}
	if p.MaxTTL >= 0 && p.MinTTL > p.MaxTTL {
		d.diags.Errorf(c.pos(), "min_ttl not above max_ttl", "no advert of peer %s can ever be believed", p.Addr)
	}
}

// noBlock tells of braces at an entry of a list.
func (d *decoder) noBlock(c *node) {
	if c.block {
		d.drop(c.open, "", "passes over them", "braces behind %s, which is an entry of a list", c.keyword())
		d.leftOut(c)
	}
}

// decodeAuth reads an authentication block. Values are never told.
func decodeAuth(d *decoder, v *Instance, n *node) {
	ah := false
	d.once(n, nil)
	for _, c := range n.children {
		if !d.shaped("authentication", c) {
			continue
		}
		v.set[c.keyword()] = c.pos()
		if c.keyword() == "auth_pass" {
			d.password(v, c)
			continue
		}
		s, ok := d.choice(c, "goes on without authentication", "PASS", "AH")
		v.Auth.Type = AuthNone
		switch {
		case ok && s == "PASS":
			v.Auth.Type = AuthPass
		case ok:
			ah = true
			d.diags.Errorf(c.words[1].pos, "PASS, or auth_hmac", "auth_type AH is not carried out: the peers would not believe each other")
		}
	}
	_, hasType := v.given("auth_type")
	pos, hasPass := v.given("auth_pass")
	switch {
	case hasPass && !hasType:
		d.drop(pos, "auth_type PASS beside it", "goes on without authentication", "auth_pass without auth_type")
	case v.Auth.Type == AuthPass && !hasPass && !ah:
		d.drop(v.at("auth_type"), "auth_pass PASSWORD beside it", "sends an empty password", "auth_type PASS without auth_pass")
	}
}

// password reads auth_pass. Eight bytes go on the wire (RFC 2338, Section
// 5.3.10).
func (d *decoder) password(v *Instance, c *node) {
	w, ok := d.word(c)
	if !ok {
		return
	}
	pass := w.s
	if len(pass) > 8 {
		d.diags.Warnf(w.pos, "at most 8 characters", "auth_pass is cut to its first 8 of %d characters", len(pass))
		pass = pass[:8]
	}
	v.Auth.Pass = NewSecret(pass)
}
