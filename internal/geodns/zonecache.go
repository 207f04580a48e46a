package geodns

import (
	"path/filepath"
	"slices"

	"github.com/geodns-vipd/geodns/internal/filestamp"
	"github.com/geodns-vipd/geodns/pkg/answer"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// zoneCache keeps zones from one load to the next, so that a reload costs what
// changed and no more.
type zoneCache map[zoneKey]*cachedZone

type zoneKey struct {
	origin dnswire.Name
	root   string
	path   string
}

// cachedZone is a zone without errors, what its files were when it was read,
// and what became of its STEER records.
type cachedZone struct {
	zone     *zone.Zone
	findings diag.List
	copies   []filestamp.Copy
	texts    []*zone.Steer // the first record with each text

	bound         *answer.Zone
	boundTo       *generation // in which bound was made; nil if it held errors
	boundFindings diag.List
}

// unchanged reports whether all files of the zone are what was read.
func (c *cachedZone) unchanged() bool {
	for i := range c.copies {
		if !c.copies[i].Unchanged() {
			return false
		}
	}
	return true
}

// zoneLoad is what came of one zone file.
type zoneLoad struct {
	*cachedZone              // nil if the zone holds errors
	steers      []zone.Steer // of a zone with errors
	fresh       bool         // read in this load
}

// loadZone returns the zone of a file, from memory if no file of it changed.
func (c zoneCache) loadZone(f zoneFile, list *diag.List) zoneLoad {
	key := zoneKey{f.origin, f.root, f.path}
	if known := c[key]; known != nil && known.unchanged() {
		*list = append(*list, known.findings...)
		return zoneLoad{cachedZone: known}
	}
	delete(c, key)
	fsys := &filestamp.FS{Root: f.root}
	var steers []zone.Steer
	z, findings := zone.Load(fsys, f.path, f.origin, zone.Options{Display: f.display(), Steers: &steers})
	*list = append(*list, findings...)
	if z == nil {
		return zoneLoad{steers: steers, fresh: true}
	}
	next := &cachedZone{zone: z, findings: findings, copies: fsys.Copies, texts: firstOfEach(z.Steers)}
	c[key] = next
	return zoneLoad{cachedZone: next, fresh: true}
}

// firstOfEach returns the first record with each text.
func firstOfEach(steers []zone.Steer) (out []*zone.Steer) {
	seen := make(map[string]bool)
	for i := range steers {
		if s := &steers[i]; !seen[s.Text] {
			seen[s.Text] = true
			out = append(out, s)
		}
	}
	return out
}

// retain drops what is none of the given files any more.
func (c zoneCache) retain(files []zoneFile) {
	keep := make(map[zoneKey]bool, len(files))
	for _, f := range files {
		keep[zoneKey{f.origin, f.root, f.path}] = true
	}
	for key := range c {
		if !keep[key] {
			delete(c, key)
		}
	}
}

// unchanged reports whether every file of every zone is what was read.
func (c zoneCache) unchanged() bool {
	for _, z := range c {
		if !z.unchanged() {
			return false
		}
	}
	return true
}

// loadZones reads every zone that changed, noting the mistakes of all. It
// returns the zones that are good, and the STEER records of those that are not.
func (l *loader) loadZones(files []zoneFile, out *Loaded, list *diag.List) (good []*cachedZone, broken []zone.Steer) {
	if l.zones == nil {
		l.zones = zoneCache{}
	}
	l.zones.retain(files)
	watched := make(map[string]bool, 2*len(files))
	for _, path := range out.Watched {
		watched[path] = true
	}
	for _, f := range files {
		got := l.zones.loadZone(f, list)
		if got.fresh {
			out.fresh++
		}
		if got.cachedZone == nil {
			broken = append(broken, got.steers...)
			continue
		}
		good = append(good, got.cachedZone)
		out.Zones = append(out.Zones, got.zone)
		for _, file := range got.zone.Files {
			if path := filepath.Join(f.root, file); !watched[path] {
				watched[path] = true
				out.Watched = append(out.Watched, path)
			}
		}
	}
	return slices.Clip(good), broken
}
