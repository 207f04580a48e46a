package zone

import (
	"io/fs"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// Options are bounds on what Load reads, and how it names files. The zero value
// is fit for use.
type Options struct {
	// Display is the path of the zone file as shown in messages; empty means the
	// path itself. Included files are shown beside it.
	Display string
	// MaxRecords bounds the records of a zone; 0 means 20 million. Raising it
	// costs some 200 bytes of memory for each.
	MaxRecords int
	// MaxBytes bounds the size of all files together; 0 means 1 GiB.
	MaxBytes int64
	// MaxFindings bounds the list of mistakes; 0 means 1000.
	MaxFindings int
}

// Load reads the master file at path in fsys as the zone of the given origin.
func Load(fsys fs.FS, path string, origin dnswire.Name, opt Options) (*Zone, diag.List) {
	panic("zone: not there yet")
}
