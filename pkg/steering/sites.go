package steering

import (
	"net/netip"
	"slices"
	"strconv"

	yaml "go.yaml.in/yaml/v3"

	"github.com/geodns-vipd/geodns/pkg/policy"
)

// maxAddresses is how many addresses a site may have: what fits one UDP reply
// is less.
const maxAddresses = 64

// maxRecords is how many other records a site may have.
const maxRecords = 256

// site reads one site.
func (r *reader) site(e entry, n *names) Site {
	what := "site " + e.key
	s := Site{Name: e.key, Pos: e.pos}
	asked := false
	for _, f := range r.fields(e.value, what, "{addresses: [192.0.2.10]}", &siteKeys) {
		switch f.key {
		case "addresses":
			asked = true
			s.Addrs = r.addresses(f.value, what+": addresses")
		case "records":
			asked = true
			s.Records = r.records(f.value, what+": records")
		case "location":
			s.Location = r.location(f.value, what+": location")
			n.located[e.key] = true
		case "slow_start", "fail_back", "capacity":
			r.siteRule(&s.Rules, f, what)
		case "check":
			s.Checks = r.checkNames(f.value, what+": check", n)
		}
	}
	if !asked && (e.isNull() || e.node.Kind == yaml.MappingNode) {
		r.wrong(value{pos: e.pos}, "addresses: [192.0.2.10]", "%s has no addresses", what)
	}
	return s
}

// records reads the records of a site. What they say is for pkg/zone, which
// knows the types.
func (r *reader) records(v value, what string) []Record {
	var out []Record
	for _, item := range r.list(v, what, `["MX 10 mail.example.com."]`) {
		if text, ok := r.text(item, what, `"MX 10 mail.example.com."`); ok {
			out = append(out, Record{text, item.pos})
		}
	}
	if len(out) > maxRecords {
		r.wrong(v, "fewer", "%s: %d records, more than %d", what, len(out), maxRecords)
	}
	return out
}

// addresses reads the addresses of a site.
func (r *reader) addresses(v value, what string) []netip.Addr {
	var out []netip.Addr
	for _, item := range r.list(v, what, `[192.0.2.10, "2001:db8::10"]`) {
		text, ok := r.text(item, what, "192.0.2.10")
		if !ok {
			continue
		}
		a, err := netip.ParseAddr(text)
		if err != nil {
			r.wrong(item, "an address such as 192.0.2.10 or 2001:db8::10", "%s: bad address %q", what, text)
			continue
		}
		if wrong, right := notUnicast(a); wrong != "" {
			r.wrong(item, right, "%s: %s is %s", what, a, wrong)
			continue
		}
		if slices.Contains(out, a) {
			r.wrong(item, "each address once", "%s: %s stands twice", what, a)
			continue
		}
		out = append(out, a)
	}
	if len(out) > maxAddresses {
		r.wrong(v, "several sites", "%s: %d addresses, more than %d", what, len(out), maxAddresses)
	}
	return out
}

// notUnicast says why nobody can be reached at an address, and what would be
// right, or "".
func notUnicast(a netip.Addr) (wrong, right string) {
	switch {
	case a.Is4In6():
		return "an IPv4 address in IPv6 form", a.Unmap().String()
	case a.Zone() != "":
		return "an address with a zone", a.WithZone("").String()
	case a.IsUnspecified():
		return "the unspecified address", "the address of a host"
	case a.IsMulticast():
		return "a multicast address", "the address of a host"
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "the broadcast address", "the address of a host"
	case a.Is4() && a.As4()[0] == 0:
		return "in 0.0.0.0/8, which is no destination", "the address of a host"
	case a.Is4() && a.As4()[0] >= 240:
		return "in 240.0.0.0/4, which is reserved", "the address of a host"
	}
	return "", ""
}

// location reads [latitude, longitude].
func (r *reader) location(v value, what string) *policy.Location {
	items := r.list(v, what, "[50.11, 8.68]")
	if len(items) == 0 {
		return nil
	}
	if len(items) != 2 {
		r.wrong(v, "[latitude, longitude]", "%s has %d numbers", what, len(items))
		return nil
	}
	lat, ok1 := r.degrees(items[0], what+": latitude", 90)
	lon, ok2 := r.degrees(items[1], what+": longitude", 180)
	if !ok1 || !ok2 {
		return nil
	}
	return &policy.Location{Lat: lat, Lon: lon}
}

func (r *reader) degrees(v value, what string, limit float64) (float64, bool) {
	f, err := strconv.ParseFloat(v.bare(), 64)
	if err != nil || !(f >= -limit && f <= limit) {
		r.wrong(v, "degrees from -"+strconv.Itoa(int(limit))+" to "+strconv.Itoa(int(limit)), "%s is %s", what, v.bare())
		return 0, false
	}
	return f, true
}

// checkNames reads the checks of a site.
func (r *reader) checkNames(v value, what string, n *names) []string {
	var out []string
	for _, item := range r.oneOrMore(v, what, "web") {
		name, ok := r.text(item, what, "web")
		switch _, known := n.checks[name]; {
		case !ok:
		case !known && n.partial:
		case !known:
			r.wrong(item, suggestName(name, n.checked), "%s: unknown check %q", what, name)
		case slices.Contains(out, name):
			r.wrong(item, "each check once", "%s: %s stands twice", what, name)
		default:
			out = append(out, name)
		}
	}
	// Mostly the checks of a site are those of the one before.
	if !slices.Equal(out, n.lastChecks) {
		n.lastChecks = slices.Clip(out)
	}
	return n.lastChecks
}
