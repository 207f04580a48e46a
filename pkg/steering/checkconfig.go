package steering

import (
	"fmt"
	"net/netip"
	"regexp"
	"time"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/health"
)

// Check is a configured check. Exactly one of its kinds is set.
type Check struct {
	Name string
	Pos  diag.Pos // of the name
	Spec health.Spec
	Via  Via

	HTTP    *HTTP // also for https
	TCP     *TCP
	ICMP    *ICMP
	DNS     *DNS
	GRPC    *GRPC
	Exec    *Exec
	Push    *Push
	File    *FileCheck
	Formula *health.Formula // calculated from other checks of the same address; also for not
}

// Via says where and how the packets of a check go, if not to the address
// that is served and as the routing table says.
type Via struct {
	Target    string     // address or name to probe in place of the address; "": the address
	Source    netip.Addr // invalid: any
	Interface string     // "": any
}

// TLS says how to speak TLS.
type TLS struct {
	SNI        string        // name asked for and verified; "": the host, else the address
	Insecure   bool          // do not verify the certificate
	Min        string        // "1.2" or "1.3"; "": 1.2
	ExpiryWarn time.Duration // warn when the certificate has less left; 0: never
	ExpiryFail time.Duration // fail then; 0: when it has expired
}

// HTTP says how to probe over HTTP or HTTPS.
type HTTP struct {
	Scheme    string            // "http" or "https"
	Port      uint16            // default 80 or 443
	Path      string            // with the query; default "/"
	Method    string            // default "GET"
	Host      string            // Host header and name for TLS; "": the address
	Headers   map[string]string // nil if none
	Status    []StatusRange     // default 200-299
	Body      string            // must be in the body; "": not asked
	BodyRegex *regexp.Regexp    // must match the body; nil: not asked
	TLS       TLS               // https only
	HTTP2     bool              // speak HTTP/2 and nothing else
	Redirects int               // how many are followed; default 0
	KeepAlive bool              // keep the connection from one probe to the next
	Load      Load
}

// Load says where a response reports the load of what is probed. One of the
// fields is set, or none.
type Load struct {
	Header string // name of a header
	JSON   string // path to a number in a JSON body, the keys with dots between
}

// StatusRange is a range of HTTP status codes, both ends included.
type StatusRange struct {
	Low, High int
}

// String returns "200-299", or "301" for a range of one.
func (r StatusRange) String() string {
	if r.Low == r.High {
		return fmt.Sprint(r.Low)
	}
	return fmt.Sprintf("%d-%d", r.Low, r.High)
}

// TCP says how to probe over TCP.
type TCP struct {
	Port   uint16
	Send   string // octets sent once connected; "": none
	Expect string // octets that must come; "": not waited for
	TLS    *TLS   // nil: no TLS
}

// ICMP says how to probe with echo requests.
type ICMP struct {
	Size int // octets of payload; default 56
}

// DNS says how to probe with a DNS query.
type DNS struct {
	Port      uint16
	Name      string   // with the dot at its end
	Type      string   // default A
	Transport string   // udp, tcp or tls
	RCode     string   // default NOERROR
	Expect    []string // data of records that must be in the answer, as in a zone file
	Recursion bool     // ask for recursion
}

// GRPC says how to ask a gRPC server for its health.
type GRPC struct {
	Port    uint16
	Service string // "": the server as a whole
	Host    string // :authority; "": the address
	TLS     *TLS   // nil: no TLS
}

// Exec says how to run a program.
type Exec struct {
	Command   []string // the path, absolute, and its arguments
	Env       []string // NAME=value, beside those that every program gets
	KeepAlive bool     // one process answers for all addresses, a line for each probe
}

// Push says that the address, or a script, reports by itself.
type Push struct {
	TTL       time.Duration // how long a report stands
	TokenFile string        // of the token that lets its bearer report; "": only who may change anything
}

// FileCheck says which file to look at.
type FileCheck struct {
	Path    string        // may have {site} and {address} in it
	Content bool          // it must say up; false: it must be there
	MaxAge  time.Duration // since its last change; 0: any
}
