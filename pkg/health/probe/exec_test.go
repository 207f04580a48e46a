package probe

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func script(t *testing.T, text string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "probe")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	// Not the script itself: another test's child may hold it open for writing.
	return []string{"/bin/sh", path}
}

func TestExec(t *testing.T) {
	t.Setenv("SECRET_OF_THE_DAEMON", "x")
	for _, c := range []struct {
		name, text, want string
		load             float64
	}{
		{"up", "echo fine load=4.5", "pass", 4.5},
		{"down", "echo; echo disk full load=9; exit 3", "fail: exit status 3: disk full", 9},
		{"down in silence", "exit 1", "fail: exit status 1", 0},
		{"not found", "exec /no/such/program", "no verdict: own fault: exit status 127: ", 0},
		{"not executable", "exit 126", "no verdict: own fault: exit status 126: ", 0},
		{"killed", "kill -9 $$", "fail: killed by signal killed", 0},
		{"much output", "i=0; while [ $i -lt 3000 ]; do echo line $i of much; i=$((i+1)); done; exit 1", "fail: exit status 1: line 0 of much", 0},
		{"environment", `[ "$SITE $ADDRESS $CHECK $MODE $1" = "fra 127.0.0.1 web quick fra/127.0.0.1" ] && [ -z "$SECRET_OF_THE_DAEMON" ] && [ -n "$PATH" ]`, "pass", 0},
	} {
		p := NewExec(ExecConfig{Check: "web", Command: append(script(t, c.text), "{site}/{address}"), Env: []string{"MODE=quick"}}, "fra")
		r := probeWithin(t, p, loop4, 20*time.Second)
		if got := resultText(r); got != c.want && !(strings.HasPrefix(c.want, "no verdict") && strings.HasPrefix(got, strings.TrimSuffix(c.want, ": "))) {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
		if r.Load != c.load || r.HasLoad != (c.load != 0) {
			t.Errorf("%s: load %v %v, want %v", c.name, r.Load, r.HasLoad, c.load)
		}
	}
	r := probeWithin(t, NewExec(ExecConfig{Command: []string{"/no/such/program"}}, "fra"), loop4, enough)
	wantResult(t, "no program", r, "no verdict: own fault: fork/exec /no/such/program: no such file or directory")
}

// A program that does not end is killed, with what it has started.
func TestExecIsKilledAsAGroup(t *testing.T) {
	left := filepath.Join(t.TempDir(), "left")
	p := NewExec(ExecConfig{Command: script(t, "sleep 1000 & echo $! > "+left+"; wait")}, "fra")
	r := probeWithin(t, p, loop4, time.Second)
	wantResult(t, "hanging", r, "fail: timeout after 1s while running the program")
	if r.Latency > 3*time.Second {
		t.Errorf("it took %v", r.Latency)
	}
	pid, err := os.ReadFile(left)
	if err != nil {
		t.Skipf("the script did not get that far: %v", err)
	}
	for deadline := time.Now().Add(enough); ; time.Sleep(10 * time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("what it had started still runs")
		}
	}
}

// answerLines is a program of the protocol for many: it answers by address.
func answerLines() {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var id, ms int
		var site, address string
		fmt.Sscan(in.Text(), &id, &site, &address, &ms)
		switch address {
		case "127.0.0.1":
			fmt.Printf("nonsense\n999999 up\n%d up load=7\n", id)
		case "127.0.0.2":
			fmt.Printf("%d down site %s lags\n", id, site)
		case "127.0.0.3":
			fmt.Printf("%d unknown\n", id)
		case "127.0.0.4": // no answer
		case "127.0.0.5":
			os.Exit(1)
		case "127.0.0.6":
			fmt.Println(strings.Repeat("x", 1<<20))
		}
	}
}

func init() { childRoles["lines"] = answerLines }

func TestKeptExec(t *testing.T) {
	k := NewKeptExec(ExecConfig{Command: []string{os.Args[0]}, Env: []string{childRole + "=lines"}})
	defer k.Close()
	p := k.For("fra")
	probe := func(last byte, timeout time.Duration) string {
		t.Helper()
		return resultText(probeWithin(t, p, loop(last), timeout))
	}
	want := func(last byte, timeout time.Duration, want string) {
		t.Helper()
		if got := probe(last, timeout); got != want {
			t.Errorf("127.0.0.%d: got %s, want %s", last, got, want)
		}
	}
	want(1, enough, "pass")
	want(2, enough, "fail: site fra lags")
	want(3, enough, "no verdict: own fault: the program says unknown")
	want(4, 300*time.Millisecond, "fail: timeout after 300ms while waiting for the program's answer")
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() { want(1, 20*time.Second, "pass") })
	}
	wg.Wait()
	for breaks, how := range map[byte]string{5: ": exit status 1", 6: ""} {
		time.Sleep(restartAfter)
		want(breaks, enough, "no verdict: own fault: the program ended"+how)
		for deadline := time.Now().Add(20 * time.Second); probe(1, enough) != "pass"; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("it was not started again")
			}
		}
	}
	none := NewKeptExec(ExecConfig{Command: []string{"/no/such/program"}})
	for range 2 {
		r := none.For("fra").Probe(context.Background(), loop4)
		if got := resultText(r); !strings.Contains(got, "own fault: fork/exec /no/such/program: no such file or directory") {
			t.Errorf("a program that is not there: %s", got)
		}
	}
	k.Close()
	if r := p.Probe(context.Background(), loop4); r.Err != "own fault: the program ended" {
		t.Errorf("after Close: %s", resultText(r))
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add("17 up load=12.5")
	f.Add("18 down no heartbeat")
	f.Add("x")
	f.Fuzz(func(t *testing.T, line string) {
		_, text, ok := parseAnswer(line)
		a := &attempt{}
		err := a.judgeWord("it", text)
		if ok && err == nil && !strings.HasPrefix(strings.ToLower(strings.TrimSpace(text)), "up") {
			t.Errorf("%q passes", line)
		}
		if a.load < 0 || a.load != a.load {
			t.Errorf("%q: load %v", line, a.load)
		}
	})
}

func loop(last byte) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, last}) }
