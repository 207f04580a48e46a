// Package querylog owns the form of the query log: one answered question as a line
// of JSON or as a dnstap frame, with the decision that was made.
//
// It is pure: it does not write files or sockets, and does not choose what is
// logged. The entry points are [AppendJSON] and [AppendDnstap].
package querylog

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/geodns-vipd/geodns/pkg/answer"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// Entry is one question and what became of it.
type Entry struct {
	At      time.Time
	Client  netip.AddrPort
	TCP     bool
	Query   []byte // as it came
	Reply   []byte // as it was made; nil if it was too long to be kept
	Size    int    // of the reply as sent, in octets; 0 if none was
	Limited string // "drop" or "slip" if the rate of the client was too high
	Outcome answer.Outcome
}

// line is the form of an entry in JSON. A field that does not apply is left out.
type line struct {
	Time       string `json:"time"`                  // RFC 3339, UTC
	Client     string `json:"client"`                // address of the sender
	Port       uint16 `json:"port"`                  // of the sender
	Transport  string `json:"transport"`             // udp or tcp
	Subnet     string `json:"subnet,omitempty"`      // EDNS client subnet
	Scope      *uint8 `json:"scope,omitempty"`       // prefix for which the answer holds, with subnet
	Name       string `json:"name,omitempty"`        // as asked, case included
	Type       string `json:"type,omitempty"`        //
	RCode      string `json:"rcode"`                 //
	Zone       string `json:"zone,omitempty"`        // that holds the name
	Policy     string `json:"policy,omitempty"`      // that decided
	Site       string `json:"site,omitempty"`        // first one chosen
	LastResort bool   `json:"last_resort,omitempty"` // nothing was up: all_down spoke
	Truncated  bool   `json:"truncated,omitempty"`   // TC was set
	Limited    string `json:"limited,omitempty"`     // drop or slip
	Size       int    `json:"size"`                  // octets sent
}

// AppendJSON appends an entry as one line to b and returns the extended slice.
func AppendJSON(b []byte, e *Entry) []byte {
	var q dnswire.Query
	q.Parse(e.Query)
	o := &e.Outcome
	l := line{
		Time: e.At.UTC().Format(time.RFC3339Nano), Client: e.Client.Addr().String(), Port: e.Client.Port(), Transport: "udp",
		RCode: o.RCode.String(), Limited: e.Limited, Size: e.Size, LastResort: o.LastResort,
	}
	if e.TCP {
		l.Transport = "tcp"
	}
	if q.HasQuestion {
		l.Name, l.Type = dnswire.FormatName(q.Name), q.Type.String()
	}
	if ecs := q.EDNS.ECS; q.EDNS.HasECS && ecs.Addr.IsValid() {
		l.Subnet, l.Scope = netip.PrefixFrom(ecs.Addr, int(ecs.Source)).String(), &o.Scope
	}
	if o.Zone != nil {
		l.Zone = o.Zone.Origin.String()
	}
	l.Policy, l.Site = decision(o)
	const truncated = 1 << 1 // in the third octet of the header
	l.Truncated = e.Limited == "slip" || len(e.Reply) > 2 && e.Reply[2]&truncated != 0
	text, _ := json.Marshal(l) // nothing in it can fail
	return append(append(b, text...), '\n')
}

// decision returns the names of the policy that decided and of the first site that
// it chose, "" for none.
func decision(o *answer.Outcome) (policy, site string) {
	if o.Steer < 0 || o.SteerZone == nil {
		return "", ""
	}
	p := o.SteerZone.Policies[o.Steer]
	if o.Site >= 0 {
		site = p.Sites().At(o.Site).Name
	}
	return p.Spec().String(), site
}
