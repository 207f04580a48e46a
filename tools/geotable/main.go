// Command geotable makes the tables that ship inside geodns out of public
// data: the built-in country database, the middles of the countries and the map
// of the status page. It is run by hand when the data are renewed; README.md says how.
//
//	geotable builtin -o builtin.bin -name TEXT [-built DATE] FILE…
//	geotable middles -o middles.go countries-10m.json
//	geotable worldmap -o world.svg -name TEXT countries-110m.json
package main

import (
	"fmt"
	"os"
)

const usage = `usage:
  geotable builtin -o FILE -name TEXT [-built YYYY-MM-DD] FILE…   IPtoASN as .mmdb or .tsv
  geotable middles -o FILE -name TEXT countries-10m.json          Natural Earth as TopoJSON
  geotable worldmap -o FILE -name TEXT countries-110m.json        the same, coarser
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "geotable:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("no command\n%s", usage)
	}
	switch args[0] {
	case "builtin":
		return makeBuiltin(args[1:])
	case "middles":
		return makeMiddles(args[1:])
	case "worldmap":
		return makeWorldMap(args[1:])
	}
	return fmt.Errorf("unknown command %q\n%s", args[0], usage)
}
