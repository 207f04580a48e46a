package keepalived

import (
	"bytes"
	"strconv"
	"time"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// Tracks lists what an instance or a group depends on.
type Tracks struct {
	Interfaces []Track
	Scripts    []Track // names of vrrp_script and vrrp_probe
	Processes  []Track
	Files      []Track
}

// Len returns the number of tracked things.
func (t *Tracks) Len() int {
	return len(t.Interfaces) + len(t.Scripts) + len(t.Processes) + len(t.Files)
}

// Track is one tracked thing. With weight 0 its failure is a FAULT. A
// positive weight is added to the priority while it is up, a negative one
// while it is down; Reverse exchanges up and down.
type Track struct {
	Name    string
	Weight  int // of the line, else of the thing itself
	Reverse bool
	Pos     diag.Pos

	weightSet bool
	file      bool // filled in by Tracks.all: a number, not a success
}

// Script is a vrrp_script or a vrrp_probe: something that is tried again and
// again and passes or fails.
type Script struct {
	Name     string
	Command  *Command // nil for a probe
	Probe    Probe    // zero for a script
	Interval time.Duration
	Timeout  time.Duration // default Interval
	Rise     int           // successes in a row before up, default 1
	Fall     int           // failures in a row before down, default 1
	Weight   int
	Reverse  bool
	InitFail bool // starts as failed, not as unknown
	Pos      diag.Pos

	end     diag.Pos // of its block
	refused bool     // it runs nothing, which has been told
	own     bool     // a vrrp_probe, which keepalived does not have
}

// ProbeKind is what a vrrp_probe does.
type ProbeKind uint8

const (
	ProbeNone ProbeKind = iota // a vrrp_script, or nothing yet
	ProbeTCP                   // connects
	ProbeHTTP                  // GETs a URL and wants a status of 200 to 399
)

// Probe is a built-in probe.
type Probe struct {
	Kind   ProbeKind
	Target string // host:port for tcp, a URL for http
}

// Process is a vrrp_track_process.
type Process struct {
	Name           string
	Args           []string // the command and, if ParamMatch, its parameters
	ParamMatch     string   // "", exact, partial or initial
	FullCommand    bool
	Quorum         int // default 1
	QuorumMax      int // -1: no limit
	ForkDelay      time.Duration
	TerminateDelay time.Duration
	Weight         int // default 1
	Reverse        bool
	Pos            diag.Pos
}

// TrackFile is a track_file: a number in a file, times a weight.
type TrackFile struct {
	Name      string
	Path      string
	Weight    int // default 1
	Reverse   bool
	Init      bool // write InitValue at start
	InitValue int
	Overwrite bool // even if the file exists
	Pos       diag.Pos

	pathPos diag.Pos
}

// FileNumber returns the number that the file of a track_file holds in its
// first line. ok is false if that is no whole number of 32 bits.
func FileNumber(data []byte) (n int, ok bool) {
	line, _, _ := bytes.Cut(bytes.TrimSpace(data), []byte("\n"))
	v, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 32)
	return int(v), err == nil
}

// Command is a program and its arguments, never a shell line.
type Command struct {
	Argv []string // Argv[0] is the program as written: a path, or a name to look up in PATH
	User User     // zero: Global.ScriptUser
	Pos  diag.Pos // of the program

	userPos diag.Pos // of the user, where it has a line of its own
}
