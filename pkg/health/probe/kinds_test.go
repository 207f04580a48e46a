package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	ghealth "google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const enough = 20 * time.Second

func TestTCPTalks(t *testing.T) {
	ca := newAuthority()
	pong := func(c net.Conn) {
		b := make([]byte, 6)
		io.ReadFull(c, b)
		if string(b) == "PING\r\n" {
			io.WriteString(c, "-busy\r\n+PO")
			time.Sleep(5 * time.Millisecond)
			io.WriteString(c, "NG\r\n")
		}
	}
	plain := serve(t, loop4, pong).port
	secure := serveTLS(t, loop4, ca.server("mail.example.com"), pong).port
	garbage := serve(t, loop4, func(c net.Conn) { io.WriteString(c, strings.Repeat("no", 60000)); io.Copy(io.Discard, c) }).port
	silent := serve(t, loop4, func(c net.Conn) { io.Copy(io.Discard, c) }).port
	trust := &TLSConfig{SNI: "mail.example.com", RootCAs: ca.pool()}
	for _, c := range []struct {
		name   string
		config TCPConfig
		want   string
	}{
		{"answer in two parts", TCPConfig{Port: plain, Send: "PING\r\n", Expect: "+PONG"}, "pass"},
		{"wrong answer", TCPConfig{Port: plain, Send: "PING\r\n", Expect: "+NEVER"}, `fail: the answer "-busy\r\n+PONG\r\n" lacks "+NEVER"`},
		{"closed", TCPConfig{Port: plain, Send: "QUIT\r\n", Expect: "+"}, "fail: connection closed while waiting for the expected text"},
		{"endless", TCPConfig{Port: garbage, Expect: "yes"}, `fail: the answer lacks "yes" in its first 64 KiB`},
		{"silent", TCPConfig{Port: silent, Expect: "yes"}, "fail: timeout after 200ms while waiting for the expected text"},
		{"TLS", TCPConfig{Port: secure, Send: "PING\r\n", Expect: "+PONG", TLS: trust}, "pass"},
		{"TLS alone", TCPConfig{Port: secure, TLS: trust}, "pass"},
		{"TLS of a stranger", TCPConfig{Port: secure, TLS: &TLSConfig{SNI: "mail.example.com"}}, "fail: certificate signed by unknown authority"},
		{"TLS for the address", TCPConfig{Port: secure, TLS: &TLSConfig{RootCAs: ca.pool()}}, "fail: certificate is for mail.example.com, not 127.0.0.1"},
		{"TLS with garbage", TCPConfig{Port: garbage, TLS: trust}, "fail: the server does not speak TLS"},
		{"TLS with silence", TCPConfig{Port: silent, TLS: trust}, "fail: timeout after 200ms while in the TLS handshake"},
	} {
		timeout := enough
		if strings.Contains(c.want, "timeout") {
			timeout = 200 * time.Millisecond
		}
		wantResult(t, c.name, probeWithin(t, NewTCP(c.config), loop4, timeout), c.want)
	}
}

func TestExpiryWarnsAndFails(t *testing.T) {
	ca := newAuthority()
	ca.cert.NotAfter = time.Now().Add(1000 * 24 * time.Hour)
	end := time.Now().Add(10*24*time.Hour + time.Hour)
	port := serveTLS(t, loop4, ca.serverValid(time.Now().Add(-time.Hour), end, "127.0.0.1"), replies(ok200)).port
	text := "certificate expires " + end.UTC().Format(time.DateOnly) + ", in 10d"
	day := 24 * time.Hour
	for _, c := range []struct {
		warn, fail    time.Duration
		want, warning string
	}{
		{0, 0, "pass", ""},
		{9 * day, day, "pass", ""},
		{14 * day, 2 * day, "pass", text},
		{30 * day, 14 * day, "fail: " + text + ", less than 14d", ""},
	} {
		for _, keep := range []bool{false, true} {
			p := newHTTP(t, HTTPConfig{Scheme: "https", Port: port, KeepAlive: keep, TLS: TLSConfig{Insecure: true, ExpiryWarn: c.warn, ExpiryFail: c.fail}})
			for range 2 {
				r := probeWithin(t, p, loop4, enough)
				wantResult(t, c.want, r, c.want)
				if r.Warning != c.warning {
					t.Errorf("warn %v: warning %q, want %q", c.warn, r.Warning, c.warning)
				}
			}
		}
	}
	old := serveTLS(t, loop4, &tls.Config{Certificates: ca.server("127.0.0.1").Certificates, MaxVersion: tls.VersionTLS12}, replies(ok200)).port
	p := newHTTP(t, HTTPConfig{Scheme: "https", Port: old, TLS: TLSConfig{Insecure: true, Min: tls.VersionTLS13}})
	if r := probeWithin(t, p, loop4, enough); r.Err == "" || !strings.Contains(r.Err, "version") {
		t.Errorf("TLS 1.2 where 1.3 is wanted: %s", resultText(r))
	}
}

// What a server that speaks something else sends is read before or after the
// request goes out, as it happens: it is the same fault.
func TestFaultsOfHTTP2AreNamedAlike(t *testing.T) {
	a := &attempt{ctx: t.Context()}
	for _, text := range []string{
		"http2: client conn could not be established", "http2: frame too large", `malformed HTTP response "garbage"`,
		"http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=PROTOCOL_ERROR",
	} {
		if got := a.cause2(errors.New(text)); got != errNoHTTP2 {
			t.Errorf("%s: taken for %v", text, got)
		}
	}
}

func TestHTTP2(t *testing.T) {
	var proto atomic.Value
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proto.Store(r.Proto + " " + r.Host + " " + r.Header.Get("X-Probe"))
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/healthz", http.StatusFound)
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat("x", 1<<14)); err != nil {
					return
				}
			}
		}
		w.Header().Set("X-Load", "12.5")
		io.WriteString(w, `{"stats": {"load": 7}, "ok": true}`)
	})
	secure := httptest.NewUnstartedServer(handler)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	plain := httptest.NewUnstartedServer(handler)
	plain.Config.Protocols = new(http.Protocols)
	plain.Config.Protocols.SetUnencryptedHTTP2(true)
	plain.Start()
	defer plain.Close()
	port := func(s *httptest.Server) uint16 { return s.Listener.Addr().(*net.TCPAddr).AddrPort().Port() }
	garbage := serve(t, loop4, func(c net.Conn) { io.WriteString(c, strings.Repeat("garbage ", 1000)); io.Copy(io.Discard, c) })
	one := serve(t, loop4, func(c net.Conn) { awaitRequest(c); io.WriteString(c, ok200) })
	silent := serve(t, loop4, func(c net.Conn) { io.Copy(io.Discard, c) })
	insecure := TLSConfig{Insecure: true}
	for _, c := range []struct {
		name   string
		config HTTPConfig
		want   string
		load   float64
	}{
		{"https", HTTPConfig{Scheme: "https", Port: port(secure), Host: "www.example.com", TLS: insecure, Body: "ok", Headers: map[string]string{"X-Probe": "a"}, Load: LoadConfig{Header: "X-Load"}}, "pass", 12.5},
		{"prior knowledge", HTTPConfig{Port: port(plain), Host: "www.example.com", Headers: map[string]string{"X-Probe": "a"}, Load: LoadConfig{JSON: "stats.load"}}, "pass", 7},
		{"redirect", HTTPConfig{Port: port(plain), Host: "www.example.com", Headers: map[string]string{"X-Probe": "a"}, Path: "/moved", Redirects: 1, Body: "ok"}, "pass", 0},
		{"status", HTTPConfig{Port: port(plain), Path: "/moved"}, `fail: status 302 (to "/healthz"), want 200-299`, 0},
		{"body lacks", HTTPConfig{Port: port(plain), Body: "never"}, `fail: body lacks "never"`, 0},
		{"endless", HTTPConfig{Port: port(plain), Path: "/endless", Body: "never"}, `fail: body lacks "never" in its first 64 KiB`, 0},
		{"garbage", HTTPConfig{Port: garbage.port}, "fail: the server does not speak HTTP/2", 0},
		{"HTTP/1", HTTPConfig{Port: one.port}, "fail: the server does not speak HTTP/2", 0},
		{"silent", HTTPConfig{Port: silent.port}, "fail: timeout after 200ms while waiting for headers", 0},
		{"refused", HTTPConfig{Port: closedPort(t, loop4)}, "fail: connection refused", 0},
	} {
		proto.Store("")
		c.config.HTTP2 = true
		timeout := enough
		if c.name == "silent" {
			timeout = 200 * time.Millisecond
		}
		r := probeWithin(t, newHTTP(t, c.config), loop4, timeout)
		wantResult(t, c.name, r, c.want)
		if got := proto.Load(); c.want == "pass" && got != "HTTP/2.0 www.example.com a" {
			t.Errorf("%s: the server saw %q", c.name, got)
		}
		if r.Load != c.load || r.HasLoad != (c.load != 0) {
			t.Errorf("%s: load %v %v, want %v", c.name, r.Load, r.HasLoad, c.load)
		}
	}
}

func TestLoadOfHTTP1(t *testing.T) {
	port := serve(t, loop4, replies("HTTP/1.1 200 OK\r\nX-Load: 3\r\nContent-Length: 13\r\n\r\n{\"load\":\"4\" }")).port
	for want, c := range map[float64]LoadConfig{3: {Header: "x-load"}, 4: {JSON: "load"}} {
		if r := probeWithin(t, newHTTP(t, HTTPConfig{Port: port, Load: c}), loop4, enough); !r.HasLoad || r.Load != want {
			t.Errorf("%+v: load %v %v (%s)", c, r.Load, r.HasLoad, resultText(r))
		}
	}
	for _, text := range []string{"", "x", "-1", "NaN", "Inf", "1e999"} {
		if load, ok := parseLoad(text); ok {
			t.Errorf("%q is taken as the load %v", text, load)
		}
	}
}

func TestPing(t *testing.T) {
	for _, addr := range []netip.Addr{loop4, loop6} {
		r := probeWithin(t, NewICMP(ICMPConfig{Size: 200}), addr, enough)
		if r.Verdict == 0 && strings.Contains(r.Err, "may not ping") {
			t.Skip(r.Err)
		}
		wantResult(t, addr.String(), r, "pass")
	}
	for _, v4 := range []bool{true, false} {
		e := newEcho(56, v4)
		request, _ := e.request()
		reply := append([]byte(nil), request...)
		reply[0] = map[bool]byte{true: 0, false: 129}[v4]
		other := append([]byte(nil), reply...)
		other[6]++
		id := append([]byte(nil), reply...)
		id[4]++
		changed := append([]byte(nil), reply...)
		changed[20]++
		for _, c := range []struct {
			name       string
			data       []byte
			raw, match bool
			wrong      bool
		}{
			{"reply", reply, true, true, false}, {"request", request, true, false, false}, {"other sequence", other, true, false, false},
			{"other identifier", id, true, false, false}, {"other identifier on a ping socket", id, false, true, false},
			{"changed", changed, true, false, true}, {"short", reply[:30], true, false, true}, {"nothing", nil, true, false, false},
		} {
			match, err := e.match(c.data, c.raw)
			if match != c.match || (err != nil) != c.wrong {
				t.Errorf("%s (v4 %v): match %v, %v", c.name, v4, match, err)
			}
		}
	}
}

func TestDNS(t *testing.T) {
	mux := dns.NewServeMux()
	mux.HandleFunc("example.com.", func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		_, udp := w.RemoteAddr().(*net.UDPAddr)
		switch q.Question[0].Name {
		case "gone.example.com.":
			m.Rcode = dns.RcodeNameError
		case "big.example.com.":
			m.Truncated = udp
			fallthrough
		default:
			rr, _ := dns.NewRR(q.Question[0].Name + " 60 IN A 192.0.2.1")
			m.Answer = append(m.Answer, rr)
		}
		if udp { // what a forger sends before the answer
			w.Write([]byte("garbage"))
			forged := m.Copy()
			forged.Id++
			w.WriteMsg(forged)
		}
		w.WriteMsg(m)
	})
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := pc.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	l, err := net.Listen("tcp", pc.LocalAddr().String())
	if err != nil {
		t.Skip(err)
	}
	udp, tcp := &dns.Server{PacketConn: pc, Handler: mux}, &dns.Server{Listener: l, Handler: mux}
	go udp.ActivateAndServe()
	go tcp.ActivateAndServe()
	defer udp.Shutdown()
	defer tcp.Shutdown()
	silent, _ := net.ListenPacket("udp", "127.0.0.1:0")
	defer silent.Close()
	garbage := serve(t, loop4, func(c net.Conn) { io.WriteString(c, "\x00\x04abcd"); io.Copy(io.Discard, c) }).port
	for _, c := range []struct {
		name   string
		config DNSConfig
		want   string
	}{
		{"answer", DNSConfig{Name: "www.example.com"}, "pass"},
		{"answer over TCP", DNSConfig{Name: "www.example.com", Transport: "tcp", Expect: []string{"192.0.2.1"}}, "pass"},
		{"truncated", DNSConfig{Name: "big.example.com", Expect: []string{"192.0.2.1"}}, "pass"},
		{"other data", DNSConfig{Name: "www.example.com", Expect: []string{"192.0.2.1", "192.0.2.2"}}, "fail: answer lacks A 192.0.2.2; it has 192.0.2.1"},
		{"NXDOMAIN", DNSConfig{Name: "gone.example.com"}, "fail: answer NXDOMAIN, want NOERROR"},
		{"NXDOMAIN wanted", DNSConfig{Name: "gone.example.com", RCode: "NXDOMAIN"}, "pass"},
		{"another type", DNSConfig{Name: "www.example.com", Type: "MX", Expect: []string{"10 mx.example.com."}}, "fail: answer lacks MX 10 mx.example.com.; it has none"},
		{"silent", DNSConfig{Name: "www.example.com", Port: silent.LocalAddr().(*net.UDPAddr).AddrPort().Port()}, "fail: timeout after 200ms while waiting for the answer"},
		{"garbage over TCP", DNSConfig{Name: "www.example.com", Port: garbage, Transport: "tcp"}, "fail: bad answer: dns: short read"},
		{"garbage over TLS", DNSConfig{Name: "www.example.com", Port: garbage, Transport: "tls"}, "fail: the server does not speak TLS"},
		{"refused", DNSConfig{Name: "www.example.com", Port: closedPort(t, loop4)}, "fail: connection refused"},
	} {
		if c.config.Port == 0 {
			c.config.Port = port
		}
		p, err := NewDNS(c.config)
		if err != nil {
			t.Fatal(err)
		}
		timeout := enough
		if c.name == "silent" {
			timeout = 200 * time.Millisecond
		}
		wantResult(t, c.name, probeWithin(t, p, loop4, timeout), c.want)
	}
}

// grpcServer runs a real gRPC server with the health service.
func grpcServer(t *testing.T, register bool, opts ...grpc.ServerOption) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(opts...)
	if register {
		h := ghealth.NewServer()
		h.SetServingStatus("shop.Cart", grpc_health_v1.HealthCheckResponse_SERVING)
		h.SetServingStatus("shop.Old", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
		grpc_health_v1.RegisterHealthServer(s, h)
	}
	done := make(chan struct{})
	go func() { s.Serve(l); close(done) }()
	t.Cleanup(func() { s.Stop(); <-done })
	return l.Addr().(*net.TCPAddr).AddrPort().Port()
}

func TestGRPC(t *testing.T) {
	ca := newAuthority()
	plain, bare := grpcServer(t, true), grpcServer(t, false)
	config := ca.server("api.example.com")
	config.NextProtos = []string{"h2"}
	secure := grpcServer(t, true, grpc.Creds(credentials.NewTLS(config)))
	garbage := serve(t, loop4, func(c net.Conn) { io.WriteString(c, strings.Repeat("garbage ", 100000)); io.Copy(io.Discard, c) }).port
	closes := serve(t, loop4, func(c net.Conn) { io.CopyN(io.Discard, c, 24) }).port
	silent := serve(t, loop4, func(c net.Conn) { io.Copy(io.Discard, c) }).port
	for _, c := range []struct {
		name   string
		config GRPCConfig
		want   string
	}{
		{"server", GRPCConfig{Port: plain}, "pass"},
		{"service", GRPCConfig{Port: plain, Service: "shop.Cart"}, "pass"},
		{"not serving", GRPCConfig{Port: plain, Service: "shop.Old"}, "fail: health is NOT_SERVING"},
		{"unknown service", GRPCConfig{Port: plain, Service: "shop.None"}, "fail: the server does not know the service"},
		{"no health service", GRPCConfig{Port: bare}, "fail: the server has no health service"},
		{"TLS", GRPCConfig{Port: secure, Host: "api.example.com", TLS: &TLSConfig{RootCAs: ca.pool()}}, "pass"},
		{"TLS of a stranger", GRPCConfig{Port: secure, Host: "api.example.com", TLS: &TLSConfig{}}, "fail: certificate signed by unknown authority"},
		{"TLS with a plain server", GRPCConfig{Port: plain, TLS: &TLSConfig{}}, "fail: the server does not speak TLS"},
		{"silent", GRPCConfig{Port: silent}, "fail: timeout after 200ms while waiting for the health service"},
		{"closes", GRPCConfig{Port: closes}, "fail: connection "},
		{"garbage", GRPCConfig{Port: garbage}, "fail: "},
		{"refused", GRPCConfig{Port: closedPort(t, loop4)}, "fail: connection refused"},
	} {
		timeout := enough
		if c.name == "silent" {
			timeout = 200 * time.Millisecond
		}
		r := probeWithin(t, NewGRPC(c.config), loop4, timeout)
		if strings.HasSuffix(c.want, " ") && strings.HasPrefix(resultText(r), c.want) && r.Latency < enough/2 {
			continue
		}
		wantResult(t, c.name, r, c.want)
	}
}

func TestVia(t *testing.T) {
	from := make(chan string, 10)
	port := serve(t, loop4, func(c net.Conn) {
		from <- c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap().String()
	}).port
	served := netip.MustParseAddr("192.0.2.1") // never reached
	for _, c := range []struct {
		name string
		via  Via
		want string
		from string
	}{
		{"address", Via{Target: "127.0.0.1"}, "pass", "127.0.0.1"},
		{"name", Via{Target: "localhost"}, "pass", "127.0.0.1"},
		{"source", Via{Target: "127.0.0.1", Source: netip.MustParseAddr("127.0.0.9")}, "pass", "127.0.0.9"},
		{"source of the other family", Via{Target: "127.0.0.1", Source: loop6}, "no verdict: own fault: no source address of the family of 127.0.0.1", ""},
		{"source of another machine", Via{Target: "127.0.0.1", Source: netip.MustParseAddr("192.0.2.9")}, "no verdict: own fault: cannot assign requested address", ""},
		{"no such interface", Via{Target: "127.0.0.1", Interface: "nosuch0"}, "no verdict: own fault: interface nosuch0: no such device", ""},
		{"unknown name", Via{Target: "nosuch.invalid"}, "no verdict: own fault: looking up nosuch.invalid: ", ""},
	} {
		r := probeWithin(t, NewTCP(TCPConfig{Port: port, Via: c.via}), served, enough)
		if !strings.HasPrefix(resultText(r), c.want) || c.name != "unknown name" && resultText(r) != c.want {
			t.Errorf("%s: got %s, want %s", c.name, resultText(r), c.want)
		}
		if c.from != "" && r.Verdict != 0 {
			if got := <-from; got != c.from {
				t.Errorf("%s: came from %s, want %s", c.name, got, c.from)
			}
		}
	}
	if os.Geteuid() == 0 {
		r := probeWithin(t, NewTCP(TCPConfig{Port: port, Via: Via{Target: "127.0.0.1", Interface: "lo"}}), served, enough)
		wantResult(t, "interface", r, "pass")
		r = probeWithin(t, NewICMP(ICMPConfig{Via: Via{Target: "127.0.0.1", Source: netip.MustParseAddr("127.0.0.9"), Interface: "lo"}}), served, enough)
		if !strings.Contains(r.Err, "may not ping") {
			wantResult(t, "ping through an interface", r, "pass")
		}
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, age time.Duration) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		os.Chtimes(path, time.Now(), time.Now().Add(-age))
	}
	write("fra-127.0.0.1", "", 0)
	write("up", "up load=12\n", 0)
	write("down", "DOWN for maintenance\nsecond line", 0)
	write("old", "up", time.Hour)
	write("nonsense", "yes\x00"+strings.Repeat("x", 1<<20), 0)
	write("unknown", "unknown load=3 yet", 0)
	for _, c := range []struct {
		config FileConfig
		want   string
		load   float64
	}{
		{FileConfig{Path: "{site}-{address}"}, "pass", 0},
		{FileConfig{Path: "none"}, "fail: DIR/none is not there", 0},
		{FileConfig{Path: "up", Content: true}, "pass", 12},
		{FileConfig{Path: "down", Content: true}, "fail: for maintenance", 0},
		{FileConfig{Path: "down"}, "pass", 0},
		{FileConfig{Path: "old", MaxAge: time.Minute}, "fail: DIR/old is 1h0m0s old, more than 1m0s", 0},
		{FileConfig{Path: "old", MaxAge: 2 * time.Hour, Content: true}, "pass", 0},
		{FileConfig{Path: "nonsense", Content: true}, "no verdict: own fault: DIR/nonsense says neither up nor down but ", 0},
		{FileConfig{Path: "unknown", Content: true}, "no verdict: own fault: DIR/unknown says unknown yet", 3},
		{FileConfig{Path: ".", Content: true}, "no verdict: own fault: DIR/. is no ordinary file", 0},
	} {
		c.config.Path = dir + "/" + c.config.Path
		r := NewFile(c.config, "fra").Probe(context.Background(), loop4)
		if got := strings.ReplaceAll(resultText(r), dir, "DIR"); got != c.want && !(strings.HasSuffix(c.want, "but ") && strings.HasPrefix(got, c.want)) {
			t.Errorf("%s: got %s, want %s", c.config.Path, got, c.want)
		}
		if r.Load != c.load {
			t.Errorf("%s: load %v, want %v", c.config.Path, r.Load, c.load)
		}
	}
}
