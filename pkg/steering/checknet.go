package steering

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
	yaml "go.yaml.in/yaml/v3"
)

// Bounds of checks over the network.
const (
	maxExchange = 64 << 10 // octets of send and of expect
	maxPing     = 1400     // octets of payload that fit one packet nearly everywhere
	maxExpected = 64       // records that a DNS check may expect
)

// via reads where the packets of a check go.
func (r *reader) via(v *Via, f entry, what string) {
	what += ": " + f.key
	text, ok := r.text(f.value, what, map[string]string{
		"target": "192.0.2.10", "source": "192.0.2.1", "interface": "eth1"}[f.key])
	if !ok {
		return
	}
	switch f.key {
	case "target":
		v.Target = text
		if a, err := netip.ParseAddr(text); err == nil {
			if wrong, right := notUnicast(a); wrong != "" {
				r.wrong(f.value, right, "%s: %s is %s", what, a, wrong)
			}
		} else if !validHostName(text) {
			r.wrong(f.value, "an address or a name such as lb.example.net", "%s is %q", what, text)
		}
	case "source":
		a, err := netip.ParseAddr(text)
		if err != nil {
			r.wrong(f.value, "an address of this machine", "%s: bad address %q", what, text)
		} else if wrong, right := notUnicast(a); wrong != "" {
			r.wrong(f.value, right, "%s: %s is %s", what, a, wrong)
		}
		v.Source = a
	case "interface":
		v.Interface = text
		if text == "" || len(text) > 15 || strings.ContainsAny(text, "/ \t") {
			r.wrong(f.value, "the name of an interface, such as eth1", "%s is %q", what, text)
		}
	}
}

// tcp reads a tcp probe.
func (r *reader) tcp(e entry, what string) *TCP {
	what += ": tcp"
	t := &TCP{}
	for _, f := range r.fields(e.value, what, "{port: 443}", &tcpKeys) {
		switch f.key {
		case "port":
			t.Port = r.port(f, what)
		case "send":
			t.Send = r.octets(f, what)
		case "expect":
			t.Expect = r.octets(f, what)
		case "tls":
			t.TLS = r.tls(f, what)
		}
	}
	r.needs(e, "port", "tcp: {port: 443}", what)
	return t
}

// needs reports that a mapping lacks a key that it must have.
func (r *reader) needs(e entry, key, right, what string) {
	if !e.isNull() && e.node.Kind != yaml.MappingNode {
		return // told already
	}
	entries, _ := r.mapping(e.value, what, right)
	if !slices.ContainsFunc(entries, func(f entry) bool { return f.key == key }) {
		r.wrong(value{pos: e.pos}, right, "%s has no %s", what, key)
	}
}

// octets reads text in which a backslash begins an escape as in Go or C. YAML
// undoes its own escapes in double quotes; what is left is undone here, so that
// PING\r\n means the same with quotes and without.
func (r *reader) octets(f entry, what string) string {
	what += ": " + f.key
	text, ok := r.text(f.value, what, `"PING\r\n"`)
	if !ok {
		return ""
	}
	out, bad := unescape(text)
	switch {
	case bad != "":
		r.wrong(f.value, `one of \r \n \t \0 \\ \xHH`, "%s: escape %q", what, bad)
	case out == "":
		r.wrong(f.value, "leave it out", "%s is empty", what)
	case len(out) > maxExchange:
		r.wrong(f.value, "at most 64 KiB", "%s has %d octets", what, len(out))
	}
	return out
}

// unescape undoes the escapes in text, and returns the first that is none.
func unescape(text string) (out, bad string) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			b.WriteByte(text[i])
			continue
		}
		i++
		if i == len(text) {
			return "", `\`
		}
		switch plain := strings.IndexByte(`rnt0\`, text[i]); {
		case plain >= 0:
			b.WriteByte("\r\n\t\x00\\"[plain])
		case text[i] == 'x' && i+2 < len(text):
			n, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
			if err != nil {
				return "", text[i-1 : i+3]
			}
			b.WriteByte(byte(n))
			i += 2
		default:
			return "", text[i-1 : i+1]
		}
	}
	return b.String(), ""
}

// tls reads how to speak TLS.
func (r *reader) tls(e entry, what string) *TLS {
	t := &TLS{}
	for _, f := range r.fields(e.value, what+": tls", "{sni: www.example.com}", &tlsKeys) {
		r.tlsKey(t, f, what+": tls")
	}
	return t
}

// tlsKey reads one key that says how to speak TLS.
func (r *reader) tlsKey(t *TLS, f entry, what string) {
	what += ": " + f.key
	switch f.key {
	case "insecure":
		t.Insecure = r.boolean(f.value, what)
	case "sni":
		text, ok := r.text(f.value, what, "www.example.com")
		if t.SNI = text; ok && !validHostName(text) {
			r.wrong(f.value, "a name such as www.example.com", "%s is %q", what, text)
		}
	case "min_tls":
		text, ok := r.text(f.value, what, "1.3")
		if t.Min = text; ok && text != "1.2" && text != "1.3" {
			r.wrong(f.value, "1.2 or 1.3", "%s is %s", what, text)
		}
	case "cert_expiry":
		r.expiry(t, f, what)
	}
}

// expiry reads when to warn of a certificate, and when to fail it.
func (r *reader) expiry(t *TLS, e entry, what string) {
	for _, f := range r.fields(e.value, what, "{warn: 14d, fail: 2d}", &expiryKeys) {
		d := r.days(f.value, what+": "+f.key)
		if f.key == "warn" {
			t.ExpiryWarn = d
		} else {
			t.ExpiryFail = d
		}
	}
	if t.ExpiryWarn > 0 && t.ExpiryFail >= t.ExpiryWarn {
		r.wrong(e.value, "warn earlier than fail, such as {warn: 14d, fail: 2d}", "%s: a warning would come too late", what)
	}
}

const maxExpiry = 3650 * 24 * time.Hour

// days reads a time in days, as 14d, or one such as 36h.
func (r *reader) days(v value, what string) time.Duration {
	if text, isDays := strings.CutSuffix(v.bare(), "d"); isDays && v.node.Kind == yaml.ScalarNode {
		n, err := strconv.ParseUint(text, 10, 16)
		d := time.Duration(n) * 24 * time.Hour
		if err != nil || d == 0 || d > maxExpiry {
			r.wrong(v, "days such as 14d, at most 3650d", "%s is %s", what, v.bare())
		}
		return d
	}
	d, _ := r.duration(v, what, time.Minute, maxExpiry)
	return d
}

// icmp reads an icmp probe.
func (r *reader) icmp(e entry, what string) *ICMP {
	i := &ICMP{Size: 56}
	for _, f := range r.fields(e.value, what+": icmp", "{size: 56}", &icmpKeys) {
		n, _ := r.integer(f.value, what+": icmp: size", 24, maxPing)
		i.Size = int(n)
	}
	return i
}

// dns reads a dns probe.
func (r *reader) dns(e entry, what string) *DNS {
	what += ": dns"
	d := &DNS{Type: "A", Transport: "udp", RCode: "NOERROR"}
	var expect value
	for _, f := range r.fields(e.value, what, "{name: www.example.com}", &dnsKeys) {
		switch f.key {
		case "port":
			d.Port = r.port(f, what)
		case "recursion":
			d.Recursion = r.boolean(f.value, what+": recursion")
		case "expect":
			expect = f.value
		default:
			r.dnsText(d, f, what)
		}
	}
	if d.Port == 0 {
		d.Port = map[string]uint16{"tls": 853}[d.Transport]
	}
	if d.Port == 0 {
		d.Port = 53
	}
	if expect.node != nil {
		d.Expect = r.expected(d, expect, what+": expect")
	}
	r.needs(e, "name", "dns: {name: www.example.com}", what)
	return d
}

func (r *reader) dnsText(d *DNS, f entry, what string) {
	what += ": " + f.key
	text, ok := r.text(f.value, what, map[string]string{
		"name": "www.example.com", "type": "AAAA", "transport": "tcp", "rcode": "NXDOMAIN"}[f.key])
	if !ok {
		return
	}
	upper := strings.ToUpper(text)
	switch f.key {
	case "name":
		if _, valid := dns.IsDomainName(text); !valid || text == "" {
			r.wrong(f.value, "a name such as www.example.com", "%s is %q", what, text)
		}
		d.Name = dns.Fqdn(text)
	case "type":
		if _, known := dns.StringToType[upper]; !known || upper == "NONE" || upper == "RESERVED" {
			r.wrong(f.value, "a type such as A, AAAA or SOA", "%s is %q", what, text)
		}
		d.Type = upper
	case "transport":
		if !slices.Contains([]string{"udp", "tcp", "tls"}, text) {
			r.wrong(f.value, "udp, tcp or tls", "%s is %q", what, text)
		}
		d.Transport = text
	case "rcode":
		if n, known := dns.StringToRcode[upper]; !known || n > 15 {
			r.wrong(f.value, "a code such as NOERROR or NXDOMAIN", "%s is %q", what, text)
		}
		d.RCode = upper
	}
}

// expected reads the data of records that a DNS answer must have.
func (r *reader) expected(d *DNS, v value, what string) []string {
	var out []string
	items := r.oneOrMore(v, what, "[192.0.2.10]")
	if len(items) > maxExpected {
		r.wrong(v, "at most 64", "%s has %d records", what, len(items))
	}
	for _, item := range items {
		text, ok := r.text(item, what, "192.0.2.10")
		if !ok {
			continue
		}
		if _, err := dns.NewRR(". 0 IN " + d.Type + " " + text); err != nil || strings.ContainsAny(text, "\n") {
			r.wrong(item, "data as in a zone file", "%s: %q is no data of type %s", what, text, d.Type)
			continue
		}
		out = append(out, text)
	}
	return out
}

// grpc reads a grpc probe.
func (r *reader) grpc(e entry, what string) *GRPC {
	what += ": grpc"
	g := &GRPC{}
	for _, f := range r.fields(e.value, what, "{port: 50051}", &grpcKeys) {
		switch f.key {
		case "port":
			g.Port = r.port(f, what)
		case "service":
			text, ok := r.text(f.value, what+": service", "shop.Cart")
			if g.Service = text; ok && (len(text) > 200 || strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' })) {
				r.wrong(f.value, "a name such as shop.Cart", "%s: service is %q", what, text)
			}
		case "host":
			text, ok := r.text(f.value, what+": host", "api.example.com")
			if g.Host = text; ok && !validHost(text) {
				r.wrong(f.value, "a name or an address, perhaps with :port", "%s: host is %q", what, text)
			}
		case "tls":
			g.TLS = r.tls(f, what)
		}
	}
	r.needs(e, "port", "grpc: {port: 50051}", what)
	return g
}

// load reads where a response reports a load.
func (r *reader) load(e entry, what string) Load {
	what += ": load"
	var l Load
	for _, f := range r.fields(e.value, what, "{header: X-Load}", &loadKeys) {
		text, ok := r.text(f.value, what+": "+f.key, "load")
		switch {
		case !ok:
		case f.key == "header":
			if wrong, right := badHeader(text, ""); wrong != "" {
				r.wrong(f.value, right, "%s: %s", what, wrong)
			}
			l.Header = text
		case text == "" || len(text) > 200:
			r.wrong(f.value, "keys with dots between, such as stats.load", "%s: json is %q", what, text)
		default:
			l.JSON = text
		}
	}
	if (l.Header == "") == (l.JSON == "") {
		r.wrong(value{pos: e.pos}, "header: X-Load, or json: load", "%s needs one of header and json", what)
	}
	return l
}
