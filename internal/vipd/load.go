package vipd

import (
	"io"
	"os"
	"path/filepath"

	"github.com/geodns-vipd/geodns/internal/machine"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
)

// DefaultConfigFiles are looked for in this order where no file is named.
var DefaultConfigFiles = []string{"/etc/vipd/vipd.conf", "/etc/keepalived/keepalived.conf"}

// DefaultFile returns the first of [DefaultConfigFiles] that exists, or the
// first of all.
func DefaultFile() string {
	for _, path := range DefaultConfigFiles {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return DefaultConfigFiles[0]
}

// LoadOptions say how a file is read.
type LoadOptions struct {
	// Compat takes keepalived's effect for what it would drop, instead of an
	// error.
	Compat bool
	// ConfigID is what @conditions compare with; "" is the host's name.
	ConfigID string
	// NoMachine leaves out the checks that need the machine that is to run it.
	NoMachine bool
	// Seed is for ${_RANDOM}.
	Seed uint64
}

// LoadConfig reads a file and all that it includes, and checks it: the text,
// what vipd carries out, and unless told otherwise this machine. The
// configuration must not be run if the findings hold an error.
func LoadConfig(path string, opt LoadOptions) (*keepalived.Config, diag.List) {
	abs, err := filepath.Abs(path)
	if err != nil {
		var l diag.List
		l.Errorf(diag.Pos{File: path}, "", "%v", err)
		return &keepalived.Config{}, l
	}
	host, _ := os.Hostname()
	cfg, list := keepalived.Parse(os.DirFS("/"), abs, keepalived.Options{
		Display: path, ConfigID: opt.ConfigID, Hostname: host, Env: os.LookupEnv, Seed: opt.Seed, Compat: opt.Compat,
	})
	list = append(list, unserved(cfg)...)
	if !opt.NoMachine {
		list = append(list, cfg.ReadKeys(readKey)...)
		facts, err := facts(cfg)
		if err != nil {
			list.Warnf(diag.Pos{File: path}, "", "this machine's interfaces are not known: %v", err)
		} else {
			list = append(list, keepalived.CheckMachine(cfg, facts)...)
		}
	}
	list.Sort()
	return cfg, list
}

// readKey reads a file with a key, and no more of it than a key needs.
func readKey(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 1024))
}

// facts asks the machine all that [keepalived.CheckMachine] wants to know.
func facts(cfg *keepalived.Config) (keepalived.Facts, error) {
	f := machine.Ask(cfg)
	var err error
	f.Interfaces, err = interfaces()
	return f, err
}
