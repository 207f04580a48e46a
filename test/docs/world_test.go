package docs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/geodb/geodbtest"
	"github.com/geodns-vipd/geodns/internal/porttest"
	"github.com/geodns-vipd/geodns/pkg/geo"
)

// patience is how long a command may take, and how long output is waited for.
const patience = 30 * time.Second

// world is the machine that a document believes to be at: a folder, ports, and
// commands in the background.
type world struct {
	t     *testing.T
	bin   string // folder of the program
	dir   string
	ports []port
	jobs  map[string]*job

	// refused says that the folder was last shown with mistakes in it.
	refused bool
}

// port is one that documents show, and the one that is used for it.
type port struct{ shown, real string }

// shownPorts are the ports of all examples: DNS, admin, web sites. They keep
// their distances, which geodns demo counts by.
var shownPorts = []int{5300, 5301, 5380}

var demoCommand = regexp.MustCompile(`\bgeodns demo\b( (down|up) \w+)?`)

func newWorld(t *testing.T, bin string) *world {
	t.Helper()
	w := &world{t: t, bin: bin, jobs: map[string]*job{}}
	var further []int
	for _, p := range shownPorts[1:] {
		further = append(further, p-shownPorts[0])
	}
	base := porttest.Free(t, further...)
	for _, p := range shownPorts {
		w.ports = append(w.ports, port{strconv.Itoa(p), strconv.Itoa(base + p - shownPorts[0])})
	}
	t.Cleanup(w.stopAll)
	w.folder()
	return w
}

// real puts the ports in use in the place of those shown, also of the one that
// geodns demo has by default; shown does the reverse.
func (w *world) real(s string) string {
	if !strings.Contains(s, "--port") {
		s = demoCommand.ReplaceAllString(s, "$0 --port "+w.ports[0].shown)
	}
	for _, p := range w.ports {
		s = strings.ReplaceAll(s, p.shown, p.real)
	}
	return s
}

func (w *world) shown(s string) string {
	for _, p := range w.ports {
		s = strings.ReplaceAll(s, p.real, p.shown)
	}
	return s
}

// folder begins an empty folder. Geo databases are at hand in geo/, as they
// would be after a download, and the program in bin/, as after a build.
func (w *world) folder() {
	w.t.Helper()
	w.stopAll()
	dir, err := os.MkdirTemp(w.t.TempDir(), "") // short, for the socket in it
	if err != nil {
		w.t.Fatal(err)
	}
	w.dir, w.refused = dir, false
	if err := os.MkdirAll(filepath.Join(dir, "geo"), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Symlink(w.bin, filepath.Join(dir, "bin")); err != nil {
		w.t.Fatal(err)
	}
	geodbtest.WriteCity(w.t, filepath.Join(dir, "geo/GeoLite2-City.mmdb"), geodbtest.Places{
		"2.125.160.0/20": {Country: "GB", Subdivisions: []string{"GB-ENG", "GB-WBK"}, City: "Boxford", CityID: 2655045,
			HasLocation: true, Lat: 51.75, Lon: -1.25},
		"81.2.69.0/24":  {Country: "GB", Subdivisions: []string{"GB-ENG"}, City: "London", CityID: 2643743},
		"91.10.0.0/16":  {Country: "DE"},
		"2001:db8::/32": {Country: "NO"},
	})
	geodbtest.WriteASN(w.t, filepath.Join(dir, "geo/GeoLite2-ASN.mmdb"), geodbtest.Places{"203.0.113.0/24": geo.Place{ASN: 64500}})
}

func (w *world) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(w.real(text)), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// shell returns a command in the folder, in a process group of its own.
func (w *world) shell(ctx context.Context, text string) *exec.Cmd {
	c := exec.CommandContext(ctx, "bash", "-c", w.real(text))
	c.Dir = w.dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GEODNS_") {
			c.Env = append(c.Env, v)
		}
	}
	c.Env = append(c.Env, "PATH="+w.bin+":"+os.Getenv("PATH"), "TZ=UTC", "LC_ALL=C.UTF-8", "PYTHONUNBUFFERED=1")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = time.Second
	return c
}

// run runs a command to its end and returns what it printed, and its code.
func (w *world) run(text string) (output string, code int) {
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	out, err := w.shell(ctx, text).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	return w.shown(strings.ReplaceAll(string(out), w.dir+"/", "")), code
}

// job is a command in the background.
type job struct {
	cmd  *exec.Cmd
	mu   sync.Mutex
	out  bytes.Buffer
	done chan error
}

func (j *job) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.out.Write(p)
}

func (j *job) output() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.out.String()
}

// start runs a command in the background and waits for the output shown.
func (w *world) start(name, text, shown string) error {
	j := &job{done: make(chan error, 1)}
	j.cmd = w.shell(context.Background(), "exec "+text)
	j.cmd.Stdout, j.cmd.Stderr = j, j
	if err := j.cmd.Start(); err != nil {
		return err
	}
	w.jobs[name] = j
	go func() { j.done <- j.cmd.Wait() }()
	return w.await(name, shown)
}

// await waits until a job has printed what is shown, and perhaps more.
func (w *world) await(name, shown string) error {
	j := w.jobs[name]
	if j == nil {
		return fmt.Errorf("no job %q", name)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		got := w.shown(j.output())
		if matches(shown, got, true) {
			return nil
		}
		select {
		case err := <-j.done:
			delete(w.jobs, name)
			return fmt.Errorf("it ended (%v) with\n%s", err, got)
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("it printed\n%swant\n%s", got, shown)
		}
	}
}

// stop sends a job what Ctrl-C sends, and waits for its end.
func (w *world) stop(name string) error {
	j := w.jobs[name]
	if j == nil {
		return fmt.Errorf("no job %q", name)
	}
	delete(w.jobs, name)
	_ = syscall.Kill(-j.cmd.Process.Pid, syscall.SIGINT) // gone already: found below
	select {
	case <-j.done:
		return nil
	case <-time.After(patience):
		_ = syscall.Kill(-j.cmd.Process.Pid, syscall.SIGKILL)
		return fmt.Errorf("%q did not end", name)
	}
}

func (w *world) stopAll() {
	for name := range w.jobs {
		if err := w.stop(name); err != nil {
			w.t.Error(err)
		}
	}
}
