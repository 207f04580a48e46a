package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// drainFolder returns a folder with two sites that have no checks.
func drainFolder(t *testing.T) string {
	return folder(t, files{
		"zones/example.com.zone": zoneText("www 5 STEER web\n"),
		"zones/steering.yaml":    "sites:\n  fra: {addresses: [127.2.0.1]}\n  iad: {addresses: [127.2.0.2]}\npolicies:\n  web: {failover: [fra, iad]}\n",
	})
}

// overrideStatus is what the status says of an override.
type overrideStatus struct {
	Site, State string
	Share       float64
	Set         time.Time
	Until       *time.Time
	DoneAt      *time.Time `json:"done_at"`
}

func (s *server) overrides() []overrideStatus {
	s.t.Helper()
	var st struct{ Overrides []overrideStatus }
	if err := json.Unmarshal([]byte(s.get("/api/v1/status")), &st); err != nil {
		s.t.Fatal(err)
	}
	return st.Overrides
}

// change runs a command against the server's socket.
func (s *server) change(args ...string) string {
	s.t.Helper()
	out, code := command(s.t, s.dir, args...)
	if code != 0 {
		s.t.Fatalf("geodns %s: code %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// TestDrainByDegreesGoesOnAfterKill9 kills the server in the middle of a drain
// by degrees: the next one has the share that belongs to its moment.
func TestDrainByDegreesGoesOnAfterKill9(t *testing.T) {
	t.Parallel()
	dir := drainFolder(t)
	s := start(t, dir)
	const over = 10 * time.Second
	s.change("drain", "fra", "--over", over.String())
	begin := s.overrides()[0].Set
	check := func() {
		t.Helper()
		before := time.Since(begin)
		o := s.overrides()
		after := time.Since(begin)
		if len(o) != 1 || !o[0].Set.Equal(begin) {
			t.Fatalf("overrides: %+v", o)
		}
		// It goes in steps of a second.
		at := func(d time.Duration) float64 { return max(0, 1-math.Floor(d.Seconds())/over.Seconds()) }
		if got := o[0].Share; got > at(before)+0.11 || got < at(after)-0.11 {
			t.Errorf("after %v to %v the share is %.3f, want %.3f to %.3f", before, after, got, at(before), at(after))
		}
	}
	for range 3 {
		time.Sleep(1200 * time.Millisecond)
		check()
		s.signal(syscall.SIGKILL)
		<-s.ended
		s = start(t, dir)
		check()
	}
	time.Sleep(time.Until(begin.Add(over + 200*time.Millisecond)))
	if o := s.overrides(); o[0].State != "drained" || o[0].Share != 0 {
		t.Errorf("at the end: %+v", o)
	}
	if got := s.mustAddr("www.example.com.").String(); got != "127.2.0.2" {
		t.Errorf("the drained site is answered: %s", got)
	}
	s.change("undrain", "fra")
	if got := s.mustAddr("www.example.com.").String(); got != "127.2.0.1" {
		t.Errorf("after undrain: %s", got)
	}
}

// TestChangesHoldWithoutADisk takes the state folder's room away: what is
// decided holds, it is said once, and it is written when there is room again.
func TestChangesHoldWithoutADisk(t *testing.T) {
	t.Parallel()
	dir := drainFolder(t)
	s := start(t, dir)
	file := filepath.Join(dir, "state", "health.json")
	eventually(t, 3*time.Second, "the first writing", func() bool { _, err := os.Stat(file); return err == nil })
	// A folder in the place of the file: it cannot be replaced, also not by root.
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(file, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	out := s.change("drain", "fra")
	if !strings.Contains(out, "not over a restart") {
		t.Errorf("the command says only %q", out)
	}
	if got := s.mustAddr("www.example.com.").String(); got != "127.2.0.2" {
		t.Errorf("the drain does not hold: %s", got)
	}
	if v := s.metric("geodns_state_ok"); v != 0 {
		t.Errorf("geodns_state_ok is %v", v)
	}
	time.Sleep(2500 * time.Millisecond) // it is tried again
	if n := strings.Count(s.log.String(), "cannot be kept"); n != 1 {
		t.Errorf("%d lines in the log, want one", n)
	}
	if err := os.RemoveAll(file); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "writing again", func() bool { return s.metric("geodns_state_ok") == 1 })
	s.signal(syscall.SIGKILL)
	<-s.ended
	s = start(t, dir)
	if o := s.overrides(); len(o) != 1 || o[0].State != "drained" {
		t.Errorf("after kill -9: %+v", o)
	}
}

// TestSinceOutlivesARestart kills a server that found a site down: the next one
// finds it down too, and says since when.
func TestSinceOutlivesARestart(t *testing.T) {
	t.Parallel()
	dir := folder(t, files{
		"zones/example.com.zone": zoneText("www 5 STEER web\n"),
		"zones/steering.yaml": fmt.Sprintf("checks:\n  web: {tcp: {port: %d}, interval: 100ms}\n", freePort(t)) +
			"sites:\n  fra: {addresses: [127.2.0.1], check: web}\n  iad: {addresses: [127.2.0.2]}\npolicies:\n  web: {failover: [fra, iad]}\n",
	})
	s := start(t, dir)
	since := func() string {
		for _, site := range s.status().Sites {
			if site.Name == "fra" && !site.Up {
				return fmt.Sprint(site.Since)
			}
		}
		t.Fatal("fra is not down")
		return ""
	}
	before := since()
	file := filepath.Join(dir, "state", "health.json")
	eventually(t, 3*time.Second, "writing", func() bool { _, err := os.Stat(file); return err == nil })
	s.signal(syscall.SIGKILL)
	<-s.ended
	time.Sleep(100 * time.Millisecond)
	s = start(t, dir)
	if after := since(); after != before || before == "" {
		t.Errorf("down since %s, after the restart since %s", before, after)
	}
}
