package probe

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"
)

// webServer starts a web server in a process of its own and returns its ports
// for http and https.
func webServer(t testing.TB) (plain, secure uint16) {
	t.Helper()
	cmd := child("web")
	stop, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop.Close()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(line, &plain, &secure); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	go io.Copy(io.Discard, out)
	return plain, secure
}

// manyTargets returns a function that returns the addresses of 250 targets in
// turn. Thousands of probes of one and the same would use up the local ports
// towards it, which stay in TIME-WAIT for a minute.
func manyTargets() func() netip.Addr {
	n := 0
	return func() netip.Addr {
		n++
		return netip.AddrFrom4([4]byte{127, 0, 1, byte(1 + n%250)})
	}
}

func openDescriptors(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(fds)
}

func TestTenThousandProbesLeaveNothingBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	port, _ := webServer(t)
	p := newHTTP(t, HTTPConfig{Port: port, Body: "ok"})
	refused := NewTCP(TCPConfig{Port: closedPort(t, loop4)})
	wantResult(t, "first", probeWithin(t, p, loop4, 5*time.Second), "pass")
	before, next := openDescriptors(t), manyTargets()
	for i := range 5000 {
		if r := probeWithin(t, p, next(), 5*time.Second); r.Err != "" {
			t.Fatalf("probe %d: %s", i, resultText(r))
		}
		if r := probeWithin(t, refused, loop4, 5*time.Second); r.Err != "connection refused" {
			t.Fatalf("refused probe %d: %s", i, resultText(r))
		}
	}
	if after := openDescriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// TestProbeAllocatesLittle holds the line for those with thousands of checks
// a second, the context of the attempt included; net/http's Transport needs 89
// allocations.
func TestProbeAllocatesLittle(t *testing.T) {
	port, _ := webServer(t)
	for name, c := range map[string]struct {
		prober Prober
		most   float64
	}{
		"tcp":              {NewTCP(TCPConfig{Port: port}), 31},
		"http":             {newHTTP(t, HTTPConfig{Port: port, Body: "ok"}), 50},
		"http, kept alive": {newHTTP(t, HTTPConfig{Port: port, Body: "ok", KeepAlive: true}), 35},
	} {
		got := testing.AllocsPerRun(100, func() { probeWithin(t, c.prober, loop4, 5*time.Second) })
		if got > c.most {
			t.Errorf("%s: %.0f allocations, want at most %.0f", name, got, c.most)
		}
	}
}

func cpuTime() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkProbe reports the CPU time of this process for each probe; the web
// server has its own.
func BenchmarkProbe(b *testing.B) {
	plain, secure := webServer(b)
	for _, c := range []struct {
		name   string
		prober Prober
	}{
		{"tcp", NewTCP(TCPConfig{Port: plain})},
		{"http", newHTTP(b, HTTPConfig{Port: plain, Body: "ok"})},
		{"http-keepalive", newHTTP(b, HTTPConfig{Port: plain, Body: "ok", KeepAlive: true})},
		{"https", newHTTP(b, HTTPConfig{Scheme: "https", Port: secure, TLS: TLSConfig{Insecure: true}})},
		{"https-keepalive", newHTTP(b, HTTPConfig{Scheme: "https", Port: secure, TLS: TLSConfig{Insecure: true}, KeepAlive: true})},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			next := manyTargets()
			before := cpuTime()
			for b.Loop() {
				if r := probeWithin(b, c.prober, next(), 5*time.Second); r.Err != "" {
					b.Fatal(resultText(r))
				}
			}
			b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}
