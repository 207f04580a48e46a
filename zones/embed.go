// Package zones carries the example configuration that `geodns demo` runs:
// the files of this folder, as they stand.
package zones

import "embed"

// Files holds the zone files and steering.yaml of the example.
//
//go:embed *.zone *.yaml
var Files embed.FS
