// Package config owns the settings of the geodns daemon: geodns.yaml read
// strictly with places, flags and environment laid over it, all checked and typed.
// It does not read zones, steering or databases. The entry point is [Load].
package config

import (
	"net/netip"
	"time"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// Geodns is geodns.yaml with flags, environment and defaults applied: typed,
// checked, and with paths that need no further context.
type Geodns struct {
	File      string           // the configuration file; "" if there is none
	Listen    []netip.AddrPort // UDP and TCP
	Folders   []string         // zone folders
	ZoneFiles []ZoneFile       // zones whose name is no file name
	Databases []string         // .mmdb files in order of precedence; "builtin" is the embedded one

	DatabaseAt []diag.Pos // where each of Databases is written

	Admin          string   // address of the admin listener; "" for none
	AdminHosts     []string // further host names that it may be called by
	AdminTokenFile string   // "" for none
	Servers        []string // admin URLs of all nodes

	ExplainTo []netip.Prefix // who may ask over DNS how a question is answered

	State   string // folder of what must survive a restart
	User    string // whom to become after binding; "" stays
	NSID    string
	Version string

	CookieRoll  time.Duration // age at which the secret of DNS cookies is changed; 0: never
	ReportAgent dnswire.Name  // below which resolvers report errors; "" for none

	Log    Log
	Limits Limits
}

// ZoneFile names a zone and the file that holds it.
type ZoneFile struct {
	Name string
	File string
}

// Log say what is logged and how.
type Log struct {
	Level  string // debug, info, warn or error
	Format string // text or json

	Queries       string // file, or unix:SOCKET, that queries are logged to; "" for none
	QueriesFormat string // json or dnstap
	QueriesSample int    // one of so many queries is logged
}

// Limits bound what clients may cost.
type Limits struct {
	Workers           int           // threads that answer UDP; 0: one for each CPU
	UDPSize           int           // largest UDP reply, octets
	TCPConnections    int           // open at once
	TCPConnectionsPer int           // of them from one client (/32, /56)
	TCPIdle           time.Duration // silence after which a connection is closed

	// Response rate limiting over UDP.
	RRLRate   int // answers of a kind a second to a /24 or /56; 0: no limit
	RRLWindow int // seconds of excess that are remembered
	RRLSlip   int // of so many answers left out one is sent truncated; 0: none
	RRLExempt []netip.Prefix
}

// DefaultConfigFiles are tried in order when no file is named.
var DefaultConfigFiles = []string{"geodns.yaml", "/etc/geodns/geodns.yaml"}

// kind is the form of an option's value.
type kind uint8

const (
	kindString kind = iota
	kindStrings
	kindInt
	kindDuration
	kindZones // a folder, or a list of folders and {name, file}
)

// option is one key of geodns.yaml. The dotted key gives the flag
// (geo.database is --geo-database) and the environment variable
// (GEODNS_GEO_DATABASE).
type option struct {
	key  string
	kind kind
	def  any
	help string
}

// options is the one list of keys: the strict reader, the flags, the
// environment and the reference are checked against it.
var options = []option{
	{"listen", kindStrings, []string{"0.0.0.0:53", "[::]:53"}, "addresses for UDP and TCP; [::] is IPv6 only"},
	{"zones", kindZones, []string{"zones"}, "folder of zone files and steering.yaml, or a list of folders and {name, file}"},
	{"geo.database", kindStrings, []string{"builtin"}, "builtin, or .mmdb files; per field the first that has it wins"},
	{"admin", kindString, "127.0.0.1:8053", "address of status page, JSON API and /metrics; empty for none"},
	{"admin_hosts", kindStrings, []string{}, "further host names by which the admin listener may be called"},
	{"admin_token_file", kindString, "", "file with the bearer token for requests that change something"},
	{"servers", kindStrings, []string{}, "admin URLs of all nodes, for the client commands"},
	{"explain_to", kindStrings, []string{}, "prefixes from which TXT at _explain.NAME tells how NAME is answered"},
	{"state", kindString, "/var/lib/geodns", "folder of what must survive a restart"},
	{"user", kindString, "", "whom to become after binding; empty stays"},
	{"nsid", kindString, "", "identity told to those who ask for it (RFC 5001); empty tells none"},
	{"version", kindString, "", "answer to version.bind in class CHAOS; empty refuses"},
	{"cookie_roll", kindDuration, time.Duration(0), "age at which the secret of DNS cookies is changed, 1h or more; 0 is never"},
	{"report_agent", kindString, "", "name below which resolvers report errors (RFC 9567); empty tells none"},
	{"log.level", kindString, "info", "debug, info, warn or error"},
	{"log.format", kindString, "text", "text or json"},
	{"log.queries", kindString, "", "file, or unix:SOCKET, to log queries to; empty logs none"},
	{"log.queries_format", kindString, "json", "json or dnstap"},
	{"log.queries_sample", kindInt, 1, "one of so many queries is logged"},
	{"limits.workers", kindInt, 0, "threads that answer UDP; 0 is one for each CPU"},
	{"limits.udp_size", kindInt, 1232, "largest UDP reply in octets, 512 to 4096"},
	{"limits.tcp_connections", kindInt, 2000, "TCP connections open at once"},
	{"limits.tcp_connections_per_client", kindInt, 100, "of them from one client (/32 or /56)"},
	{"limits.tcp_idle", kindDuration, 10 * time.Second, "silence after which a TCP connection is closed"},
	{"limits.rrl_rate", kindInt, 0, "UDP answers of a kind a second to a /24 or /56; 0 is no limit"},
	{"limits.rrl_window", kindInt, 15, "seconds of excess that are remembered"},
	{"limits.rrl_slip", kindInt, 2, "of so many answers left out one is sent truncated; 0 is none"},
	{"limits.rrl_exempt", kindStrings, []string{}, "prefixes of clients that are not limited"},
}

func findOption(key string) *option {
	for i := range options {
		if options[i].key == key {
			return &options[i]
		}
	}
	return nil
}

// DefaultLimits returns the limits of a configuration that sets none.
func DefaultLimits() Limits {
	return Limits{
		UDPSize:           findOption("limits.udp_size").def.(int),
		TCPConnections:    findOption("limits.tcp_connections").def.(int),
		TCPConnectionsPer: findOption("limits.tcp_connections_per_client").def.(int),
		TCPIdle:           findOption("limits.tcp_idle").def.(time.Duration),
		RRLWindow:         findOption("limits.rrl_window").def.(int),
		RRLSlip:           findOption("limits.rrl_slip").def.(int),
	}
}
