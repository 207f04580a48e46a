package keepalived

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// Facts is what [CheckMachine] is told about a machine. Whoever fills it asks
// [Config.Programs], [Config.SecretFiles], [Config.NumberFiles] and
// [Config.UserNames] what to look up; a thing that was not looked up counts as
// fine.
type Facts struct {
	Interfaces []Interface
	Programs   map[string]Program    // by Argv[0] of a command
	Files      map[string]File       // by path: token and key files
	Numbers    map[string]NumberFile // by path: those of track_file
	Users      map[string]bool       // by name: whether the user is known
	Groups     map[string]bool
	Tables     map[string]bool // names of routing tables; nil: not looked up
	Root       bool            // vipd runs as root
}

// Interface is a network interface.
type Interface struct {
	Name     string
	Up       bool
	Loopback bool
	Addrs    []InterfaceAddr
}

// InterfaceAddr is an address on an interface. Ours says that vipd put it
// there: it has a finite lifetime or vipd's own protocol tag.
type InterfaceAddr struct {
	Prefix netip.Prefix // not masked
	Ours   bool
}

// Program is what became of a command's name.
type Program struct {
	Path       string // after looking it up in PATH; "" if there is none
	Dir        bool
	Executable bool
	// Writable is the path of the file or folder on the way to it that
	// somebody other than root may write; "" is none.
	Writable string
}

// DefaultScriptUser is the user that scripts run as if it exists and
// script_user does not say otherwise.
const DefaultScriptUser = "keepalived_script"

// machine collects what is wrong with a configuration on a machine.
type machine struct {
	cfg   *Config
	facts Facts
	diags diag.List

	gone map[diag.Pos]bool // addresses, routes, rules and commands told as left out, by their places
}

// CheckMachine returns what is wrong with cfg on the machine that facts
// describe: interfaces, addresses, scripts, users. It says nothing about what
// the file alone shows. What it tells as left out, with Options.Compat, it
// takes out of cfg.
func CheckMachine(cfg *Config, facts Facts) diag.List {
	m := &machine{cfg: cfg, facts: facts, gone: map[diag.Pos]bool{}}
	for _, v := range cfg.Instances {
		m.instance(v)
	}
	for _, a := range cfg.StaticAddresses {
		m.dev(a.Dev, a.Pos, "the static address "+a.Addr().String())
	}
	for _, g := range cfg.GarpGroups {
		for i, name := range g.Interfaces {
			m.named(name, g.places[i])
		}
	}
	for _, i := range cfg.InterfaceDelays {
		m.named(i.Interface, i.Pos)
	}
	m.routes()
	m.commands()
	m.secrets()
	m.trackFiles()
	if cfg.Compat {
		m.leaveOut()
	}
	m.diags = tidy(m.diags)
	pointOut(&m.diags, cfg.opened)
	return m.diags
}

func (m *machine) drop(pos diag.Pos, right, effect, format string, args ...any) {
	m.gone[pos] = true
	drop(&m.diags, m.cfg.Compat, pos, right, effect, format, args...)
}

func (m *machine) iface(name string) *Interface {
	for i := range m.facts.Interfaces {
		if m.facts.Interfaces[i].Name == name {
			return &m.facts.Interfaces[i]
		}
	}
	return nil
}

// names suggests an interface.
func (m *machine) names(wrong string) string {
	var all []string
	for _, i := range m.facts.Interfaces {
		if !i.Loopback {
			all = append(all, i.Name)
		}
	}
	return meant(wrong, all)
}

// owner returns the interface that has an address for good.
func (m *machine) owner(a netip.Addr) *Interface {
	for i := range m.facts.Interfaces {
		for _, p := range m.facts.Interfaces[i].Addrs {
			if p.Prefix.Addr() == a && !p.Ours {
				return &m.facts.Interfaces[i]
			}
		}
	}
	return nil
}

func (m *machine) instance(v *Instance) {
	pos := v.at("interface")
	ifc := m.iface(v.Interface)
	switch {
	case v.Interface == "":
	case ifc == nil:
		m.diags.Warnf(pos, m.names(v.Interface), "there is no interface %s here: %s stays in FAULT until it appears", v.Interface, v.Name)
	case ifc.Loopback:
		m.diags.Errorf(pos, m.names("\x00"), "%s is the loopback: no other node hears adverts on it", v.Interface)
	case !ifc.Up && !v.DontTrackPrimary:
		m.diags.Warnf(pos, "ip link set "+v.Interface+" up", "%s is down: %s stays in FAULT until it is up", v.Interface, v.Name)
	}
	m.source(v, ifc)
	for _, p := range v.Peers {
		if i := m.owner(p.Addr); i != nil {
			m.diags.Warnf(p.Pos, "the other nodes only", "%s is this node itself (%s), left out", p.Addr, i.Name)
		}
	}
	for _, list := range [][]Address{v.VIPs, v.Excluded} {
		for _, a := range list {
			if a.Dev != v.Interface {
				m.dev(a.Dev, a.Pos, a.Addr().String())
			}
			m.vip(v, a)
		}
	}
	for _, t := range v.Track.Interfaces {
		if m.iface(t.Name) == nil {
			said := "counts as down"
			if t.Weight == 0 && !t.Reverse {
				said = v.Name + " stays in FAULT until it appears"
			}
			m.diags.Warnf(t.Pos, m.names(t.Name), "there is no interface %s to track: %s", t.Name, said)
		}
	}
}

// source looks for the address that adverts come from.
func (m *machine) source(v *Instance, ifc *Interface) {
	if v.SrcAddr.IsValid() {
		i := m.owner(v.SrcAddr)
		pos := v.at("unicast_src_ip")
		if p, ok := v.given("mcast_src_ip"); ok {
			pos = p
		}
		switch {
		case i == nil:
			m.diags.Warnf(pos, "an address of this node", "%s is not an address of this machine: %s cannot send adverts until it is", v.SrcAddr, v.Name)
		case ifc != nil && i.Name != ifc.Name:
			m.diags.Warnf(pos, "an address of "+ifc.Name, "%s is an address of %s, not of %s", v.SrcAddr, i.Name, ifc.Name)
		}
		return
	}
	if ifc == nil || ifc.Loopback {
		return
	}
	has := slices.ContainsFunc(ifc.Addrs, func(a InterfaceAddr) bool {
		ip := a.Prefix.Addr()
		return ip.Is6() == v.IPv6 && !a.Ours && (!v.IPv6 || v.Unicast || ip.IsLinkLocalUnicast())
	})
	if !has {
		family := "IPv4"
		if v.IPv6 {
			family = "link-local IPv6"
		}
		m.diags.Warnf(v.at("interface"), "an address of its own beside the VIP", "%s has no %s address to send adverts from: %s stays in FAULT until it has", v.Interface, family, v.Name)
	}
}

// dev tells of an interface that an address wants and the machine has not.
func (m *machine) dev(name string, pos diag.Pos, what string) {
	if m.iface(name) != nil {
		return
	}
	if m.cfg.Global.DynamicInterfaces {
		m.diags.Warnf(pos, m.names(name), "there is no interface %s for %s yet", name, what)
		return
	}
	m.drop(pos, m.names(name), "leaves the address out", "there is no interface %s for %s", name, what)
}

// named tells of an interface that settings are for and the machine has not.
func (m *machine) named(name string, pos diag.Pos) {
	if m.iface(name) == nil {
		m.diags.Warnf(pos, m.names(name), "there is no interface %s: these settings have no effect until it appears", name)
	}
}

// vip tells of a VIP that the machine holds for good already. vipd takes a
// leftover of keepalived away at its start, but not the address that the node
// lives by.
func (m *machine) vip(v *Instance, a Address) {
	i := m.owner(a.Addr())
	if i == nil || v.Priority == Owner {
		return
	}
	others := 0
	for _, o := range i.Addrs {
		if o.Prefix.Addr() != a.Addr() && o.Prefix.Addr().Is6() == a.Addr().Is6() && !o.Prefix.Addr().IsLinkLocalUnicast() {
			others++
		}
	}
	switch {
	case a.Addr() == v.SrcAddr:
		m.diags.Errorf(a.Pos, "an address that no node has", "%s is the source of this node's adverts", a.Addr())
	case others == 0:
		m.diags.Errorf(a.Pos, "an address that no node has, or priority 255", "%s is the only address of %s", a.Addr(), i.Name)
	default:
		m.diags.Warnf(a.Pos, "an address that no node has for good", "%s is on %s already: taken for a leftover and removed at the start", a.Addr(), i.Name)
	}
}

// routes checks the interfaces and tables that routes and rules name.
func (m *machine) routes() {
	check := func(pos diag.Pos, table Table, devs ...string) {
		for _, dev := range devs {
			if dev != "" && m.iface(dev) == nil {
				m.drop(pos, m.names(dev), "cannot add it", "there is no interface %s", dev)
			}
		}
		if table.Name != "" && m.facts.Tables != nil && !m.facts.Tables[table.Name] {
			m.drop(pos, "a number, or a line in /etc/iproute2/rt_tables", "cannot add it", "there is no routing table %s", table.Name)
		}
	}
	route := func(r Route) {
		check(r.Pos, r.Table, r.Hop.Dev)
		for _, h := range r.NextHops {
			check(r.Pos, Table{}, h.Dev)
		}
	}
	for _, r := range m.cfg.StaticRoutes {
		route(r)
	}
	rule := func(r Rule) { check(r.Pos, r.Table, r.IIF, r.OIF) }
	for _, r := range m.cfg.StaticRules {
		rule(r)
	}
	for _, v := range m.cfg.Instances {
		for _, r := range v.Routes {
			route(r)
		}
		for _, r := range v.Rules {
			rule(r)
		}
	}
}

// trimmed cuts a message's list of words to what a line can hold.
func trimmed(argv []string) string {
	s := strings.Join(argv, " ")
	if len(s) > 60 {
		s = s[:57] + "..."
	}
	return s
}
