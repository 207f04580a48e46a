// Package geodb reads geo databases into memory as sources for package geo:
// MMDB files in MaxMind's layout or in the flat layouts of others, and the
// coarse country table that is built in.
//
// It decides nothing about which database wins or what a place is worth; that
// is [geo.Merge] and the policies. The entry points are [Open] and [Builtin].
package geodb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/geodns-vipd/geodns/pkg/geo"
)

// maxFileSize bounds what is read into memory: five times the largest City
// database that is sold.
const maxFileSize = 1 << 30

var (
	errNotMMDB    = errors.New("not an MMDB file: a MaxMind DB (.mmdb) with City, Country or ASN data")
	errCompressed = errors.New("compressed: unpack it first, geodns reads the .mmdb file itself")
)

// Open reads the MMDB file at path. The whole file is read, not mapped: a
// mapped file that somebody truncates would kill the process. Nothing of it is
// kept but the source.
//
// The errors name path and say what would be right.
func Open(path string) (*geo.Source, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err // names the path already
	}
	src, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	src.Name = path
	return src, nil
}

func readFile(path string) ([]byte, error) {
	// Looked at before it is opened: opening a pipe would wait for a writer.
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s: a folder: name the .mmdb file in it", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: not a regular file", path)
	case info.Size() > maxFileSize:
		return nil, fmt.Errorf("%s: %d MiB: more than %d are not read", path, info.Size()>>20, maxFileSize>>20)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// The file may be growing: what was there when asked is read, and no more.
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("%s: changed while it was read: %w", path, err)
	}
	return data, nil
}

// isCompressed recognises the forms in which databases are offered for
// download: gzip (also .tar.gz), zip, xz, zstd and bzip2.
func isCompressed(data []byte) bool {
	for _, magic := range []string{"\x1f\x8b", "PK\x03\x04", "\xfd7zXZ\x00", "\x28\xb5\x2f\xfd", "BZh"} {
		if bytes.HasPrefix(data, []byte(magic)) {
			return true
		}
	}
	return false
}

// Info describes a loaded database for people and metrics.
type Info struct {
	Path   string    `json:"path"`            // or "builtin"
	Type   string    `json:"type"`            // what the database calls itself
	Built  time.Time `json:"built,omitzero"`  // when its data were put together
	Fields string    `json:"fields"`          // "continent, country, …"
	IPv4   int       `json:"ipv4_ranges"`     // runs of addresses with one place
	IPv6   int       `json:"ipv6_ranges"`     //
	Places int       `json:"distinct_places"` //
}

// Describe returns the description of src.
func Describe(src *geo.Source) Info {
	v4, v6, places := src.Size()
	return Info{
		Path: src.Name, Type: src.Type, Built: src.Built, Fields: src.Fields.String(),
		IPv4: v4, IPv6: v6, Places: places,
	}
}
