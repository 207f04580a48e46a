package probe

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// throughLoop makes [probeWithin] use a [Loop] for the probers that can.
var throughLoop atomic.Bool

// runLoop runs a loop until the test ends, or stop is called, and hands on
// what it delivers, room results of which may wait.
func runLoop(t testing.TB, room int) (l *Loop, out <-chan Outcome, stop func()) {
	t.Helper()
	l, err := NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	outcomes := make(chan Outcome, room)
	var wg sync.WaitGroup
	wg.Go(func() {
		err := l.Run(ctx, func(batch []Outcome) {
			for _, o := range batch {
				outcomes <- o
			}
		})
		if err != nil {
			t.Error(err)
		}
	})
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return l, outcomes, stop
}

func loopOnce(t testing.TB, job Job) health.Result {
	t.Helper()
	l, out, stop := runLoop(t, 1)
	defer stop()
	l.Start(job)
	return (<-out).Result
}

// TestLoopJudgesAlike runs the tests of the blocking client with the loop.
func TestLoopJudgesAlike(t *testing.T) {
	throughLoop.Store(true)
	defer throughLoop.Store(false)
	for name, test := range map[string]func(*testing.T){
		"responses": TestResponseIsJudged,
		"requests":  TestRequestIsAsConfigured,
		"hostile":   TestHostileServerCostsAtMostTheTimeout,
		"reset":     TestResetIsNamed,
		"listening": TestTCPPassesWhereSomebodyListens,
		"closed":    TestTCPFailsWhereNobodyListens,
		"apart":     TestFamiliesAndAddressesAreProbedApart,
		"timeout":   TestTimeoutWhileConnecting,
		"memory":    TestMemoryOfAProbeIsBounded,
		"talk":      TestTCPTalks,
		"load":      TestLoadOfHTTP1,
		"via":       TestVia,
	} {
		t.Run(name, test)
	}
}

func TestStoppedLoopGivesNoVerdicts(t *testing.T) {
	hang := serve(t, loop4, func(c net.Conn) { io.Copy(io.Discard, c) })
	l, out, stop := runLoop(t, 1)
	l.Start(Job{health.Key{Addr: loop4, Check: "a"}, newHTTP(t, HTTPConfig{Port: hang.port}), time.Minute})
	for hang.connections() == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond)
	stop()
	wantResult(t, "stopped", (<-out).Result, "no verdict: stopped while waiting for headers")
	if l.Start(Job{health.Key{Addr: loop4}, NewTCP(TCPConfig{Port: hang.port}), time.Minute}) {
		t.Error("a stopped loop takes a job")
	}
}

func TestLoopMakesEachProbeOnce(t *testing.T) {
	const probes = 3000
	port, _ := webServer(t)
	refused := closedPort(t, loop4)
	before := openDescriptors(t)
	l, out, stop := runLoop(t, probes+1)
	probers := []Prober{
		newHTTP(t, HTTPConfig{Port: port, Body: "ok"}), NewTCP(TCPConfig{Port: port}),
		NewTCP(TCPConfig{Port: refused}), newHTTP(t, HTTPConfig{Port: port, Body: "no"}),
	}
	wants := []string{"pass", "pass", "fail: connection refused", `fail: body lacks "no"`}
	next := manyTargets()
	wanted := map[health.Key]string{}
	for i := range probes {
		k := health.Key{Addr: next(), Check: string(rune('a' + i%4)), Site: time.Duration(i).String()}
		wanted[k] = wants[i%4]
		l.Start(Job{k, probers[i%4], 20 * time.Second})
		if i%100 == 0 {
			time.Sleep(10 * time.Millisecond)
		}
	}
	for range probes {
		o := <-out
		wantResult(t, o.Key.String(), o.Result, wanted[o.Key])
		delete(wanted, o.Key)
	}
	stop()
	if after := openDescriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	if len(wanted) > 0 || len(out) > 0 {
		t.Errorf("%d without a result, %d results too many", len(wanted), len(out))
	}
}

func TestLean(t *testing.T) {
	for _, c := range []struct {
		name   string
		prober Prober
		want   bool
	}{
		{"http", newHTTP(t, HTTPConfig{}), true},
		{"https", newHTTP(t, HTTPConfig{Scheme: "https"}), false},
		{"http, redirects", newHTTP(t, HTTPConfig{Redirects: 1}), false},
		{"http, kept", newHTTP(t, HTTPConfig{KeepAlive: true}), false},
		{"http, HTTP/2", newHTTP(t, HTTPConfig{HTTP2: true}), false},
		{"http to a name", newHTTP(t, HTTPConfig{Via: Via{Target: "localhost"}}), false},
		{"http to an address", newHTTP(t, HTTPConfig{Via: Via{Target: "127.0.0.1", Source: netip.MustParseAddr("127.0.0.9")}}), true},
		{"tcp", NewTCP(TCPConfig{Port: 1, Send: "x", Expect: "y"}), true},
		{"tcp with TLS", NewTCP(TCPConfig{Port: 1, TLS: &TLSConfig{}}), false},
		{"icmp", NewICMP(ICMPConfig{}), false},
	} {
		if got := Lean(c.prober); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
