package track

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/internal/stalltest"
	"github.com/geodns-vipd/geodns/pkg/health"
)

func TestCheckRiseAndFall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verdicts := []health.Verdict{health.Pass, health.Fail, health.Fail, health.NoVerdict, health.Fail, health.Pass, health.Pass, health.Pass}
		var got []string
		start := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		c := &Check{
			Kind: KindScript, Name: "chk", Interval: time.Second, Timeout: time.Second, Rise: 2, Fall: 3,
			Attempt: func(context.Context) health.Result {
				v := verdicts[0]
				if verdicts = verdicts[1:]; len(verdicts) == 0 {
					cancel()
				}
				return health.Result{Verdict: v, Err: map[bool]string{true: "exit status 1"}[v == health.Fail], At: time.Now()}
			},
		}
		c.Run(ctx, func(n News) { got = append(got, fmt.Sprintf("%v up=%v %s", time.Since(start), n.Up, n.Text)) })
		want := []string{"0s up=true passed", "4s up=false exit status 1, 3 times in a row", "6s up=true passed 2 times"}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestInitFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var got []bool
		c := &Check{Interval: time.Second, Timeout: time.Second, Rise: 3, Fall: 1, InitFail: true,
			Attempt: func(context.Context) health.Result { return health.Result{Verdict: health.Pass, At: time.Now()} }}
		start := time.Now()
		c.Run(ctx, func(n News) {
			got = append(got, n.Up)
			if n.Up && time.Since(start) != 2*time.Second {
				t.Errorf("up after %v, want 2s", time.Since(start))
			}
		})
		if fmt.Sprint(got) != "[false true]" {
			t.Errorf("got %v", got)
		}
	})
}

// collect runs a watcher until the test ends and returns its news.
func collect(t *testing.T, run func(context.Context, Tell)) <-chan News {
	t.Helper()
	news := make(chan News, 16)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); run(ctx, func(n News) { news <- n }) }()
	t.Cleanup(func() { cancel(); <-done })
	return news
}

func next(t *testing.T, news <-chan News, limit time.Duration) News {
	t.Helper()
	select {
	case n := <-news:
		return n
	case <-stalltest.Start(t).After(limit):
		t.Fatalf("no news within %v", limit)
		return News{}
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weight")
	f := &File{Name: "w", Path: path}
	news := collect(t, f.Run)
	if n := next(t, news, time.Second); n.Up || n.Value != 0 {
		t.Errorf("missing file: %+v", n)
	}
	for _, c := range []struct {
		text  string
		value int
	}{{"5\n", 5}, {" -20 \n", -20}, {"x", 0}, {"7", 7}} {
		if err := os.WriteFile(path+".new", []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		os.Rename(path+".new", path)
		if n := next(t, news, 500*time.Millisecond); n.Value != c.value {
			t.Errorf("%q: got %+v, want %d", c.text, n, c.value)
		}
	}
}

// A shell that writes a number empties the file first. What is between is no
// news, but a file that stays empty is.
func TestFileWrittenInPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weight")
	write := func(text string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
		f.WriteString(text)
		f.Close()
	}
	write("0\n")
	f := &File{Name: "w", Path: path}
	stall := stalltest.Start(t)
	news := collect(t, f.Run)
	next(t, news, time.Second)
	for want := 1; want <= 20; want++ {
		write(fmt.Sprintln(want))
		n := next(t, news, 500*time.Millisecond)
		for n.Value != want && stall.TakeWorst() >= settle/2 {
			n = next(t, news, 500*time.Millisecond)
		}
		if n.Value != want {
			t.Fatalf("got %+v, want %d", n, want)
		}
	}
	os.Truncate(path, 0)
	if n := next(t, news, time.Second); n.Up || n.Value != 0 {
		t.Errorf("an empty file: %+v", n)
	}
}

// Nothing waits for the other end of a named pipe, and what is in one is no
// number.
func TestNamedPipeCountsAsZero(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weight")
	if err := unix.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
	f := &File{Name: "w", Path: path, Init: true, InitValue: 5, Overwrite: true}
	if err := f.Prepare(); err == nil {
		t.Error("a number was written into a pipe that nobody reads")
	}
	news := collect(t, f.Run)
	if n := next(t, news, time.Second); n.Up || n.Value != 0 {
		t.Errorf("nobody writes: %+v", n)
	}
	both, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer both.Close()
	both.WriteString("7\n")
	if err := f.Prepare(); err == nil {
		t.Error("a number was written into a pipe")
	}
	os.Remove(path)
	os.WriteFile(path, []byte("3\n"), 0o644)
	if n := next(t, news, 3*time.Second); n.Value != 3 {
		t.Errorf("a file in its place: %+v", n)
	}
}

func TestFilePrepare(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weight")
	read := func() string { data, _ := os.ReadFile(path); return string(data) }
	for _, c := range []struct {
		f    File
		want string
	}{
		{File{}, ""},
		{File{Init: true, InitValue: 3}, "3\n"},
		{File{Init: true, InitValue: 4}, "3\n"},
		{File{Init: true, InitValue: 5, Overwrite: true}, "5\n"},
	} {
		c.f.Path = path
		if err := c.f.Prepare(); err != nil {
			t.Fatal(err)
		}
		if got := read(); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.f, got, c.want)
		}
	}
}

// sleeper starts a process that is called name, and returns when /proc knows it
// by that name: Start returns as soon as exec can no longer fail, which is
// before the kernel has written down the new command line.
func sleeper(t *testing.T, name string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "3600")
	cmd.Args[0] = name
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	line := fmt.Sprintf("/proc/%d/cmdline", cmd.Process.Pid)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if data, _ := os.ReadFile(line); bytes.HasPrefix(data, []byte(name)) {
			return cmd
		}
	}
	t.Fatalf("%s never named the process %s", line, name)
	return nil
}

func TestProcess(t *testing.T) {
	run := func() *exec.Cmd {
		cmd := sleeper(t, "vipd-track-test")
		go cmd.Wait()
		return cmd
	}
	first := run()
	p := &Process{Name: "svc", Args: []string{"vipd-track-test", "3600"}, Match: "exact", Quorum: 1, QuorumMax: -1}
	news := collect(t, p.Run)
	if n := next(t, news, time.Second); !n.Up {
		t.Fatalf("running: %+v", n)
	}
	second := run()
	time.Sleep(50 * time.Millisecond)
	first.Process.Kill() // the other is enough
	select {
	case n := <-news:
		t.Fatalf("one of two ended: %+v", n)
	case <-time.After(100 * time.Millisecond):
	}
	stall, start := stalltest.Start(t), time.Now()
	second.Process.Kill()
	if n := next(t, news, time.Second); n.Up {
		t.Errorf("none runs: %+v", n)
	}
	if took := time.Since(start); took > 100*time.Millisecond+stall.Lost() {
		t.Errorf("the end was known after %v", took)
	}
	run()
	if n := next(t, news, time.Second); !n.Up {
		t.Errorf("runs again: %+v", n)
	}
}

// A process whose parent does not ask for it stays in /proc as a zombie.
func TestZombieIsNoProcess(t *testing.T) {
	cmd := sleeper(t, "vipd-track-zombie")
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	onThread := false
	p := &Process{Name: "svc", Args: []string{"vipd-track-zombie", "3600"}, Match: "exact", Quorum: 1, QuorumMax: -1,
		LeaveDelay: 200 * time.Millisecond, Thread: func() func() { onThread = true; return func() {} }}
	news := collect(t, p.Run)
	if n := next(t, news, time.Second); !n.Up || !onThread {
		t.Fatalf("running: %+v, on a thread of its own: %v", n, onThread)
	}
	start := time.Now()
	cmd.Process.Kill()
	if n := next(t, news, 2*time.Second); n.Up {
		t.Errorf("ended: %+v", n)
	}
	if took := time.Since(start); took < p.LeaveDelay {
		t.Errorf("told after %v, before terminate_delay of %v", took, p.LeaveDelay)
	}
}

// TestProcessThatExecutesAnewGoesOn takes the command line away that /proc tells
// of a process, as the kernel does while a program is executed.
func TestProcessThatExecutesAnewGoesOn(t *testing.T) {
	cmd := sleeper(t, "vipd-track-anew")
	go cmd.Wait()
	proc := t.TempDir()
	dir := filepath.Join(proc, strconv.Itoa(cmd.Process.Pid))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("stat", "1 (svc) S 1")
	const line = "vipd-track-anew\x003600\x00"
	write("cmdline", line)
	p := &Process{Name: "svc", Args: []string{"vipd-track-anew"}, Match: "partial", Quorum: 1, QuorumMax: 9, proc: proc}
	news := collect(t, p.Run)
	if n := next(t, news, time.Second); !n.Up {
		t.Fatalf("running: %+v", n)
	}
	write("cmdline", "")
	select {
	case n := <-news:
		t.Fatalf("while it executes its program anew: %+v", n)
	case <-time.After(4 * processScan):
	}
	write("cmdline", line)
	select {
	case n := <-news:
		t.Fatalf("it has executed its program anew: %+v", n)
	case <-time.After(2 * processScan):
	}
	begin := time.Now()
	write("cmdline", "")
	if n := next(t, news, nameTime+time.Second); n.Up {
		t.Errorf("without a command line for good: %+v", n)
	}
	if took := time.Since(begin); took < nameTime {
		t.Errorf("given up after %v, want %v", took, nameTime)
	}
	write("cmdline", line)
	if n := next(t, news, time.Second); !n.Up {
		t.Errorf("it has one again: %+v", n)
	}
	write("cmdline", "another\x00")
	if n := next(t, news, time.Second/2); n.Up {
		t.Errorf("it has become another program: %+v", n)
	}
}

func TestMatchesParams(t *testing.T) {
	for _, c := range []struct {
		match      string
		want, have []string
		ok         bool
	}{
		{"exact", []string{"-c", "a"}, []string{"-c", "a"}, true},
		{"exact", []string{"-c", "a"}, []string{"-c", "a", "b"}, false},
		{"exact", nil, []string{"x"}, false},
		{"partial", []string{"-c"}, []string{"-c", "a"}, true},
		{"partial", []string{"-c"}, []string{"-ca"}, false},
		{"initial", []string{"-c", "a"}, []string{"-c", "abc"}, true},
		{"initial", []string{"-c", "a"}, []string{"-d", "abc"}, false},
		{"initial", nil, []string{"x"}, true},
		{"", nil, []string{"x"}, true},
	} {
		p := Process{Args: append([]string{"prog"}, c.want...), Match: c.match}
		if got := p.matchesParams(c.have); got != c.ok {
			t.Errorf("%s %q against %q: got %v", c.match, c.want, c.have, got)
		}
	}
}
