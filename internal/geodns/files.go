package geodns

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/steering"
)

// zoneFile is a zone and where its text is.
type zoneFile struct {
	origin dnswire.Name
	root   string // folder that $INCLUDE may not leave
	path   string // within root
	pos    diag.Pos
}

// display is the path of the file as shown to people.
func (f zoneFile) display() string { return filepath.Join(f.root, f.path) }

// inventory is what the configured folders and files hold.
type inventory struct {
	zones    []zoneFile
	steering []steering.File
	watched  []string
}

// takeInventory lists the zones and reads the steering files. Files that begin
// with a dot are left alone: editors, ConfigMaps and package managers make them.
func takeInventory(cfg config.Geodns) (inv inventory, list diag.List) {
	folders := slices.Clone(cfg.Folders)
	for _, folder := range cfg.Folders {
		inv.folder(folder, &list)
	}
	for _, z := range cfg.ZoneFiles {
		origin, err := dnswire.ParseName(z.Name)
		if err != nil {
			list.Errorf(diag.Pos{File: cfg.File}, "a domain name", "zone %q: %v", z.Name, err)
			continue
		}
		root, name := filepath.Split(z.File)
		root = filepath.Clean(root)
		inv.zones = append(inv.zones, zoneFile{origin, root, name, diag.Pos{File: z.File}})
		inv.watched = append(inv.watched, z.File)
		if !contains(folders, root) {
			folders = append(folders, root)
		}
	}
	for _, folder := range folders {
		inv.steeringOf(folder, cfg.File, &list)
	}
	inv.twice(&list)
	if len(inv.zones) == 0 && !list.HasErrors() {
		list.Errorf(diag.Pos{File: strings.Join(folders, ", ")}, "a file named after its zone, such as example.com.zone", "no zone file here")
	}
	return inv, list
}

func contains(folders []string, dir string) bool {
	for _, f := range folders {
		if filepath.Clean(f) == dir {
			return true
		}
	}
	return false
}

// folder adds the zones of a folder: each file NAME.zone is the zone NAME.
func (inv *inventory) folder(dir string, list *diag.List) {
	inv.watched = append(inv.watched, dir)
	for _, name := range entries(dir, list) {
		stem, ok := strings.CutSuffix(name, ".zone")
		if !ok {
			continue
		}
		pos := diag.Pos{File: filepath.Join(dir, name)}
		origin, err := dnswire.ParseName(stem)
		if err != nil {
			list.Errorf(pos, "a file named after its zone, such as example.com.zone", "%q is no zone name: %v", stem, err)
			continue
		}
		inv.zones = append(inv.zones, zoneFile{origin, dir, name, pos})
	}
}

// steeringOf reads the *.yaml of a folder; the configuration of the daemon may
// lie among them and is none.
func (inv *inventory) steeringOf(dir, own string, list *diag.List) {
	var unread diag.List // the folder was complained about when its zones were listed
	for _, name := range entries(dir, &unread) {
		path := filepath.Join(dir, name)
		if filepath.Ext(name) != ".yaml" || sameFile(path, own) {
			continue
		}
		inv.watched = append(inv.watched, path)
		data, err := os.ReadFile(path)
		if err != nil {
			list.Errorf(diag.Pos{File: path}, "a file that this user may read", "%v", config.Plain(err))
			continue
		}
		inv.steering = append(inv.steering, steering.File{Name: path, Data: data})
	}
}

// twice notes zones that two files claim.
func (inv *inventory) twice(list *diag.List) {
	first := map[dnswire.Name]zoneFile{}
	for _, z := range inv.zones {
		if f, ok := first[z.origin]; ok {
			list.Errorf(z.pos, "one file for each zone", "zone %s is in %s already", z.origin, f.display())
			continue
		}
		first[z.origin] = z
	}
}

// entries returns the names of the files in dir, in order, without those that
// begin with a dot. Links are followed.
func entries(dir string, list *diag.List) []string {
	all, err := os.ReadDir(dir)
	if err != nil {
		list.Errorf(diag.Pos{File: dir}, "a folder with zone files; see zones in geodns.yaml", "%v", config.Plain(err))
		return nil
	}
	var names []string
	for _, e := range all {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if fi, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && fi.Mode().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names
}

func sameFile(a, b string) bool {
	fa, errA := os.Stat(a)
	fb, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(fa, fb)
}
