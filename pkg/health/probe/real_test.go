package probe

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/porttest"
)

// freePort returns a port that is the test's own.
func freePort(t *testing.T) uint16 {
	t.Helper()
	return uint16(porttest.Free(t))
}

// startServer runs a server that is installed, with text as its
// configuration, and waits until port takes connections.
func startServer(t *testing.T, port uint16, text string, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = "/usr/sbin/" + name
		if _, err := os.Stat(path); err != nil {
			t.Skip(name + " is not installed")
		}
	}
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "CONFIG", file)
	}
	cmd := exec.Command(path, args...)
	var out bounded
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen: %s", name, out.data)
		}
	}
}

// pemFiles writes a certificate for a name, its key, and both in one file.
func pemFiles(t *testing.T, ca *authority, name string) (cert, key, both string) {
	t.Helper()
	c := ca.server(name).Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	certText := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
	keyText := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	dir := t.TempDir()
	for file, data := range map[string][]byte{"cert": certText, "key": keyText, "both": append(certText, keyText...)} {
		if err := os.WriteFile(filepath.Join(dir, file), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir + "/cert", dir + "/key", dir + "/both"
}

func TestAgainstNginx(t *testing.T) {
	ca := newAuthority()
	cert, key, _ := pemFiles(t, ca, "www.example.com")
	plain, secure := freePort(t), freePort(t)
	dir := t.TempDir()
	startServer(t, secure, fmt.Sprintf(`daemon off; master_process off; pid %[5]s/pid; error_log stderr;
events {}
http { access_log off; client_body_temp_path %[5]s/a; proxy_temp_path %[5]s/b; fastcgi_temp_path %[5]s/c; uwsgi_temp_path %[5]s/d; scgi_temp_path %[5]s/e;
server { listen 127.0.0.1:%[1]d; listen 127.0.0.1:%[2]d ssl http2; server_name www.example.com;
ssl_certificate %[3]s; ssl_certificate_key %[4]s;
location /healthz { add_header X-Load 42; return 200 "ok\n"; } location / { return 503; } } }
`, plain, secure, cert, key, dir), "nginx", "-p", dir, "-c", "CONFIG")
	trust := TLSConfig{RootCAs: ca.pool(), ExpiryWarn: 24 * time.Hour}
	load := LoadConfig{Header: "X-Load"}
	for _, c := range []struct {
		name   string
		config HTTPConfig
		want   string
	}{
		{"http", HTTPConfig{Port: plain, Path: "/healthz", Body: "ok", Load: load}, "pass"},
		{"http, kept", HTTPConfig{Port: plain, Path: "/healthz", Body: "ok", KeepAlive: true, Load: load}, "pass"},
		{"http, wrong path", HTTPConfig{Port: plain}, "fail: status 503, want 200-299"},
		{"https", HTTPConfig{Scheme: "https", Port: secure, Host: "www.example.com", Path: "/healthz", TLS: trust, Load: load}, "pass"},
		{"https for another name", HTTPConfig{Scheme: "https", Port: secure, Host: "a.example.com", Path: "/healthz", TLS: trust}, "fail: certificate is for www.example.com, not a.example.com"},
		{"HTTP/2", HTTPConfig{Scheme: "https", Port: secure, Host: "www.example.com", Path: "/healthz", TLS: trust, HTTP2: true, Load: load}, "pass"},
		{"HTTP/2, wrong path", HTTPConfig{Scheme: "https", Port: secure, Host: "www.example.com", TLS: trust, HTTP2: true}, "fail: status 503, want 200-299"},
	} {
		p := newHTTP(t, c.config)
		for range 2 {
			r := probeWithin(t, p, loop4, enough)
			wantResult(t, c.name, r, c.want)
			if c.want == "pass" && (r.Load != 42 || c.config.Scheme == "https" && r.Warning == "") {
				t.Errorf("%s: load %v, warning %q", c.name, r.Load, r.Warning)
			}
		}
	}
}

func TestAgainstHAProxy(t *testing.T) {
	ca := newAuthority()
	_, _, both := pemFiles(t, ca, "lb.example.com")
	plain, secure := freePort(t), freePort(t)
	startServer(t, secure, fmt.Sprintf(`global
  maxconn 100
defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend f
  bind 127.0.0.1:%d
  bind 127.0.0.1:%d ssl crt %s alpn h2,http/1.1
  monitor-uri /up
`, plain, secure, both), "haproxy", "-db", "-f", "CONFIG")
	trust := TLSConfig{RootCAs: ca.pool(), SNI: "lb.example.com"}
	request := "GET /up HTTP/1.0\r\n\r\n"
	wantResult(t, "tcp", probeWithin(t, NewTCP(TCPConfig{Port: plain}), loop4, enough), "pass")
	wantResult(t, "tcp with text", probeWithin(t, NewTCP(TCPConfig{Port: plain, Send: request, Expect: "200 OK"}), loop4, enough), "pass")
	wantResult(t, "tcp with TLS", probeWithin(t, NewTCP(TCPConfig{Port: secure, Send: request, Expect: "200 OK", TLS: &trust}), loop4, enough), "pass")
	wantResult(t, "HTTP/2", probeWithin(t, newHTTP(t, HTTPConfig{Scheme: "https", Port: secure, Path: "/up", TLS: trust, HTTP2: true}), loop4, enough), "pass")
	wantResult(t, "nobody behind", probeWithin(t, newHTTP(t, HTTPConfig{Port: plain}), loop4, enough), "fail: status 503, want 200-299")
}

func TestAgainstUnbound(t *testing.T) {
	port := freePort(t)
	startServer(t, port, fmt.Sprintf(`server:
  directory: ""
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  interface: 127.0.0.1
  port: %d
  local-zone: "example.com." static
  local-data: "www.example.com. 60 IN A 192.0.2.1"
  local-data: "www.example.com. 60 IN AAAA 2001:db8::1"
remote-control:
  control-enable: no
`, port), "unbound", "-d", "-p", "-c", "CONFIG")
	for _, c := range []struct {
		config DNSConfig
		want   string
	}{
		{DNSConfig{Name: "www.example.com", Expect: []string{"192.0.2.1"}, Recursion: true}, "pass"},
		{DNSConfig{Name: "www.example.com", Type: "AAAA", Expect: []string{"2001:DB8:0::1"}, Transport: "tcp"}, "pass"},
		{DNSConfig{Name: "www.example.com", Expect: []string{"192.0.2.2"}}, "fail: answer lacks A 192.0.2.2; it has 192.0.2.1"},
		{DNSConfig{Name: "none.example.com"}, "fail: answer NXDOMAIN, want NOERROR"},
	} {
		c.config.Port = port
		p, err := NewDNS(c.config)
		if err != nil {
			t.Fatal(err)
		}
		wantResult(t, c.config.Name, probeWithin(t, p, loop4, enough), c.want)
	}
}
