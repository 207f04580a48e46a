package bench

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// placement says which processors the load and the servers run on.
type placement struct {
	load, serve unix.CPUSet
	threads     int // UDP threads of each server
	text        string
}

// choosePlace gives the load the first processor and the servers, with one
// thread each, the second, so that neither takes the other's caches; or shares
// them all.
func choosePlace(share bool) placement {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		panic(err) // cannot fail for the own process
	}
	n := runtime.NumCPU()
	if share || n < 2 {
		return placement{load: all, serve: all, threads: n,
			text: fmt.Sprintf("servers with %d UDP threads, load not pinned away", n)}
	}
	var p placement
	p.threads, p.text = 1, "servers with one UDP thread on a processor of their own, load on another"
	for cpu, found := 0, 0; found < 2; cpu++ {
		if !all.IsSet(cpu) {
			continue
		}
		if found++; found == 1 {
			p.load.Set(cpu)
		} else {
			p.serve.Set(cpu)
		}
	}
	return p
}

// pin returns the command bound to the processors for servers.
func (p placement) pin(cmd *exec.Cmd) *exec.Cmd {
	var list []string
	for cpu := range 1024 {
		if p.serve.IsSet(cpu) {
			list = append(list, strconv.Itoa(cpu))
		}
	}
	// taskset is in util-linux, which every Linux has.
	pinned := exec.Command("taskset", append([]string{"-c", strings.Join(list, ",")}, cmd.Args...)...)
	pinned.Env = cmd.Env
	return pinned
}

// cpuTime is processor time used so far.
type cpuTime struct {
	all       time.Duration // measured exactly
	user, sys time.Duration // sampled, in steps of 10 ms
}

// cpu returns the processor time of all threads of the server and its
// children.
func (p *process) cpu(t *testing.T) cpuTime {
	t.Helper()
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every architecture that Go runs on
	var sum cpuTime
	for _, f := range p.stats() {
		user, err1 := strconv.Atoi(f[11])
		sys, err2 := strconv.Atoi(f[12])
		if err1 != nil || err2 != nil {
			t.Fatalf("%s: processor times %q and %q", p.name, f[11], f[12])
		}
		sum.user += time.Duration(user) * tick
		sum.sys += time.Duration(sys) * tick
		// The first number is the time on a processor in ns.
		threads, _ := filepath.Glob("/proc/" + f[len(f)-1] + "/task/*/schedstat")
		for _, name := range threads {
			text, _ := os.ReadFile(name)
			if fields := strings.Fields(string(text)); len(fields) > 0 {
				ns, _ := strconv.ParseInt(fields[0], 10, 64)
				sum.all += time.Duration(ns)
			}
		}
	}
	return sum
}

// stats returns /proc/PID/stat of every process of the server's group, from
// the state on, and the number of the process after it: the group is the third
// field there.
func (p *process) stats() [][]string {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	group := strconv.Itoa(p.cmd.Process.Pid)
	var out [][]string
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // ended in between
		}
		// The command's name stands in brackets and may hold anything.
		f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(f) > 12 && f[2] == group {
			out = append(out, append(f, filepath.Base(filepath.Dir(name))))
		}
	}
	return out
}

// memory returns what the server and its children take in MiB: what several of
// them share is counted once.
func (p *process) memory(t *testing.T) float64 {
	t.Helper()
	sum := 0
	for _, f := range p.stats() {
		text, err := os.ReadFile("/proc/" + f[len(f)-1] + "/smaps_rollup")
		if err != nil {
			t.Logf("%s: memory is not known: %v", p.name, err)
			return math.NaN()
		}
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, "Pss:"); ok {
				n, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
				sum += n
			}
		}
	}
	return float64(sum) / 1024
}

// machine describes this one in a line.
func machine() string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%s, %d processors, Linux %s, %s", model, runtime.NumCPU(), strings.TrimSpace(string(release)), runtime.Version())
}
