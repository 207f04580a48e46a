package probe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/netip"
	"testing"
	"time"
)

// authority signs the certificates of test servers.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority() *authority {
	a := &authority{key: newKey()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert = sign(template, template, a.key, a.key)
	return a
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func sign(template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		panic(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return c
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// server returns the configuration of a server with a certificate for the
// given names and addresses.
func (a *authority) server(names ...string) *tls.Config {
	return a.serverValid(time.Now().Add(-time.Hour), time.Now().Add(time.Hour), names...)
}

func (a *authority) serverValid(from, to time.Time, names ...string) *tls.Config {
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: from, NotAfter: to}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	key := newKey()
	cert := sign(template, a.cert, key, a.key)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
}

// serveTLS is serve with TLS around each connection.
func serveTLS(t testing.TB, addr netip.Addr, config *tls.Config, handle func(net.Conn)) *server {
	t.Helper()
	return serve(t, addr, func(c net.Conn) {
		secure := tls.Server(c, config)
		if secure.Handshake() == nil {
			handle(secure)
			secure.Close()
		}
	})
}

func TestCertificateIsJudged(t *testing.T) {
	ca, stranger := newAuthority(), newAuthority()
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 12, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		name   string
		server *tls.Config
		config HTTPConfig
		want   string
	}{
		{"for the host", ca.server("www.example.com"), HTTPConfig{Host: "www.example.com"}, "pass"},
		{"for the host, with port", ca.server("www.example.com"), HTTPConfig{Host: "www.example.com:8443"}, "pass"},
		{"for the address, without host", ca.server("127.0.0.1"), HTTPConfig{}, "pass"},
		{"for another host", ca.server("a.example", "b.example"), HTTPConfig{Host: "www.example.com"}, "fail: certificate is for a.example, b.example, not www.example.com"},
		{"for many other hosts", ca.server("a.example", "b.example", "c.example", "d.example"), HTTPConfig{Host: "www.example.com"}, "fail: certificate is for a.example, b.example, c.example, …, not www.example.com"},
		{"for a name, probed by address", ca.server("www.example.com", "192.0.2.7"), HTTPConfig{}, "fail: certificate is for www.example.com, 192.0.2.7, not 127.0.0.1"},
		{"expired", ca.serverValid(day(2020, 1, 1), day(2021, 1, 2), "www.example.com"), HTTPConfig{Host: "www.example.com"}, "fail: certificate expired 2021-01-02"},
		{"not valid yet", ca.serverValid(day(2200, 1, 1), day(2201, 1, 1), "www.example.com"), HTTPConfig{Host: "www.example.com"}, "fail: certificate not valid before 2200-01-01 12:00:00"},
		{"of a stranger", stranger.server("www.example.com"), HTTPConfig{Host: "www.example.com"}, "fail: certificate signed by unknown authority"},
		{"of a stranger, insecure", stranger.server("www.example.com"), HTTPConfig{Host: "www.example.com", TLS: TLSConfig{Insecure: true}}, "pass"},
		{"expired, for another host, insecure", ca.serverValid(day(2020, 1, 1), day(2021, 1, 2), "a.example"), HTTPConfig{Host: "www.example.com", TLS: TLSConfig{Insecure: true}}, "pass"},
	} {
		c.config.Scheme, c.config.TLS.RootCAs, c.config.Body = "https", ca.pool(), "ok"
		c.config.Port = serveTLS(t, loop4, c.server, replies(ok200)).port
		wantResult(t, c.name, probeWithin(t, newHTTP(t, c.config), loop4, 5*time.Second), c.want)
	}
}

func TestServerNameIsTheHostAndNeverAnAddress(t *testing.T) {
	ca := newAuthority()
	for _, c := range []struct{ host, want string }{
		{"www.example.com", "www.example.com"},
		{"www.example.com:8443", "www.example.com"},
		{"", ""},
	} {
		config, names := ca.server("www.example.com", "127.0.0.1"), make(chan string, 1)
		config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			names <- hello.ServerName
			return nil, nil
		}
		s := serveTLS(t, loop4, config, replies(ok200))
		p := newHTTP(t, HTTPConfig{Scheme: "https", Port: s.port, Host: c.host, TLS: TLSConfig{RootCAs: ca.pool()}})
		wantResult(t, c.host, probeWithin(t, p, loop4, 5*time.Second), "pass")
		if got := <-names; got != c.want {
			t.Errorf("host %q: asked for %q, want %q", c.host, got, c.want)
		}
	}
}

func TestWhatIsNoTLSIsNamed(t *testing.T) {
	for _, c := range []struct {
		name   string
		handle func(net.Conn)
		want   string
	}{
		{"plain HTTP", func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n"); io.Copy(io.Discard, c) }, "fail: the server speaks plain HTTP, not TLS"},
		{"another protocol", func(c net.Conn) { io.WriteString(c, "220 mail.example ESMTP\r\n"); io.Copy(io.Discard, c) }, "fail: the server does not speak TLS"},
		{"closed", func(c net.Conn) { c.Read(make([]byte, 4096)) }, "fail: connection closed while in the TLS handshake"},
		{"alert", func(c net.Conn) { tls.Server(c, &tls.Config{}).Handshake() }, "fail: TLS alert from the server: unrecognized name"},
	} {
		s := serve(t, loop4, c.handle)
		p := newHTTP(t, HTTPConfig{Scheme: "https", Port: s.port, Host: "www.example.com"})
		wantResult(t, c.name, probeWithin(t, p, loop4, 5*time.Second), c.want)
	}
}

func TestTimeoutInTheHandshake(t *testing.T) {
	s := serve(t, loop4, func(c net.Conn) { io.Copy(io.Discard, c) })
	p := newHTTP(t, HTTPConfig{Scheme: "https", Port: s.port})
	r := probeWithin(t, p, loop4, 100*time.Millisecond)
	wantResult(t, "https", r, "fail: timeout after 100ms while in the TLS handshake")
	wantLatency(t, "https", r, 100*time.Millisecond)
}
