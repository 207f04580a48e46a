package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// viperDelimiter separates the parts of a key; the usual dot would cut the
// names of zones apart.
const viperDelimiter = "::"

// envPrefix begins the name of each environment variable that is read. Other
// GEODNS_… variables are left alone, since Kubernetes sets some.
const envPrefix = "GEODNS_"

// AddFlags adds a flag for each key of geodns.yaml to f.
func AddFlags(f *pflag.FlagSet) {
	for _, o := range options {
		switch def := o.def.(type) {
		case []string:
			f.StringSlice(o.flag(), def, o.help)
		case int:
			f.Int(o.flag(), def, o.help)
		case time.Duration:
			f.Duration(o.flag(), def, o.help)
		case string:
			f.String(o.flag(), def, o.help)
		}
	}
}

func (o *option) flag() string { return strings.NewReplacer(".", "-", "_", "-").Replace(o.key) }

func (o *option) env() string {
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(o.key))
}

func (o *option) viper() string { return strings.ReplaceAll(o.key, ".", viperDelimiter) }

// Load reads the configuration file and lays flags (which may be nil)
// and the environment over it: flag before environment before file before
// default. file is empty when none was named; then the first of
// [DefaultConfigFiles] that exists is read, and none is no mistake. Of a file
// that is no YAML nothing is known, and the result is empty.
func Load(file string, flags *pflag.FlagSet) (Geodns, diag.List) {
	file, data, err := readConfig(file)
	if err != nil {
		return Geodns{}, diag.List{{Pos: diag.Pos{File: file}, What: err.Error(),
			Right: "name the configuration file with -c"}}
	}
	parsed, list := parseFile(file, data)
	if parsed == nil {
		return Geodns{}, list
	}
	v := viper.NewWithOptions(viper.KeyDelimiter(viperDelimiter))
	for i := range options {
		o := &options[i]
		v.SetDefault(o.viper(), o.def)
		_ = v.BindEnv(o.viper(), o.env()) // fails only without arguments
		if flags != nil && flags.Lookup(o.flag()) != nil {
			_ = v.BindPFlag(o.viper(), flags.Lookup(o.flag())) // fails only for a nil flag
		}
	}
	// A variable that is set to nothing says "nothing" (admin off).
	v.AllowEmptyEnv(true)
	if err := v.MergeConfigMap(parsed.nested()); err != nil {
		list.Errorf(diag.Pos{File: file}, "", "%v", err)
	}
	c := &converter{file: file, parsed: parsed, v: v, flags: flags, list: list}
	return c.options(), c.list
}

// readConfig returns the name and content of the configuration file; both are
// empty if none was named and none of the default ones exists.
func readConfig(file string) (string, []byte, error) {
	if file != "" {
		data, err := os.ReadFile(file)
		return file, data, Plain(err)
	}
	for _, f := range DefaultConfigFiles {
		data, err := os.ReadFile(f)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, data, Plain(err)
		}
	}
	return "", nil, nil
}

// Plain drops the operation and path that the os package puts before the
// reason, since the place is told beside it.
func Plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// source says where the value of an option comes from, and at which place.
type source struct {
	pos      diag.Pos // file, flag or variable
	fromFile bool
}

// converter turns viper's values into typed options.
type converter struct {
	file   string
	parsed *configFile
	v      *viper.Viper
	flags  *pflag.FlagSet
	list   diag.List
}

func (c *converter) source(key string) source {
	o := findOption(key)
	if c.flags != nil {
		if f := c.flags.Lookup(o.flag()); f != nil && f.Changed {
			return source{pos: diag.Pos{File: "--" + o.flag()}}
		}
	}
	if _, ok := os.LookupEnv(o.env()); ok {
		return source{pos: diag.Pos{File: o.env()}}
	}
	return source{pos: c.parsed.pos(key), fromFile: true}
}

func (c *converter) string(key string) string { return c.v.GetString(findOption(key).viper()) }

// strings returns a list; a single string, as the environment has it, is cut
// at its commas.
func (c *converter) strings(key string) []string {
	switch val := c.v.Get(findOption(key).viper()).(type) {
	case string:
		return splitList(val)
	case []string:
		return val
	case []any:
		out := make([]string, len(val))
		for i, e := range val {
			out[i] = fmt.Sprint(e)
		}
		return out
	}
	return nil
}

func splitList(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// path makes a path of the file relative to the file's folder; paths of flags
// and environment are relative to the working directory already.
func (c *converter) path(key, p string) string {
	if p == "" || filepath.IsAbs(p) || !c.source(key).fromFile || c.file == "" {
		return p
	}
	return filepath.Join(filepath.Dir(c.file), p)
}

// at returns the place of element i of the list under key.
func (c *converter) at(key string, i int) diag.Pos {
	if s := c.source(key); !s.fromFile {
		return s.pos
	}
	return c.parsed.element(key, i)
}
