package hooks

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// recorder notes what ran; a job called slow blocks until released.
type recorder struct {
	mu      sync.Mutex
	ran     []string
	release chan struct{}
}

func (r *recorder) job(name string) Job {
	return Job{What: name, Argv: []string{name}, Run: func(ctx context.Context, j *Job) (string, error) {
		if strings.HasPrefix(name, "slow") {
			select {
			case <-r.release:
			case <-ctx.Done():
			}
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ran = append(r.ran, j.What)
		return "", nil
	}}
}

func (r *recorder) list() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ran)
}

func started(t *testing.T) (*Queue, *recorder, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	q := New("VI_1", slog.New(slog.NewTextHandler(&log, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); q.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return q, &recorder{release: make(chan struct{})}, &log
}

func wait(t *testing.T, q *Queue) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if !q.Wait(ctx) {
		t.Fatal("hooks did not end")
	}
}

func TestJobsRunInOrderOneAtATime(t *testing.T) {
	q, r, _ := started(t)
	q.Push(Event{State: "BACKUP", Jobs: []Job{r.job("notify_backup"), r.job("notify")}})
	wait(t, q)
	if got := strings.Join(r.list(), " "); got != "notify_backup notify" {
		t.Errorf("ran %s", got)
	}
}

func TestNewestStateWinsAndStopIsNeverSkipped(t *testing.T) {
	q, r, log := started(t)
	q.Push(Event{State: "BACKUP", Jobs: []Job{r.job("slow")}})
	for q.Running() == "" {
		time.Sleep(time.Millisecond)
	}
	q.Push(Event{State: "MASTER", Jobs: []Job{r.job("master")}})
	q.Push(Event{State: "MASTER_RX_LOWER_PRI", Jobs: []Job{r.job("lower")}, Aside: true})
	q.Push(Event{State: "FAULT", Jobs: []Job{r.job("fault")}})
	q.Push(Event{State: "STOP", Jobs: []Job{r.job("stop")}, Must: true})
	q.Push(Event{State: "BACKUP", Jobs: []Job{r.job("backup")}})
	close(r.release)
	wait(t, q)
	if got := strings.Join(r.list(), " "); got != "slow lower stop backup" {
		t.Errorf("ran %s", got)
	}
	for _, skipped := range []string{"skipped=MASTER", "skipped=FAULT"} {
		if !strings.Contains(log.String(), skipped) {
			t.Errorf("the log does not say %s:\n%s", skipped, log)
		}
	}
}

func TestFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	f, err := OpenFIFO(path, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Write(Line("INSTANCE", "VI_1", "MASTER", 150)); err != nil {
		t.Fatal(err)
	}
	if err := f.Write(Line("GROUP", `a"b`, "FAULT", 0)); err != nil {
		t.Fatal(err)
	}
	r, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	in := bufio.NewReader(r)
	for _, want := range []string{"INSTANCE \"VI_1\" MASTER 150\n", "GROUP \"a\\\"b\" FAULT 0\n"} {
		if got, _ := in.ReadString('\n'); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	lost := false
	for range 10_000 {
		if f.Write(Line("INSTANCE", "VI_1", "MASTER", 150)) != nil {
			lost = true
			break
		}
	}
	if !lost {
		t.Error("a pipe that nobody reads took everything")
	}
	f.Close()
	if _, err := os.Stat(path); err == nil {
		t.Error("the pipe that we made stayed")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFIFO(path, -1, -1); err == nil {
		t.Error("an ordinary file was taken for a pipe")
	}
}
