package probe

import (
	"context"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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

// TestLoopCostsLittle holds the line for those with thousands of checks a
// second. Most of the time is the kernel's, for a connection and its end; the
// bound is far from what a quiet machine measures, some 60 µs.
func TestLoopCostsLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	const (
		probes = 4000
		batch  = 40
		most   = 300 * time.Microsecond // CPU time for each
	)
	port, _ := webServer(t)
	p := newHTTP(t, HTTPConfig{Port: port, Body: "ok"})
	l, out, _ := runLoop(t, batch)
	next := manyTargets()
	jobs := make([]Job, batch)
	before := cpuTime()
	for range probes / batch {
		for i := range jobs {
			jobs[i] = Job{health.Key{Addr: next()}, p, 10 * time.Second}
		}
		l.Start(jobs...)
		for range jobs {
			if o := <-out; o.Result.Verdict != health.Pass {
				t.Fatal(resultText(o.Result))
			}
		}
	}
	each := (cpuTime() - before) / probes
	t.Logf("%v of CPU time for each probe", each)
	if each > most {
		t.Errorf("%v of CPU time for each probe, want at most %v", each, most)
	}
}

// TestWaitingProbeIsSmall: a target that does not answer costs a few hundred
// bytes, not a stack and buffers. The listener takes connections and leaves them
// in its queue, so that nothing of the server is counted.
func TestWaitingProbeIsSmall(t *testing.T) {
	const (
		probes = 1000
		most   = 1000 // bytes
	)
	fd := boundSocket(t, unix.AF_INET, loop4)
	if err := unix.Listen(fd, probes); err != nil {
		t.Fatal(err)
	}
	p := newHTTP(t, HTTPConfig{Port: socketPort(t, fd)})
	l, out, stop := runLoop(t, probes)
	jobs := make([]Job, probes)
	for i := range jobs {
		jobs[i] = Job{health.Key{Addr: loop4}, p, time.Minute}
	}
	inUse := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc + m.StackInuse)
	}
	before, descriptors := inUse(), openDescriptors(t)
	l.Start(jobs...)
	for openDescriptors(t) < descriptors+probes {
		time.Sleep(time.Millisecond)
	}
	after := inUse()
	stop()
	for range probes {
		wantResult(t, "stopped", (<-out).Result, "no verdict: stopped while waiting for headers")
	}
	each := (after - before) / probes
	t.Logf("%d bytes for each probe that waits", each)
	if each > most {
		t.Errorf("%d bytes for each probe that waits, want at most %d", each, most)
	}
}
