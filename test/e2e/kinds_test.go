package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// program found by its name, also where only root looks.
func installed(t *testing.T, name string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if full, err := exec.LookPath(path); err == nil {
			return full
		}
	}
	t.Skip(name + " is not installed")
	return ""
}

// runServer runs a server in the foreground, and waits until it accepts
// connections at addr.
func runServer(t *testing.T, addr string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(installed(t, args[0]), args[1:]...)
	var out logBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its workers end with it
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill9(cmd) })
	eventually(t, 15*time.Second, args[0]+" listens", func() bool {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		c.Close()
		return true
	})
	return cmd
}

// kill9 kills a server that runServer has started, with its workers.
func kill9(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	}
}

// signer makes certificates for www.example.com.
type signer struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	s := &signer{t: t}
	s.key, s.cert = s.make(&x509.Certificate{Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(1000 * 24 * time.Hour)})
	return s
}

func (s *signer) make(c *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate) {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour)
	parent, parentKey := s.cert, s.key
	if parent == nil {
		parent, parentKey = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, parentKey)
	if err != nil {
		s.t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		s.t.Fatal(err)
	}
	return key, made
}

// write writes the authority to ca.pem, and a certificate that lives for so many
// days, with its key, to cert.pem.
func (s *signer) write(dir string, days int) {
	s.t.Helper()
	key, cert := s.make(&x509.Certificate{Subject: pkix.Name{CommonName: "www"}, DNSNames: []string{"www.example.com"},
		NotAfter: time.Now().Add(time.Duration(days)*24*time.Hour + time.Hour)})
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	both := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	files{"cert.pem": string(both), "ca.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.cert.Raw}))}.write(s.t, dir)
}

const nginxText = `daemon off; master_process on; pid %[1]s/nginx.pid; error_log %[1]s/nginx.err; worker_processes 1;
events {}
http { access_log off; client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
server { listen 127.1.1.1:%[2]d ssl; server_name www.example.com; ssl_certificate %[1]s/cert.pem; ssl_certificate_key %[1]s/cert.pem;
location /healthz { return 200 "ok\n"; } } }
`

const haproxyText = `defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend f
  bind 127.1.1.2:%d
  bind 127.1.1.2:%d ssl crt %s/cert.pem
  monitor-uri /up
`

const unboundText = `server:
  directory: ""
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  interface: 127.1.1.3
  port: %d
  access-control: 127.0.0.0/8 allow
  local-zone: "example.com." static
  local-data: "www.example.com. 60 IN A 192.0.2.1"
remote-control:
  control-enable: no
`

// keptProgram answers as the file beside it says, and dies when that says so.
const keptProgram = `#!/bin/sh
while read id site addr ms; do
	read word < %[1]s/kept
	[ "$word" = die ] && exit 3
	echo "$id $word"
done
`

// kindsSteering has a site for each kind of check; spare serves when it is down.
const kindsSteering = `checks:
  nginx: {https: {port: %[2]d, path: /healthz, host: www.example.com, body: ok, cert_expiry: {warn: 14d, fail: 3d}}, interval: 1s}
  haproxy: {http: {port: %[3]d, path: /up}, interval: 400ms}
  tlsdoor: {tcp: {port: %[4]d, send: 'GET /up HTTP/1.0\r\n\r\n', expect: '200 OK', tls: {sni: www.example.com}}, interval: 1s}
  unbound: {dns: {port: %[5]d, name: www.example.com, expect: [192.0.2.1], recursion: true}, interval: 400ms}
  grpc: {grpc: {port: %[6]d, service: shop.Cart}, interval: 400ms}
  kept: {exec: {command: %[1]s/kept.sh, keep_alive: true}, interval: 400ms}
  told: {push: {ttl: 2s, token_file: %[1]s/told.token}}
  both: {calculated: {of: [haproxy, tlsdoor]}}
sites:
  nginx: {addresses: [127.1.1.1], check: nginx}
  haproxy: {addresses: [127.1.1.2], check: both}
  unbound: {addresses: [127.1.1.3], check: unbound}
  grpc: {addresses: [127.1.1.4], check: grpc}
  kept: {addresses: [127.1.1.5], check: kept}
  told: {addresses: [127.1.1.6], check: told}
  spare: {addresses: [127.1.1.9]}
`

// TestChecksAgainstRealServers runs the program against nginx, HAProxy, unbound, a
// gRPC server, a program and reports, each well, failing and well again, and looks
// at what is answered.
func TestChecksAgainstRealServers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"nginx", "haproxy", "unbound"} {
		installed(t, name)
	}
	dir, ca := t.TempDir(), newSigner(t)
	ca.write(dir, 30)
	var ports [5]int
	for i := range ports {
		ports[i] = freePort(t)
	}
	zone := ""
	for _, site := range []string{"nginx", "haproxy", "unbound", "grpc", "kept", "told"} {
		zone += site + " 5 STEER \"{failover: [" + site + ", spare]}\"\n"
	}
	files{
		"nginx.conf": fmt.Sprintf(nginxText, dir, ports[0]), "haproxy.conf": fmt.Sprintf(haproxyText, ports[1], ports[2], dir),
		"unbound.conf": fmt.Sprintf(unboundText, ports[3]), "kept.sh": fmt.Sprintf(keptProgram, dir), "kept": "up\n",
		"told.token": "8a1c0c54b1b04f7b9d6c\n", "admin.token": "0123456789abcdef0123\n",
		"geodns.yaml":            basicConfig + "admin_token_file: admin.token\n",
		"zones/example.com.zone": zoneText(zone),
		"zones/steering.yaml":    fmt.Sprintf(kindsSteering, dir, ports[0], ports[1], ports[2], ports[3], ports[4]),
	}.write(t, dir)
	if err := os.Chmod(filepath.Join(dir, "kept.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	nginx := runServer(t, fmt.Sprintf("127.1.1.1:%d", ports[0]), "nginx", "-p", dir, "-c", dir+"/nginx.conf")
	haproxy := []string{"haproxy", "-db", "-f", dir + "/haproxy.conf"}
	lb := runServer(t, fmt.Sprintf("127.1.1.2:%d", ports[2]), haproxy...)
	resolver := runServer(t, fmt.Sprintf("127.1.1.3:%d", ports[3]), "unbound", "-d", "-p", "-c", dir+"/unbound.conf")
	rpc := grpc.NewServer()
	shop := health.NewServer()
	shop.SetServingStatus("shop.Cart", healthpb.HealthCheckResponse_SERVING)
	healthpb.RegisterHealthServer(rpc, shop)
	ln, err := net.Listen("tcp", fmt.Sprintf("127.1.1.4:%d", ports[4]))
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = rpc.Serve(ln) }()
	t.Cleanup(rpc.Stop)

	s := launchWith(t, dir, func(cmd *exec.Cmd) { cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+dir+"/ca.pem") })
	s.awaitReady()
	a := dial(t, "udp", s.addr())
	served := func(name string, last byte) func() bool {
		return func() bool {
			return only(a.must(t, query(name+".example.com", dns.TypeA, netip.Prefix{}))) == netip.AddrFrom4([4]byte{127, 1, 1, last})
		}
	}
	up := func(name string, last byte) { t.Helper(); eventually(t, notice, name+" serves", served(name, last)) }
	down := func(name string) { t.Helper(); eventually(t, notice, name+" is left", served(name, 9)) }
	for i, name := range []string{"nginx", "haproxy", "unbound", "grpc", "kept"} {
		up(name, byte(i+1)) // at once, but on a machine too busy for a handshake in time
	}

	// Reports: a token of the check, nobody's, and the end of their time.
	report := func(token, state string) int {
		req, _ := http.NewRequestWithContext(context.Background(), "POST", "http://"+s.admin+"/api/v1/checks/told/report", strings.NewReader(`{"site": "told", "state": "`+state+`"}`))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if code := report("wrong-token-of-nobody", "down"); code != http.StatusUnauthorized {
		t.Errorf("a wrong token: %d", code)
	}
	if code := report("8a1c0c54b1b04f7b9d6c", "down"); code != http.StatusNoContent || !served("told", 9)() {
		t.Errorf("reported down: %d", code)
	}
	if code := report("8a1c0c54b1b04f7b9d6c", "up"); code != http.StatusNoContent || !served("told", 6)() {
		t.Errorf("reported up: %d", code)
	}
	reported := time.Now()

	// A certificate that runs out is a warning first, and then a failure.
	renew := func(days int) {
		ca.write(dir, days)
		if err := nginx.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	renew(10)
	s.awaitLog(0, regexp.MustCompile(`msg="check warns" site=nginx .*certificate expires .*in 10d`), notice)
	up("nginx", 1)
	if !strings.Contains(s.get("/metrics"), `geodns_check_warnings{`) {
		t.Error("a warning takes the site out, or is not in the metrics")
	}
	renew(2)
	down("nginx")
	renew(90)
	up("nginx", 1)

	// The others fail each in its way.
	shop.SetServingStatus("shop.Cart", healthpb.HealthCheckResponse_NOT_SERVING)
	kill9(lb)
	kill9(resolver)
	files{"kept": "down full\n"}.write(t, dir)
	for _, name := range []string{"grpc", "haproxy", "unbound", "kept"} {
		down(name)
	}
	for name, why := range map[string]string{"grpc": "NOT_SERVING", "kept": "full", "haproxy": "refused", "unbound": "refused"} {
		s.awaitLog(0, regexp.MustCompile(`site=`+name+` .*to=down reason=.*`+why), time.Second)
	}
	shop.SetServingStatus("shop.Cart", healthpb.HealthCheckResponse_SERVING)
	files{"kept": "up\n"}.write(t, dir)
	runServer(t, fmt.Sprintf("127.1.1.2:%d", ports[2]), haproxy...)
	up("grpc", 4)
	up("kept", 5)
	up("haproxy", 2)

	// A program that dies says nothing about its sites.
	files{"kept": "die\n"}.write(t, dir)
	s.awaitLog(0, regexp.MustCompile(`msg="a check gives no verdict.*check=kept .*the program ended: exit status 3`), notice)
	if !served("kept", 5)() {
		t.Error("a program that died took its site out")
	}
	files{"kept": "down again\n"}.write(t, dir)
	down("kept")

	time.Sleep(time.Until(reported.Add(2 * time.Second)))
	down("told") // nobody reports any more
}
