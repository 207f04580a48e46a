// Package machine owns the questions that a configuration asks of this
// machine's files and accounts: is a program there and who may change it, does
// a user exist, which routing tables have names, what may be secret is open.
//
// It knows nothing of interfaces (internal/netlink does) and judges nothing:
// pkg/keepalived says what is wrong. The entry point is [Ask].
package machine

import (
	"bufio"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/geodns-vipd/geodns/pkg/keepalived"
)

// Ask looks up everything that cfg names except its interfaces.
func Ask(cfg *keepalived.Config) keepalived.Facts {
	f := keepalived.Facts{
		Programs: map[string]keepalived.Program{},
		Files:    map[string]keepalived.File{},
		Numbers:  map[string]keepalived.NumberFile{},
		Users:    map[string]bool{},
		Groups:   map[string]bool{},
		Tables:   tables("/etc/iproute2", "/usr/share/iproute2", "/usr/lib/iproute2"),
		Root:     os.Geteuid() == 0,
	}
	for _, name := range cfg.Programs() {
		f.Programs[name] = program(name)
	}
	for _, path := range cfg.SecretFiles() {
		f.Files[path] = file(path)
	}
	for _, path := range cfg.NumberFiles() {
		f.Numbers[path] = numberFile(path)
	}
	users, groups := cfg.UserNames()
	for _, name := range users {
		_, err := user.Lookup(name)
		f.Users[name] = err == nil
	}
	for _, name := range groups {
		_, err := user.LookupGroup(name)
		f.Groups[name] = err == nil
	}
	return f
}

// program looks a command up as the shell would, and who else may change it.
func program(name string) keepalived.Program {
	path := name
	if !strings.Contains(name, "/") {
		found, err := exec.LookPath(name)
		if err != nil {
			return keepalived.Program{}
		}
		path = found
	}
	info, err := os.Stat(path)
	if err != nil {
		return keepalived.Program{}
	}
	return keepalived.Program{
		Path:       path,
		Dir:        info.IsDir(),
		Executable: info.Mode()&0o111 != 0,
		Writable:   writable(path),
	}
}

// writable returns the first file or folder on the way to path that somebody
// other than root may write, "" if there is none. What a symbolic link points
// to counts, not the link.
func writable(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	if real, err = filepath.Abs(real); err != nil {
		return ""
	}
	for at := real; ; at = filepath.Dir(at) {
		if info, err := os.Stat(at); err == nil && othersWrite(info) {
			return at
		}
		if at == filepath.Dir(at) {
			return ""
		}
	}
}

// othersWrite reports whether somebody other than root may write. A folder
// with the sticky bit, as /tmp, lets nobody replace another's files.
func othersWrite(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	mode := info.Mode()
	if info.IsDir() && mode&fs.ModeSticky != 0 && st.Uid == 0 {
		return false
	}
	return st.Uid != 0 || mode&0o002 != 0 || mode&0o020 != 0 && st.Gid != 0
}

func file(path string) keepalived.File {
	info, err := os.Stat(path)
	if err != nil {
		return keepalived.File{}
	}
	return keepalived.File{Exists: true, Readable: info.Mode()&0o004 != 0}
}

// numberFile reads the file of a track_file. Of one that never ends, such as a
// device or a pipe, it reads nothing.
func numberFile(path string) keepalived.NumberFile {
	var n keepalived.NumberFile
	if dir, err := os.Stat(filepath.Dir(path)); err == nil {
		n.Folder = dir.IsDir()
	}
	info, err := os.Stat(path)
	if err != nil {
		return n
	}
	n.Exists, n.Dir = true, info.IsDir()
	n.Odd = !n.Dir && !info.Mode().IsRegular()
	if !info.Mode().IsRegular() {
		return n
	}
	f, err := os.Open(path)
	if err != nil {
		return n
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 64))
	n.Opens = err == nil
	_, n.Number = keepalived.FileNumber(data)
	return n
}

// TableID returns the number of a named routing table.
func TableID(name string) (uint32, bool) {
	id, ok := tableIDs("/etc/iproute2", "/usr/share/iproute2", "/usr/lib/iproute2")[name]
	return id, ok
}

func tables(dirs ...string) map[string]bool {
	out := map[string]bool{}
	for name := range tableIDs(dirs...) {
		out[name] = true
	}
	return out
}

// tableIDs reads rt_tables and rt_tables.d/*.conf; the first folder that names
// a table wins. The kernel's own names are always known.
func tableIDs(dirs ...string) map[string]uint32 {
	out := map[string]uint32{"default": 253, "main": 254, "local": 255}
	for _, dir := range dirs {
		more, _ := filepath.Glob(filepath.Join(dir, "rt_tables.d", "*.conf"))
		for _, path := range append([]string{filepath.Join(dir, "rt_tables")}, more...) {
			readTables(path, out)
		}
	}
	return out
}

func readTables(path string, out map[string]uint32) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		line, _, _ := strings.Cut(sc.Text(), "#")
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		if _, known := out[words[1]]; known {
			continue
		}
		if id, err := strconv.ParseUint(words[0], 0, 32); err == nil {
			out[words[1]] = uint32(id)
		}
	}
}
