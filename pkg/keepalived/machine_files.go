package keepalived

import (
	"strings"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// File is a file with a secret.
type File struct {
	Exists   bool
	Readable bool // to others than its owner
}

// NumberFile is the file of a track_file.
type NumberFile struct {
	Exists bool
	Dir    bool
	Odd    bool // neither a regular file nor a folder: a pipe, a device
	Opens  bool // it can be read
	Number bool // it holds a number; see [FileNumber]
	Folder bool // the folder that it is, or would be, in exists
}

// secrets checks the files with tokens and keys.
func (m *machine) secrets() {
	for _, s := range m.cfg.secretFiles() {
		f, known := m.facts.Files[s.path]
		switch {
		case !known:
		case !f.Exists && s.what == "key": // ReadKeys tells
		case !f.Exists:
			m.diags.Errorf(s.pos, "the file with the "+s.what, "there is no file %s", s.path)
		case f.Readable:
			m.diags.Warnf(s.pos, "chmod 600 "+s.path, "everybody on this machine can read %s", s.path)
		}
	}
}

type secretFile struct {
	path, what string
	pos        diag.Pos
}

func (c *Config) secretFiles() []secretFile {
	var out []secretFile
	for _, v := range c.Instances {
		for _, f := range v.FloatingIPs {
			if f.TokenFile != "" {
				out = append(out, secretFile{f.TokenFile, "token", f.Pos})
			}
		}
		if v.Auth.HMAC == nil {
			continue
		}
		for _, k := range v.Auth.HMAC.Keys {
			if k.File != "" {
				out = append(out, secretFile{k.File, "key", k.Pos})
			}
		}
	}
	return out
}

// SecretFiles returns the paths of token and key files.
func (c *Config) SecretFiles() []string {
	var out []string
	for _, s := range c.secretFiles() {
		out = append(out, s.path)
	}
	return out
}

// NumberFiles returns the paths of the files of track_file.
func (c *Config) NumberFiles() []string {
	var out []string
	for _, f := range c.TrackFiles {
		if f.Path != "" {
			out = append(out, f.Path)
		}
	}
	return out
}

// trackFiles checks the files of track_file. keepalived says nothing of them.
func (m *machine) trackFiles() {
	for _, f := range m.cfg.TrackFiles {
		n, asked := m.facts.Numbers[f.Path]
		if !asked || f.Path == "" {
			continue
		}
		if f.Init && !n.Folder && !n.Exists {
			m.diags.Warnf(f.pathPos, "a path in a folder that exists", "init_file of track_file %s cannot write %s: it counts as 0", f.Name, f.Path)
			continue
		}
		if f.Init && (f.Overwrite || !n.Exists) && !n.Dir && !n.Odd {
			continue // written at the start
		}
		what, right := n.unfit(f.Path)
		if what != "" {
			m.diags.Warnf(f.pathPos, right, "%s for track_file %s: it counts as 0 until that changes", what, f.Name)
		}
	}
}

// unfit says why no number can be read from a file, and what would be right;
// "" if one can.
func (n NumberFile) unfit(path string) (what, right string) {
	switch {
	case n.Dir:
		return path + " is a directory", "the path of a file"
	case !n.Exists && !strings.HasPrefix(path, "/"):
		return "there is no file " + path, "an absolute path"
	case !n.Exists:
		return "there is no file " + path, "a path that exists, or init_file"
	case n.Odd:
		return path + " is no regular file", "a file with a number in it"
	case !n.Opens:
		return path + " cannot be read", "a file that vipd may read"
	case !n.Number:
		return path + " holds no number", "a whole number in its first line"
	}
	return "", ""
}
