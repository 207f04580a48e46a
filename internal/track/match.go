package track

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// find returns the processes that match now.
func (p *Process) find() []int {
	entries, err := os.ReadDir(p.root())
	if err != nil {
		return nil
	}
	var out []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && p.matches(pid) {
			out = append(out, pid)
		}
	}
	return out
}

func (p *Process) root() string {
	if p.proc != "" {
		return p.proc
	}
	return "/proc"
}

// matches reports whether a process is alive and one of those wanted. Whether
// it is alive is asked last: of all files about a process that one costs the
// kernel most, and a machine may have thousands.
func (p *Process) matches(pid int) bool {
	if p.Full || p.Match != "" {
		return p.matchesCommand(pid) && p.alive(pid)
	}
	name, err := os.ReadFile(p.file(pid, "comm"))
	return err == nil && strings.TrimSuffix(string(name), "\n") == cut15(filepath.Base(p.Args[0])) && p.alive(pid)
}

func (p *Process) file(pid int, name string) string {
	return filepath.Join(p.root(), strconv.Itoa(pid), name)
}

// matchesCommand compares the command line; a process that has ended has none.
func (p *Process) matchesCommand(pid int) bool {
	data, err := os.ReadFile(p.file(pid, "cmdline"))
	if err != nil || len(data) == 0 {
		return false
	}
	argv := strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
	if p.Full && argv[0] != p.Args[0] || !p.Full && filepath.Base(argv[0]) != filepath.Base(p.Args[0]) {
		return false
	}
	return p.matchesParams(argv[1:])
}

// nameless reports whether a process is alive and has no command line. One that
// executes a program, as servers do anew to upgrade, has none for some
// microseconds, or for as long as it is kept from the processor, or its program
// is read from a disk.
func (p *Process) nameless(pid int) bool {
	data, err := os.ReadFile(p.file(pid, "cmdline"))
	return err == nil && len(data) == 0 && p.alive(pid)
}

// matchesParams compares parameters: all of them, the first ones, or the first
// ones with the last one cut short (keepalived: exact, partial, initial).
func (p *Process) matchesParams(have []string) bool {
	want := p.Args[1:]
	switch p.Match {
	case "":
		return true
	case "exact":
		return slices.Equal(have, want)
	case "partial":
		return len(have) >= len(want) && slices.Equal(have[:len(want)], want)
	}
	if len(want) == 0 {
		return true
	}
	last := len(want) - 1
	return len(have) >= len(want) && slices.Equal(have[:last], want[:last]) && strings.HasPrefix(have[last], want[last])
}

// alive reports whether a process has not ended.
func (p *Process) alive(pid int) bool {
	data, err := os.ReadFile(p.file(pid, "stat"))
	if err != nil {
		return false
	}
	end := bytes.LastIndexByte(data, ')') // of the name, which may hold anything
	if end < 0 || end+2 >= len(data) {
		return false
	}
	state := data[end+2]
	return state != 'Z' && state != 'X'
}

// cut15 cuts a name to what the kernel keeps of it.
func cut15(s string) string {
	if len(s) > 15 {
		return s[:15]
	}
	return s
}
