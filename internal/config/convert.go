package config

import (
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// options converts and checks every key, noting each mistake at its place.
func (c *converter) options() Geodns {
	o := Geodns{
		File:           c.file,
		Admin:          c.string("admin"),
		AdminHosts:     c.strings("admin_hosts"),
		AdminTokenFile: c.path("admin_token_file", c.string("admin_token_file")),
		ExplainTo:      c.prefixes("explain_to"),
		State:          c.path("state", c.string("state")),
		User:           c.string("user"),
		NSID:           c.string("nsid"),
		Version:        c.string("version"),
		Log: Log{
			Level:  c.oneOf("log.level", "debug", "info", "warn", "error"),
			Format: c.oneOf("log.format", "text", "json"),

			Queries:       c.queries(),
			QueriesFormat: c.oneOf("log.queries_format", "json", "dnstap"),
			QueriesSample: c.number("log.queries_sample", 1, 1_000_000),
		},
		Limits: Limits{
			Workers:           c.number("limits.workers", 0, 256),
			UDPSize:           c.number("limits.udp_size", 512, 4096),
			TCPConnections:    c.number("limits.tcp_connections", 1, 1_000_000),
			TCPConnectionsPer: c.number("limits.tcp_connections_per_client", 1, 1_000_000),
			TCPIdle:           c.duration("limits.tcp_idle", 100*time.Millisecond, time.Hour),
			RRLRate:           c.number("limits.rrl_rate", 0, 100_000),
			RRLWindow:         c.number("limits.rrl_window", 1, 60),
			RRLSlip:           c.number("limits.rrl_slip", 0, 100),
			RRLExempt:         c.prefixes("limits.rrl_exempt"),
		},
	}
	o.Listen = c.listen()
	c.zones(&o)
	for i, db := range c.strings("geo.database") {
		if db != "builtin" {
			db = c.path("geo.database", db)
		}
		o.Databases = append(o.Databases, db)
		o.DatabaseAt = append(o.DatabaseAt, c.at("geo.database", i))
	}
	c.admin(&o)
	c.token(&o)
	c.servers(&o)
	c.reportAgent(&o)
	if c.v.GetDuration(findOption("cookie_roll").viper()) != 0 {
		// A cookie is good for an hour: two secrets must cover that.
		o.CookieRoll = c.duration("cookie_roll", time.Hour, 10_000*time.Hour)
	}
	if o.State == "" {
		c.list.Errorf(c.source("state").pos, "a folder such as /var/lib/geodns", "state is empty")
	}
	for _, key := range []string{"nsid", "version"} {
		if len(c.string(key)) > 255 {
			c.list.Errorf(c.source(key).pos, "at most 255 characters", "%s is too long", key)
		}
	}
	return o
}

func (c *converter) oneOf(key string, known ...string) string {
	s := c.string(key)
	if !slices.Contains(known, s) {
		c.list.Errorf(c.source(key).pos, "one of "+strings.Join(known, ", "), "%s %q is not known", key, s)
		return known[0]
	}
	return s
}

func (c *converter) number(key string, low, high int) int {
	n := c.v.GetInt(findOption(key).viper())
	if n < low || n > high {
		c.list.Errorf(c.source(key).pos, between(low, high), "%s is %d", key, n)
	}
	return n
}

func (c *converter) duration(key string, low, high time.Duration) time.Duration {
	d := c.v.GetDuration(findOption(key).viper())
	if d < low || d > high {
		c.list.Errorf(c.source(key).pos, "a duration from "+low.String()+" to "+high.String(), "%s is %v", key, d)
	}
	return d
}

// listen converts the addresses to listen at.
func (c *converter) listen() []netip.AddrPort {
	var out []netip.AddrPort
	for i, s := range c.strings("listen") {
		ap, err := netip.ParseAddrPort(s)
		pos := c.at("listen", i)
		switch {
		case err != nil:
			c.list.Errorf(pos, `an address and a port, such as "0.0.0.0:53" or "[::]:53"`, "%q is no address to listen at", s)
		case slices.Contains(out, ap):
			c.list.Errorf(pos, "each address once", "%s stands twice in listen", s)
		default:
			out = append(out, ap)
		}
	}
	if len(out) == 0 && !c.list.HasErrors() {
		c.list.Errorf(c.source("listen").pos, `an address and a port, such as "0.0.0.0:53"`, "listen is empty")
	}
	return out
}

// zones converts the folder, or the list of folders and files.
func (c *converter) zones(o *Geodns) {
	if !c.source("zones").fromFile || c.parsed.zones == nil {
		for _, f := range c.strings("zones") {
			o.Folders = append(o.Folders, c.path("zones", f))
		}
		return
	}
	seen := map[dnswire.Name]diag.Pos{}
	for _, e := range c.parsed.zones {
		if e.name == "" {
			o.Folders = append(o.Folders, c.path("zones", e.file))
			continue
		}
		n, err := dnswire.ParseName(e.name)
		if err != nil {
			c.list.Errorf(e.namePos, "a domain name such as example.com", "zone name %q: %v", e.name, err)
			continue
		}
		if first, twice := seen[n]; twice {
			c.list.Errorf(e.namePos, "each zone once", "zone %s was listed already at %s", e.name, first)
			continue
		}
		seen[n] = e.namePos
		o.ZoneFiles = append(o.ZoneFiles, ZoneFile{Name: e.name, File: c.path("zones", e.file)})
	}
}

// admin checks the address of the admin listener.
func (c *converter) admin(o *Geodns) {
	if o.Admin == "" {
		return
	}
	host, port, err := net.SplitHostPort(o.Admin)
	if err == nil && host != "localhost" {
		_, err = netip.ParseAddr(host)
	}
	if err != nil || port == "" {
		c.list.Errorf(c.source("admin").pos, `an address and a port, such as "127.0.0.1:8053", or "" for none`, "%q is no address to listen at", o.Admin)
	}
}

// token checks that the file of the admin token can be read and holds one.
func (c *converter) token(o *Geodns) {
	if o.AdminTokenFile == "" {
		return
	}
	data, err := os.ReadFile(o.AdminTokenFile)
	switch {
	case err != nil:
		c.list.Errorf(c.source("admin_token_file").pos, "a file with one line, the token", "%s: %v", o.AdminTokenFile, Plain(err))
	case strings.TrimSpace(string(data)) == "":
		c.list.Errorf(c.source("admin_token_file").pos, "a file with one line, the token", "%s is empty", o.AdminTokenFile)
	}
}

// servers turns the addresses of the nodes into URLs.
func (c *converter) servers(o *Geodns) {
	for i, s := range c.strings("servers") {
		u, err := ServerURL(s)
		if err != nil {
			c.list.Errorf(c.at("servers", i), "an address such as http://10.0.0.1:8053", "%q: %v", s, err)
			continue
		}
		o.Servers = append(o.Servers, u)
	}
}

// reportAgent converts the name of the agent that errors are reported to. Options
// go into most answers, so that it should be short.
func (c *converter) reportAgent(o *Geodns) {
	text := c.string("report_agent")
	if text == "" {
		return
	}
	name, err := dnswire.ParseName(text)
	switch {
	case err != nil:
		c.list.Errorf(c.source("report_agent").pos, "a domain name such as er.example.com", "report_agent %q: %v", text, err)
	case name == dnswire.Root: // RFC 9567, Section 6.2: MUST NOT
		c.list.Errorf(c.source("report_agent").pos, "a domain name such as er.example.com", "report_agent is the root")
	case len(name) > 100:
		c.list.Errorf(c.source("report_agent").pos, "a name of at most 98 characters", "report_agent is too long: reports must fit below it")
	default:
		o.ReportAgent = name
	}
}

// queries converts where queries are logged to: a relative path is one of the file.
func (c *converter) queries() string {
	target := c.string("log.queries")
	path, isSocket := strings.CutPrefix(target, "unix:")
	switch {
	case target == "":
		return ""
	case path == "":
		c.list.Errorf(c.source("log.queries").pos, "a file, or unix: and the path of a socket", "log.queries %q names no socket", target)
		return ""
	case isSocket:
		return "unix:" + c.path("log.queries", path)
	}
	return c.path("log.queries", path)
}

// prefixes converts a list of prefixes; an address alone is a prefix of its own.
func (c *converter) prefixes(key string) []netip.Prefix {
	var out []netip.Prefix
	for i, s := range c.strings(key) {
		p, err := netip.ParsePrefix(s)
		if a, bad := netip.ParseAddr(s); bad == nil && a.Zone() == "" {
			p, err = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
		}
		if err != nil || p.Addr().Is4In6() {
			c.list.Errorf(c.at(key, i), "a prefix such as 192.0.2.0/24, or an address", "%q in %s is no prefix", s, key)
			continue
		}
		out = append(out, p.Masked())
	}
	return out
}

// ServerURL returns the URL of an admin listener given as URL or host:port.
func ServerURL(s string) (string, error) {
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return "", err
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", &url.Error{Op: "parse", URL: s, Err: errNoServer}
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}
