package keepalived

import (
	"fmt"
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// Address is an address with the options of `ip address add`.
type Address struct {
	Prefix        netip.Prefix // address and length; the address is not masked
	Dev           string       // interface; filled in from the instance or default_interface
	DevSet        bool         // dev was given on the line
	Label         string
	Scope         uint8 // RT_SCOPE_…: 0 global, 200 site, 253 link, 254 host, 255 nowhere
	Broadcast     Broadcast
	Peer          netip.Prefix // other end of a point-to-point link; invalid: none
	Home          bool
	DAD           bool // look for duplicates before use; IPv6 VIPs default to not
	MngTmpAddr    bool
	NoPrefixRoute bool
	AutoJoin      bool
	UseVMAC       bool
	NoTrack       bool   // nothing happens when somebody removes it
	TrackGroup    string // static addresses only
	// PreferredLft is in seconds; PreferredSet says that it was given. An
	// IPv6 /128 is deprecated (0) by default, all else preferred for ever.
	PreferredLft uint32
	PreferredSet bool
	Pos          diag.Pos
}

// Forever is the PreferredLft that never ends.
const Forever = 0xffffffff

// Addr returns the address alone.
func (a Address) Addr() netip.Addr { return a.Prefix.Addr() }

// String returns addr/len.
func (a Address) String() string { return a.Prefix.String() }

// Broadcast is the value of brd.
type Broadcast struct {
	Addr netip.Addr
	Auto byte // '+' sets the host bits, '-' clears them, 0: Addr, or none
}

// Secret is a value that is never shown. Its only way out is [Secret.Reveal].
// Two secrets may be compared with ==.
type Secret struct {
	text string
}

// NewSecret returns text as a secret.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the value itself; it must not be logged.
func (s Secret) Reveal() string { return s.text }

// IsZero reports whether there is no value.
func (s Secret) IsZero() bool { return s.text == "" }

// String returns "(hidden)", or "(none)" if there is no value.
func (s Secret) String() string {
	if s.text == "" {
		return "(none)"
	}
	return "(hidden)"
}

// Format hides the value from every verb of package fmt.
func (s Secret) Format(f fmt.State, verb rune) {
	fmt.Fprint(f, s.String())
}

// MarshalText hides the value from encoders such as encoding/json.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
