package daemon

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

// memoryShare is the part of the memory of a control group that Go's collector is
// told to keep to. The rest is for what it does not count: the stacks of threads,
// the pages of the program, and buffers of sockets.
const memoryShare = 0.9

// LimitMemory tells Go's collector how much memory there is: what the control
// groups around the process allow. Near that the collector works harder, where
// the kernel would otherwise end the process although part of its memory was
// garbage. It returns the limit that was set, in octets; 0 if none was, because no group has a
// limit or GOMEMLIMIT is in the environment.
func LimitMemory() int64 {
	if os.Getenv("GOMEMLIMIT") != "" {
		return 0
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0
	}
	most := groupMemory(os.DirFS("/sys/fs/cgroup"), string(own))
	if most == 0 {
		return 0
	}
	limit := int64(memoryShare * float64(most))
	debug.SetMemoryLimit(limit)
	return limit
}

// garbageShare is how much garbage may gather until it is collected, in percent of
// what is in use.
const garbageShare = 20

// KeepSmall has Go's collector run more often than by default, unless GOGC is in
// the environment. It is for a process that makes little garbage and keeps
// much: at 100 percent half of its memory would be garbage.
func KeepSmall() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbageShare)
	}
}

// groupMemory returns the least memory limit of the control groups around a
// process, whose /proc/self/cgroup is own; 0 if there is none. In a container the
// path of the group may lead nowhere in what is mounted; the top of it is the
// container's own group then.
func groupMemory(groups fs.FS, own string) int64 {
	least := int64(math.MaxInt64)
	for line := range strings.Lines(own) {
		// Number of the hierarchy, its controllers, path of the group; version
		// 2 is number 0 and names no controller.
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		switch {
		case len(f) < 3:
		case f[0] == "0":
			least = min(least, leastAbove(groups, ".", f[2], "memory.max"))
		case slices.Contains(strings.Split(f[1], ","), "memory"):
			least = min(least, leastAbove(groups, "memory", f[2], "memory.limit_in_bytes"))
		}
	}
	if least > unlimited {
		return 0
	}
	return least
}

// unlimited is beyond any memory there is: version 1 has a large number for none.
const unlimited = 1 << 60

// leastAbove returns the least number in the files of this name in a group and
// those above it, up to the folder top; MaxInt64 if there is none.
func leastAbove(groups fs.FS, top, group, name string) int64 {
	least := int64(math.MaxInt64)
	for dir := path.Clean("/" + group); ; dir = path.Dir(dir) {
		if n, err := readLimit(groups, path.Join(top, dir[1:], name)); err == nil {
			least = min(least, n)
		}
		if dir == "/" {
			return least
		}
	}
}

// readLimit reads a file with a number; "max" is an error, like any other word.
func readLimit(groups fs.FS, name string) (int64, error) {
	text, err := fs.ReadFile(groups, name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err == nil && n <= 0 {
		return 0, errors.New("no limit")
	}
	return n, err
}
