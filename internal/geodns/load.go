// Package geodns is the runtime of the daemon: it loads the files, runs the
// checks, swaps states on reload, and joins the parts that answer.
//
// It decides neither what is answered (pkg/answer, pkg/policy) nor what is up
// (pkg/health), and does no I/O that an adapter owns. The entry points are
// [Load] and [Server.Run].
package geodns

import (
	"crypto/sha256"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/pkg/answer"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/policy"
	"github.com/geodns-vipd/geodns/pkg/steering"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// Loaded is everything that the files say, checked and compiled. It is
// immutable.
type Loaded struct {
	Config    config.Geodns
	Zones     []*zone.Zone
	Steering  *steering.Config
	Sites     *policy.Sites
	Databases []*geo.Source
	Index     *geo.Index // of all databases together
	Watched   []string   // files and folders whose change calls for a reload

	bound     []*answer.Zone // in the order of Zones
	targets   []target
	guards    []health.Guard
	followers followers                                  // who takes the clients of a site
	failover  func(*zone.Steer, *policy.Policy) Failover // of one record; for one goroutine
	fresh     int                                        // zones that were read, not kept from the load before
}

// Load reads and checks all files of a configuration. The result is nil if
// the findings hold an error.
func Load(cfg config.Geodns) (*Loaded, diag.List) { return new(loader).load(cfg) }

// LoadChecked is Load of a configuration that has findings of its own. If one of
// them is an error, the mistakes in the files are told beside it.
func LoadChecked(cfg config.Geodns, list diag.List) (*Loaded, diag.List) {
	return new(loader).loadChecked(cfg, list)
}

func (l *loader) loadChecked(cfg config.Geodns, list diag.List) (*Loaded, diag.List) {
	if !list.HasErrors() {
		loaded, more := l.load(cfg)
		return loaded, append(list, more...)
	}
	if len(cfg.Folders) == 0 && len(cfg.ZoneFiles) == 0 {
		return nil, list
	}
	_, more := l.load(cfg)
	for _, d := range more {
		// A file or folder that is not there may just be named by a setting that
		// is wrong.
		if d.Pos.Line > 0 {
			list = append(list, d)
		}
	}
	return nil, list
}

// loader loads again and again, and keeps what did not change: databases,
// zones, and what the steering files made of both.
type loader struct {
	databases databases
	zones     zoneCache
	steering  []fileSum                                      // of the last attempt
	gen       *generation                                    // nil before the first good one
	edit      func([]steering.File) ([]steering.File, error) // changes what was read; nil: nothing

	mu      sync.Mutex
	watched []string // of the last attempt
}

// lastWatched returns the files and folders of the last attempt, good or not:
// a mistake in any of them may be mended there.
func (l *loader) lastWatched() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.watched
}

// fileSum is what a file was when it was read. Its text itself would cost
// megabytes where there are tens of thousands of sites.
type fileSum struct {
	name string
	sum  [sha256.Size]byte
}

func sumsOf(files []steering.File) []fileSum {
	out := make([]fileSum, len(files))
	for i, f := range files {
		out[i] = fileSum{f.Name, sha256.Sum256(f.Data)}
	}
	return out
}

func (l *loader) load(cfg config.Geodns) (*Loaded, diag.List) {
	inv, list := takeInventory(cfg)
	out := &Loaded{Config: cfg, Watched: inv.watched}
	if cfg.File != "" {
		out.Watched = append(out.Watched, cfg.File)
	}
	index := l.openDatabases(cfg, out, &list)
	out.Index = index
	if l.edit != nil {
		edited, err := l.edit(inv.steering)
		if err != nil {
			list.Errorf(diag.Pos{}, "", "%v", err)
			return nil, list
		}
		inv.steering = edited
	}
	l.steering = sumsOf(inv.steering)
	g := l.generation(inv.steering, l.steering, index)
	list = append(list, g.findings...)
	out.Steering, out.Sites, out.targets = g.config, g.sites, g.targets
	zones, broken := l.loadZones(inv.zones, out, &list)
	for _, z := range zones {
		out.bound = append(out.bound, g.bind(z, &list))
	}
	for i := range broken {
		g.compile(&broken[i], &list)
	}
	if !list.HasErrors() {
		// A zone that could not be read would leave its policies unused.
		list = append(list, g.review()...)
	}
	g.finish()
	if g.compiler != nil {
		out.guards = guardsOf(g.compiler.Guards(), g.sites)
		if hasCapacity(g.config.Rules()) {
			out.followers = followersOf(g.compiler, g.sites)
		}
	}
	out.failover = g.failover
	list.Sort()
	l.mu.Lock()
	l.watched = out.Watched
	l.mu.Unlock()
	if list.HasErrors() {
		return nil, list
	}
	return out, list
}

// unchanged reports whether what was read last is still what the files hold.
func (l *loader) unchanged() bool {
	for _, f := range l.steering {
		if data, err := os.ReadFile(f.name); err != nil || sha256.Sum256(data) != f.sum {
			return false
		}
	}
	return l.zones.unchanged() && l.databases.unchanged()
}

// openDatabases opens the geo databases and warns when the embedded one is
// old.
func (l *loader) openDatabases(cfg config.Geodns, out *Loaded, list *diag.List) *geo.Index {
	var findings diag.List
	index, sources := l.databases.open(cfg.Databases, databaseAt(cfg), &findings)
	*list = append(*list, findings...)
	out.Databases = sources
	for _, name := range cfg.Databases {
		if name != "builtin" {
			out.Watched = append(out.Watched, name)
		}
	}
	for i, src := range sources {
		if age := time.Since(src.Built); src.Name == "builtin" && age > builtinMaxAge {
			list.Warnf(databaseAt(cfg)(i), "set geo.database to a newer one, or update geodns",
				"the builtin geo database is %d days old", int(age.Hours()/24))
		}
	}
	return index
}

// State returns a new state that answers from what was loaded, with all
// health unknown.
func (l *Loaded) State(cookies answer.Cookies) *answer.State {
	st := &answer.State{
		Zones:   zone.NewSet(l.Zones),
		Bound:   l.bound,
		Cookies: cookies,
		Version: l.Config.Version,
		UDPSize: uint16(l.Config.Limits.UDPSize),
		TCPIdle: uint16(min(l.Config.Limits.TCPIdle/(100*time.Millisecond), 65535)),

		ReportAgent: l.Config.ReportAgent,
		ExplainTo:   l.Config.ExplainTo,
	}
	if l.Config.NSID != "" {
		st.NSID = []byte(l.Config.NSID)
	}
	st.Health.Store(health.NewSnapshot(l.Sites.Numbers()))
	return st
}

// Summary says in one line what was loaded.
func (l *Loaded) Summary() string {
	records, steered := 0, 0
	for _, z := range l.Zones {
		records += z.Records
		steered += len(z.Steers)
	}
	return fmt.Sprintf("ok: %d zones with %d records, %d steered names, %d sites, %d targets to probe",
		len(l.Zones), records, steered, l.Sites.Len(), len(l.targets))
}
