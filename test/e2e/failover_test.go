package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/internal/stalltest"
)

// slack is what a change may take beyond the promise, for the work of
// publishing it and for the poll that sees it.
const slack = 100 * time.Millisecond

// pace is a configured check.
type pace struct {
	name              string
	interval, timeout time.Duration
	fall, rise        int
}

var paces = []pace{
	{"fast", 100 * time.Millisecond, 100 * time.Millisecond, 2, 3},
	{"mid", 250 * time.Millisecond, 250 * time.Millisecond, 3, 2},
	{"slow", 500 * time.Millisecond, 200 * time.Millisecond, 1, 1},
}

// downWithin and upWithin are the promises.
func (p pace) downWithin() time.Duration { return p.timeout + time.Duration(p.fall)*p.interval }
func (p pace) upWithin() time.Duration   { return time.Duration(p.rise) * p.interval }

// pacedSites returns a folder in which each pace has a name of its own, served
// by the same sites in order.
func pacedSites(t *testing.T, sites []*site) string {
	var checks, list, policies, records strings.Builder
	for _, p := range paces {
		fmt.Fprintf(&checks, "  %s: {http: {port: %d, path: /, body: ok}, interval: %v, timeout: %v, fall: %d, rise: %d}\n",
			p.name, sites[0].addr.Port(), p.interval, p.timeout, p.fall, p.rise)
		var names []string
		for i, s := range sites {
			name := fmt.Sprintf("%s%d", p.name, i)
			names = append(names, name)
			fmt.Fprintf(&list, "  %s: {addresses: [%v], check: %s}\n", name, s.ip(), p.name)
		}
		fmt.Fprintf(&policies, "  %s: {failover: [%s]}\n", p.name, strings.Join(names, ", "))
		fmt.Fprintf(&records, "%s 5 STEER %s\n", p.name, p.name)
	}
	return folder(t, files{
		"zones/example.com.zone": zoneText(records.String()),
		"zones/steering.yaml":    "checks:\n" + checks.String() + "sites:\n" + list.String() + "policies:\n" + policies.String(),
	})
}

// calm is the longest stall of this machine beside which a time means anything.
// What was measured beside a longer one is measured again, a few times.
const (
	calm     = 20 * time.Millisecond
	attempts = 6
)

// TestFailoverTakesNoLongerThanPromised lets a site fail in every manner and
// come back, at several moments of the checks' phases, and polls every 5 ms.
func TestFailoverTakesNoLongerThanPromised(t *testing.T) {
	sites := newSites(t, 3)
	s := start(t, pacedSites(t, sites))
	stall := stalltest.Start(t)
	for round := range 2 {
		for i, m := range []manner{stopped, hanging, broken} {
			t.Run(fmt.Sprintf("%v %d", m, round+1), func(t *testing.T) {
				phase := time.Duration(37*(i+1)+101*round) * time.Millisecond // another one each time
				for attempt := 1; ; attempt++ {
					report, wrong := failAndRecover(t, s, sites, m, phase, stall)
					switch late := stall.TakeWorst(); {
					case !wrong:
						t.Log(report)
						return
					case late <= calm:
						t.Fatal(report)
					case attempt == attempts:
						t.Skipf("needs a machine with time to spare: this one stalled for %v in the last of %d attempts\n%s", late, attempts, report)
					}
				}
			})
		}
	}
}

// failAndRecover lets the first site fail and come back, and reports how long
// each pace took, and whether any of it was wrong.
func failAndRecover(t *testing.T, s *server, sites []*site, m manner, phase time.Duration, stall *stalltest.Watch) (report string, wrong bool) {
	t.Helper()
	eventually(t, 20*time.Second, "all sites are up", func() bool {
		for _, st := range s.status().Sites {
			if !st.Up {
				return false
			}
		}
		return true
	})
	time.Sleep(phase)
	stall.TakeWorst()
	away, wrongAway := measure(t, s, "away", sites[1].ip(), func() { sites[0].be(m) },
		func(p pace) (least, most time.Duration) {
			// The first probe to fail may have begun just before.
			least = time.Duration(p.fall-1)*p.interval - calm
			if m == hanging {
				least += p.timeout
			}
			return least, p.downWithin()
		})
	back, wrongBack := measure(t, s, "back", sites[0].ip(), func() { sites[0].be(well) },
		func(p pace) (least, most time.Duration) {
			return time.Duration(p.rise-1)*p.interval - calm, p.upWithin()
		})
	return away + back, wrongAway || wrongBack
}

// measure makes a change and notes for each pace when the answers became want,
// and that they stayed so.
func measure(t *testing.T, s *server, what string, want netip.Addr, change func(), bounds func(pace) (least, most time.Duration)) (report string, wrong bool) {
	t.Helper()
	begin := time.Now()
	change()
	seen := make([]time.Duration, len(paces))
	errs := make([]error, len(paces))
	var polls sync.WaitGroup
	for i, p := range paces {
		a := dial(t, "udp", s.addr())
		polls.Go(func() { seen[i], errs[i] = poll(a, p.name+".example.com", want, begin) })
	}
	polls.Wait()
	var b strings.Builder
	for i, p := range paces {
		least, most := bounds(p)
		fmt.Fprintf(&b, "\n%s %-4s after %4d ms, promised at most %4d", what, p.name, seen[i].Milliseconds(), most.Milliseconds())
		if errs[i] != nil {
			fmt.Fprintf(&b, ": WRONG: %v", errs[i])
		} else if seen[i] < least || seen[i] > most+slack {
			fmt.Fprintf(&b, ": WRONG, at least %v and at most %v is right", least, most+slack)
		} else {
			continue
		}
		wrong = true
	}
	return b.String(), wrong
}

// poll asks every 5 ms until the answer is want, and then for a moment more,
// in which nothing else may be answered. It returns when the first came.
func poll(a *asker, name string, want netip.Addr, begin time.Time) (time.Duration, error) {
	first := time.Duration(0)
	for tick := begin; ; tick = tick.Add(5 * time.Millisecond) {
		time.Sleep(time.Until(tick))
		m, err := a.ask(name, dns.TypeA)
		if err != nil {
			return 0, err
		}
		since := time.Since(begin)
		switch got := only(m); {
		case got == want && first == 0:
			first = since
		case got == want && since > first+200*time.Millisecond:
			return first, nil
		case got != want && first > 0:
			return 0, fmt.Errorf("%v again after %v", got, since)
		case since > 10*time.Second:
			return 0, fmt.Errorf("still %v after %v", got, since)
		}
	}
}

// TestFirstAnswerKnowsTheHealth asks from before the server runs: nothing is
// answered before the first round of checks is over, and from the first answer
// on no dead site is named.
func TestFirstAnswerKnowsTheHealth(t *testing.T) {
	sites := newSites(t, 3)
	sites[0].be(hanging)
	sites[1].be(stopped)
	const timeout = 400 * time.Millisecond
	port := freePort(t)
	dir := folder(t, files{
		"geodns.yaml":            fmt.Sprintf("listen: [\"127.0.0.1:%d\"]\nadmin: 127.0.0.1:0\nstate: state\n", port),
		"zones/example.com.zone": zoneText("www 5 STEER \"{failover: [a, b, c]}\"\n"),
		"zones/steering.yaml": fmt.Sprintf("checks:\n  web: {http: {port: %d, path: /}, interval: 1s, timeout: %v, fall: 3, rise: 3}\n"+
			"sites:\n  a: {addresses: [%v], check: web}\n  b: {addresses: [%v], check: web}\n  c: {addresses: [%v], check: web}\n",
			sites[0].addr.Port(), timeout, sites[0].ip(), sites[1].ip(), sites[2].ip()),
	})
	firstAnswer := make(chan time.Time, 1)
	end := make(chan struct{})
	wrong := make(chan error, 1)
	go func() { wrong <- askBlindly(port, sites[2].ip(), firstAnswer, end) }()
	begin := time.Now()
	s := start(t, dir)
	time.Sleep(500 * time.Millisecond)
	close(end)
	if err := <-wrong; err != nil {
		t.Error(err)
	}
	select {
	case at := <-firstAnswer:
		if took := at.Sub(begin); took < timeout {
			t.Errorf("first answer %v after the start, before the hanging site's timeout of %v", took, timeout)
		}
	default:
		t.Error("no answer at all")
	}
	for _, st := range s.status().Sites {
		if st.Up != (st.Name == "c") {
			t.Errorf("site %s: up = %v", st.Name, st.Up)
		}
	}
}

// askBlindly sends a question every 2 ms, over a new socket after a refusal,
// and looks at every reply.
func askBlindly(port int, want netip.Addr, first chan<- time.Time, end <-chan struct{}) error {
	packet, err := query("www.example.com", dns.TypeA, netip.Prefix{}).Pack()
	if err != nil {
		return err
	}
	conn, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	defer conn.Close()
	buf := make([]byte, 4096)
	for n := 0; ; {
		select {
		case <-end:
			return nil
		default:
		}
		_, _ = conn.Write(packet) // refused while nobody listens
		_ = conn.SetReadDeadline(time.Now().Add(2 * time.Millisecond))
		size, err := conn.Read(buf)
		if err != nil {
			continue
		}
		var m dns.Msg
		if err := m.Unpack(buf[:size]); err != nil {
			return err
		}
		if n++; n == 1 {
			first <- time.Now()
		}
		if got := only(&m); got != want {
			return fmt.Errorf("answer %d was %v, want %v:\n%v", n, got, want, &m)
		}
	}
}
