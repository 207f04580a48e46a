package command

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/stalltest"
)

func sh(script string) Spec { return Spec{Argv: []string{"/bin/sh", "-c", script}} }

func TestEnds(t *testing.T) {
	for _, c := range []struct {
		script string
		exit   int
		text   string
	}{
		{"exit 0", 0, "exit status 0"},
		{"exit 7", 7, "exit status 7"},
		{"echo one; echo no such file >&2; exit 2", 2, "exit status 2 (no such file)"},
		{"kill -9 $$", 137, "killed by killed"},
		{`printf 'a\001b\n\n'; exit 1`, 1, "exit status 1 (a b)"},
	} {
		r, err := Run(t.Context(), sh(c.script))
		if err != nil || r.Exit != c.exit || r.Text() != c.text {
			t.Errorf("%s: got %d %q %v, want %d %q", c.script, r.Exit, r.Text(), err, c.exit, c.text)
		}
	}
	if _, err := Run(t.Context(), Spec{Argv: []string{"/no/such/program"}}); err == nil {
		t.Error("a program that is not there ran")
	}
}

func TestTimeIsUpForTheWholeGroup(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := Run(ctx, sh("trap '' TERM; sleep 100 & echo $! > "+pid+".new; mv "+pid+".new "+pid+"; wait; sleep 100"))
		ended <- err
	}()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(pid); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the program does not get going")
		}
	}
	stall, start := stalltest.Start(t), time.Now()
	cancel()
	if err := <-ended; !errors.Is(err, ErrTime) {
		t.Fatalf("got %v", err)
	}
	if took := time.Since(start); took > 2*Grace+stall.Lost() {
		t.Errorf("took %v", took)
	}
	data, _ := os.ReadFile(pid)
	child, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	if child == 0 {
		t.Fatal("the child did not start")
	}
	deadline := time.Now().Add(20 * time.Second)
	for syscall.Kill(child, 0) == nil && time.Now().Before(deadline) {
		if stat, _ := os.ReadFile("/proc/" + strconv.Itoa(child) + "/stat"); strings.Contains(string(stat), ") Z ") {
			return // dead; nobody has asked for its end yet
		}
		time.Sleep(10 * time.Millisecond)
	}
	if syscall.Kill(child, 0) == nil {
		t.Error("a child of the program goes on")
	}
}

func TestEnvironmentIsScrubbed(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "leaked")
	s := sh("env | cut -d= -f1 | sort | tr '\\n' ' '")
	s.Env = []string{"VIPD_STATE=MASTER"}
	r, err := Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields(r.Output) {
		switch name {
		case "PATH", "HOME", "LANG", "PWD", "SHLVL", "_", "OLDPWD", "VIPD_STATE":
		default:
			t.Errorf("the program saw %s", name)
		}
	}
}

func TestLeftoverDoesNotHoldUp(t *testing.T) {
	stall, start := stalltest.Start(t), time.Now()
	if r, err := Run(t.Context(), sh("sleep 3 & exit 0")); err != nil || r.Exit != 0 {
		t.Errorf("got %v %v", r, err)
	}
	if took := time.Since(start); took > 2*time.Second+stall.Lost() {
		t.Errorf("waited %v for a program in the background", took)
	}
}
