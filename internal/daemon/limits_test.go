package daemon

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

func TestGroupMemoryIsTheLeastAround(t *testing.T) {
	groups := fstest.MapFS{
		"memory.max":                             {Data: []byte("9000\n")}, // of a container
		"system.slice/memory.max":                {Data: []byte("4000\n")},
		"system.slice/geodns.service/memory.max": {Data: []byte("5000\n")},
		"other/memory.max":                       {Data: []byte("max\n")},
		"memory/memory.limit_in_bytes":           {Data: []byte("9223372036854771712\n")},
		"memory/user/memory.limit_in_bytes":      {Data: []byte("3000\n")},
		"zero/memory.max":                        {Data: []byte("0\n")},
		"odd/memory.max":                         {Data: []byte("plenty\n")},
	}
	for own, want := range map[string]int64{
		"0::/system.slice/geodns.service\n": 4000,
		"0::/system.slice\n":                4000,
		"0::/\n":                            9000,
		"0::/other\n":                       9000,
		"0::/zero\n":                        9000,
		"0::/odd\n":                         9000,
		"0::/../../elsewhere\n":             9000,
		"0::/gone/away\n":                   9000,
		"12:cpu,memory:/user\n1:name=x:/\n": 3000, // version 1
		"12:memory:/\n0::/system.slice\n":   4000,
		"12:memory:/\n":                     0,
		"":                                  0,
	} {
		if got := groupMemory(groups, own); got != want {
			t.Errorf("%q: %d, want %d", own, got, want)
		}
	}
	if got := groupMemory(fstest.MapFS{"a/memory.max": {Data: []byte("max")}}, "0::/a\n"); got != 0 {
		t.Errorf("without a limit: %d", got)
	}
}

// TestLimitMemoryTakesTheGroupsLimit runs this test again in a control group with
// a limit.
func TestLimitMemoryTakesTheGroupsLimit(t *testing.T) {
	const most = 1000 << 20
	if os.Getenv("LIMITED_TEST") != "" {
		if got := LimitMemory(); got != 900<<20 || debug.SetMemoryLimit(-1) != got {
			t.Errorf("limit %d, and the collector's is %d", got, debug.SetMemoryLimit(-1))
		}
		return
	}
	// Version 2, or the memory controller of version 1.
	top, file := "/sys/fs/cgroup", "memory.max"
	if _, err := os.Stat(top + "/memory"); err == nil {
		top, file = top+"/memory", "memory.limit_in_bytes"
	}
	group := filepath.Join(top, "geodns-limits-"+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skip("no control group can be made: ", err)
	}
	defer os.Remove(group)
	if err := os.WriteFile(filepath.Join(group, file), []byte(strconv.Itoa(most)), 0o644); err != nil {
		t.Skip("no memory limit for a control group: ", err)
	}
	// The shell joins the group, and so does what it becomes.
	cmd := exec.Command("sh", "-c", `echo $$ > "$0"/cgroup.procs && exec "$1" -test.run='^TestLimitMemoryTakesTheGroupsLimit$'`, group, os.Args[0])
	cmd.Env = append(os.Environ(), "LIMITED_TEST=1", "GOMEMLIMIT=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestGOMEMLIMITGoesFirst(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "1GiB")
	if got := LimitMemory(); got != 0 {
		t.Errorf("set %d", got)
	}
}

// TestFileLimitIsRaised guards what the documentation says: Go raises the soft
// limit of open files to the hard one when a program starts.
func TestFileLimitIsRaised(t *testing.T) {
	const soft = "256"
	if os.Getenv("FILES_TEST") != "" {
		text, err := os.ReadFile("/proc/self/limits")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); strings.HasPrefix(line, "Max open files") {
				now, _ := strconv.Atoi(f[3])
				hard, _ := strconv.Atoi(f[4])
				if now < hard-1 || f[3] == soft { // some versions leave one out
					t.Errorf("soft %s, hard %s", f[3], f[4])
				}
			}
		}
		return
	}
	cmd := exec.Command("sh", "-c", "ulimit -S -n "+soft+` && exec "$0" -test.run='^TestFileLimitIsRaised$'`, os.Args[0])
	cmd.Env = append(os.Environ(), "FILES_TEST=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
