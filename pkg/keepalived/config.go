package keepalived

import (
	"net/netip"
	"slices"
	"time"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// Config is a checked configuration. It is not changed once [Parse] has
// returned it; every reference in it (track names, group members) resolves.
type Config struct {
	Path  string   // the file that was asked for, as shown in messages
	Files []string // every file that was read, as paths inside the fs.FS; a reload watches these
	// Globs are the patterns of include lines, as paths inside the fs.FS: a
	// new file that matches one is part of the configuration.
	Globs  []string
	Compat bool // Options.Compat

	opened []opening // where lines of definitions came out

	Global     Global
	Instances  []*Instance // in the order of the file
	Groups     []*SyncGroup
	Scripts    []*Script // vrrp_script and vrrp_probe, one namespace
	Processes  []*Process
	TrackFiles []*TrackFile

	StaticAddresses []Address
	StaticRoutes    []Route
	StaticRules     []Rule
	TrackGroups     []TrackGroup
	GarpGroups      []GarpGroup
	InterfaceDelays []InterfaceDelay
}

// Instance returns the instance called name, or nil.
func (c *Config) Instance(name string) *Instance {
	for _, v := range c.Instances {
		if v.Name == name {
			return v
		}
	}
	return nil
}

// Script returns the vrrp_script or vrrp_probe called name, or nil.
func (c *Config) Script(name string) *Script {
	for _, s := range c.Scripts {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Process returns the vrrp_track_process called name, or nil.
func (c *Config) Process(name string) *Process {
	for _, p := range c.Processes {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// TrackFile returns the track_file called name, or nil.
func (c *Config) TrackFile(name string) *TrackFile {
	for _, f := range c.TrackFiles {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// UsesTrackGroup reports whether a static address, route or rule names a
// track_group.
func (c *Config) UsesTrackGroup(name string) bool {
	return slices.ContainsFunc(c.StaticAddresses, func(a Address) bool { return a.TrackGroup == name }) ||
		slices.ContainsFunc(c.StaticRoutes, func(r Route) bool { return r.TrackGroup == name }) ||
		slices.ContainsFunc(c.StaticRules, func(r Rule) bool { return r.TrackGroup == name })
}

// Global holds the values of global_defs and of the words that stand outside
// any block.
type Global struct {
	RouterID         string // default: the host's name
	DefaultInterface string // for addresses without dev outside an instance; default eth0
	MulticastGroup4  netip.Addr
	MulticastGroup6  netip.Addr
	HTTPListen       string // host:port of /metrics, /healthz and /api/v1/status; "" is off
	HelloPort        uint16 // UDP port of the hello between two vipd; default 3112

	Version           uint8 // of instances that say nothing: 2 or 3
	Garp              Garp  // of instances that say nothing
	GarpInterval      time.Duration
	GNAInterval       time.Duration
	SkipCheckAdvAddr  bool
	Strict            bool
	CheckUnicastSrc   bool // default true; keepalived: false
	LowerPrioNoAdvert bool
	HigherPrioAdvert  bool
	DownTimerAdverts  int // default 3
	StartupDelay      time.Duration
	NotifyPriority    bool // priority changes go to the FIFO too
	StatesOnReload    bool // fifo_write_vrrp_states_on_reload
	DynamicInterfaces bool
	AllowIfChanges    bool

	ScriptUser     User // zero: keepalived_script if it exists
	ScriptSecurity bool
	NotifyFIFO     FIFO // events of every kind
	VRRPNotifyFIFO FIFO

	Process ProcessOptions
	Umask   int // -1: not given

	scriptUserPos diag.Pos
}

// ProcessOptions says how the daemon asks to be scheduled.
type ProcessOptions struct {
	Priority    int  // nice value, -20 to 19
	HasPriority bool // vrrp_priority was given
	RTPriority  int  // SCHED_RR priority, 1 to 99; 0: none
	NoSwap      bool
}

// FIFO is a named pipe for events and the script that reads it. The script
// gets the pipe's path as its last argument.
type FIFO struct {
	Path   string
	User   User
	Script *Command
	Pos    diag.Pos
}

// User names the user and group that something runs as. Group is "" for the
// user's own.
type User struct {
	Name, Group string
}

// TrackGroup is a track_group: the instances that fall into FAULT when a
// static address, route or rule of the group goes away for good.
type TrackGroup struct {
	Name      string
	Instances []string
	Pos       diag.Pos
}

// GarpGroup is a garp_group: the pause between announcements over a set of
// interfaces.
type GarpGroup struct {
	Interfaces   []string
	GarpInterval time.Duration
	GNAInterval  time.Duration
	Pos          diag.Pos

	places []diag.Pos // of the interfaces
}

// InterfaceDelay is one line of interface_up_down_delays: how long a change
// of an interface must last before it counts.
type InterfaceDelay struct {
	Interface string
	Down, Up  time.Duration
	Pos       diag.Pos
}
