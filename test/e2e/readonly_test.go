package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// onMount mounts an empty tmpfs at the state folder of dir.
func onMount(t *testing.T, dir string, flags uintptr, options string) (path string) {
	t.Helper()
	asRoot(t)
	path = filepath.Join(dir, "state")
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", path, "tmpfs", flags, options); err != nil {
		t.Skip("needs to mount a small file system: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) })
	return path
}

// TestFirstStartOnAReadOnlyDisk starts where no state was ever kept and none
// can be: it serves, says so, takes a drain, and keeps it once it can.
func TestFirstStartOnAReadOnlyDisk(t *testing.T) {
	t.Parallel()
	dir := drainFolder(t)
	path := onMount(t, dir, syscall.MS_RDONLY, "size=1m")
	s := start(t, dir)
	if !strings.Contains(s.log.String(), `level=ERROR msg="the state folder cannot be used`) {
		t.Errorf("the log does not say what is lost:\n%s", s.log.String())
	}
	out, code := command(t, dir, "drain", "fra", "--server", s.admin)
	if code != 0 || !strings.Contains(out, "not over a restart") {
		t.Errorf("drain: code %d: %s", code, out)
	}
	if got := s.mustAddr("www.example.com").String(); got != "127.2.0.2" {
		t.Errorf("the drain does not hold: %s", got)
	}
	if s.metric("geodns_state_ok") != 0 || !strings.Contains(s.get("/api/v1/status"), "read-only file system") {
		t.Error("status and metrics do not tell")
	}
	if err := syscall.Mount("tmpfs", path, "tmpfs", syscall.MS_REMOUNT, "size=1m"); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "writing again", func() bool { return s.metric("geodns_state_ok") == 1 })
	if _, code := command(t, dir, "serve", "-c", "geodns.yaml", "--listen", "127.0.0.1:0"); code != 1 {
		t.Errorf("a second server with this state ended with %d", code)
	}
	s.signal(syscall.SIGKILL)
	<-s.ended
	s = start(t, dir)
	if o := s.overrides(); len(o) != 1 || o[0].State != "drained" {
		t.Errorf("after kill -9: %+v", o)
	}
	// Read-only later: what was kept holds.
	s.signal(syscall.SIGKILL)
	<-s.ended
	if err := syscall.Mount("tmpfs", path, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	s = start(t, dir)
	if o := s.overrides(); len(o) != 1 || o[0].State != "drained" {
		t.Errorf("on a disk that became read-only: %+v", o)
	}
	_ = syscall.Mount("tmpfs", path, "tmpfs", syscall.MS_REMOUNT, "")
}

// TestDrainOnAFullDisk fills the disk under a running server.
func TestDrainOnAFullDisk(t *testing.T) {
	t.Parallel()
	dir := drainFolder(t)
	path := onMount(t, dir, 0, "size=64k")
	s := start(t, dir)
	filler := filepath.Join(path, "filler")
	_ = os.WriteFile(filler, make([]byte, 1<<20), 0o600) // as much as there is room for
	out := s.change("drain", "fra")
	if !strings.Contains(out, "not over a restart") || !strings.Contains(out, "no space left") {
		t.Errorf("the command says only %q", out)
	}
	if got := s.mustAddr("www.example.com").String(); got != "127.2.0.2" {
		t.Errorf("the drain does not hold: %s", got)
	}
	if err := os.Remove(filler); err != nil {
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
