package probe

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"
)

// TLSConfig says how to speak TLS. The zero value verifies the certificate
// against the system's authorities and the name of the host.
type TLSConfig struct {
	SNI string // name asked for and verified; default the host, else the address

	// Insecure turns off the verification of the certificate. What is probed
	// then is only whether something answers.
	Insecure bool
	// RootCAs are the authorities trusted; default those of the system.
	RootCAs *x509.CertPool
	// Min is the oldest version that passes, such as [tls.VersionTLS13];
	// default 1.2.
	Min uint16

	// A certificate with less than ExpiryWarn left brings a warning, one with
	// less than ExpiryFail fails, with Insecure too. Of a chain the
	// certificate that expires first counts. 0 turns either off; an expired
	// one fails in any case, unless Insecure.
	ExpiryWarn, ExpiryFail time.Duration
}

// client returns the configuration of all handshakes; ServerName is added
// where the address stands for the host. Sessions are not resumed: a resumed
// one would not show a certificate that has gone bad. The post-quantum key
// exchange is left out: it is a third of the cost of a handshake and protects
// against those who keep a health check for decades.
func (c TLSConfig) client(host string, protocols ...string) *tls.Config {
	if c.SNI != "" {
		host = c.SNI
	}
	return &tls.Config{
		ServerName:         host,
		InsecureSkipVerify: c.Insecure,
		RootCAs:            c.RootCAs,
		MinVersion:         c.Min,
		NextProtos:         protocols,
		CurvePreferences:   []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384},
	}
}

// expires returns when the first certificate of the chain expires that the
// server is known by: of the shortest-lived way to an authority that was
// verified, the longest-lived of such ways if there are several, else of the
// server's own certificate. It is zero without any.
func expires(state tls.ConnectionState) time.Time {
	var best time.Time
	for _, chain := range state.VerifiedChains {
		if first := firstExpiry(chain); first.After(best) {
			best = first
		}
	}
	if best.IsZero() && len(state.PeerCertificates) > 0 {
		return state.PeerCertificates[0].NotAfter
	}
	return best
}

func firstExpiry(chain []*x509.Certificate) time.Time {
	var first time.Time
	for _, c := range chain {
		if first.IsZero() || c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	return first
}

// judgeExpiry returns the error or the warning that a certificate deserves.
func (c TLSConfig) judgeExpiry(expires, now time.Time) (warning string, err error) {
	if expires.IsZero() {
		return "", nil
	}
	left := expires.Sub(now)
	text := fmt.Sprintf("certificate expires %s, in %s", expires.UTC().Format(time.DateOnly), daysText(left))
	if left <= 0 {
		text = "certificate expired " + expires.UTC().Format(time.DateOnly)
	}
	switch {
	case c.ExpiryFail > 0 && left < c.ExpiryFail:
		return "", fmt.Errorf("%s, less than %s", text, daysText(c.ExpiryFail))
	case c.ExpiryWarn > 0 && left < c.ExpiryWarn:
		return text, nil
	}
	return "", nil
}

// daysText writes a time as people speak of certificates.
func daysText(d time.Duration) string {
	const day = 24 * time.Hour
	if d < 2*day {
		return d.Truncate(time.Minute).String()
	}
	return fmt.Sprintf("%dd", d/day)
}

// secure shakes hands on c within the attempt.
func (a *attempt) secure(c *conn, config *tls.Config) error {
	a.stage = handshake
	release := c.guard(a.ctx)
	defer release()
	// Handshake, not HandshakeContext: that would start a goroutine to do
	// what guard does.
	secure := tls.Client(c.tcp, config)
	if err := secure.Handshake(); err != nil {
		return err
	}
	c.Conn, c.expires = secure, expires(secure.ConnectionState())
	return nil
}

// checkExpiry judges the certificate of a connection.
func (a *attempt) checkExpiry(expires time.Time, opts TLSConfig) error {
	warning, err := opts.judgeExpiry(expires, time.Now())
	if warning != "" {
		a.warning = warning
	}
	return err
}
