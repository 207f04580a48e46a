package geodns

import (
	"context"
	"time"

	"github.com/geodns-vipd/geodns/internal/geodb"
	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// Status is what GET /api/v1/status prints and `geodns status` shows.
type Status struct {
	statusHead
	Sites []SiteStatus `json:"sites"`
	statusTail
}

// statusHead is what stands before the sites, of which there may be tens of
// thousands.
type statusHead struct {
	Version   string           `json:"version"`
	StartedAt time.Time        `json:"started_at"`
	Listen    []string         `json:"listen"`
	Config    reloadResult     `json:"config"`
	Databases []DatabaseStatus `json:"databases"`
	Zones     []ZoneStatus     `json:"zones"`
	State     StateStatus      `json:"state"`
}

// statusTail is what stands after them.
type statusTail struct {
	Overrides   []OverrideStatus   `json:"overrides"`
	Transitions []TransitionStatus `json:"transitions"` // the last ones, newest first
	Top         []TopStatus        `json:"top"`         // who asked most in the last full minute
}

// DatabaseStatus describes a geo database.
type DatabaseStatus struct {
	geodb.Info
	AgeDays int `json:"age_days"`
}

// ZoneStatus describes a zone.
type ZoneStatus struct {
	Name    string `json:"name"`
	Serial  uint32 `json:"serial"`
	Records int    `json:"records"`
	Steered int    `json:"steered"` // names with a STEER record
}

// SiteStatus is the state of a site. It is up if one of its addresses is.
type SiteStatus struct {
	Name      string          `json:"name"`
	Up        bool            `json:"up"`
	Since     *time.Time      `json:"since"` // null if nothing was checked
	Forced    string          `json:"forced"`
	Location  *[2]float64     `json:"location"` // latitude and longitude in degrees; null if not given
	Share     float64         `json:"share"`    // part of its clients that it may have, 0 to 1
	Keeps     float64         `json:"keeps"`    // part of those that it keeps for want of capacity, 0 to 1; counted in Share
	Capacity  float64         `json:"capacity"` // 0: no bound
	Load      *float64        `json:"load"`     // as last reported; null if that is not fresh
	KeptBy    []string        `json:"kept_by"`  // policies whose guards keep it in although its checks fail
	Addresses []AddressStatus `json:"addresses"`
}

// AddressStatus is the state of an address. It is up if all its checks are.
type AddressStatus struct {
	Address   string        `json:"address"`
	Up        bool          `json:"up"`
	Since     *time.Time    `json:"since"`
	Forced    string        `json:"forced"`
	Share     float64       `json:"share"`
	Held      bool          `json:"held"`       // recovered, and held back by fail_back
	HeldUntil *time.Time    `json:"held_until"` // null if an operator must let it in
	LastError string        `json:"last_error"` // of the check that failed last; "" if none ever did
	Checks    []CheckStatus `json:"checks"`
}

// CheckStatus is the state of a check of an address.
type CheckStatus struct {
	Check       string     `json:"check"`
	State       string     `json:"state"` // up, down or unknown
	Since       *time.Time `json:"since"`
	LastError   string     `json:"last_error"`
	LastErrorAt *time.Time `json:"last_error_at"`
	LastAt      *time.Time `json:"last_at"` // when the last probe ended
	LatencyMS   float64    `json:"latency_ms"`
	RecentMS    recent     `json:"recent_ms"` // of the last probes, oldest first; null for one that failed
	Passes      uint64     `json:"passes"`
	Fails       uint64     `json:"fails"`
	NoVerdicts  uint64     `json:"no_verdicts"` // faults of our own
	Warning     string     `json:"warning"`     // what will fail soon, such as a certificate
	Load        *float64   `json:"load"`        // that the target reported last

	Calculated string         `json:"calculated"` // how it comes from other checks, such as 2 of a, b, c; "" if it is probed
	Needed     int            `json:"needed"`     // how many of its own members must be up; 0 of one that is probed, and of not: none may be up
	Members    []MemberStatus `json:"members"`    // checks that it is calculated from, also those from which these are
}

// MemberStatus is the state of a check from which another one is calculated.
type MemberStatus struct {
	Check      string     `json:"check"`
	Of         string     `json:"of"`    // the calculated check
	State      string     `json:"state"` // up, down or unknown
	Since      *time.Time `json:"since"`
	LastError  string     `json:"last_error"`
	LatencyMS  float64    `json:"latency_ms"`
	Calculated string     `json:"calculated"` // as in CheckStatus
}

// statusHead collects what stands before the sites.
func (s *Server) statusHead(l *live) statusHead {
	out := statusHead{Version: s.Version, StartedAt: s.started, Listen: s.listening}
	s.mu.Lock()
	out.Config = s.reload
	s.mu.Unlock()
	for _, src := range l.Databases {
		out.Databases = append(out.Databases, DatabaseStatus{geodb.Describe(src), int(time.Since(src.Built).Hours() / 24)})
	}
	for _, z := range l.Zones {
		out.Zones = append(out.Zones, ZoneStatus{z.Origin.String(), z.Serial, z.Records, len(z.Steers)})
	}
	out.State = s.keeper.status()
	return out
}

// statusTail collects what stands after them.
func (s *Server) statusTail(ctx context.Context) statusTail {
	out := statusTail{Overrides: []OverrideStatus{}, Top: s.handler.top(time.Now())}
	s.checker.do(ctx, func(context.Context) {
		now := time.Now()
		for _, p := range s.checker.board.Overrides() {
			out.Overrides = append(out.Overrides, overrideStatus(p, now))
		}
		out.Transitions = s.checker.last.status(now)
	})
	return out
}

// siteStatus reads the board; it must run in the board's goroutine.
func siteStatus(site *policy.Site, b *health.Board, now time.Time) SiteStatus {
	o := b.Limit(health.Target{Site: site.Name}, now)
	st := SiteStatus{Name: site.Name, Forced: o.Forced.String(), Share: part(o.Share), KeptBy: append([]string{}, b.KeptBy(site.Name)...), Capacity: b.Rules(site.Name).Capacity}
	load, fresh, keeps := b.Load(site.Name, now)
	st.Keeps = part(keeps)
	if st.Share = part(health.Entry{Share: o.Share, Spill: health.FullShare - keeps}.Keeps()); fresh {
		st.Load = &load
	}
	if site.Location != nil {
		st.Location = &[2]float64{site.Location.Lat, site.Location.Lon}
	}
	for _, a := range site.Addrs {
		st.Addresses = append(st.Addresses, addressStatus(b, health.Subject{Site: site.Name, Addr: a.Addr, Checks: site.Checks}, now))
	}
	if len(site.Addrs) == 0 {
		whole := addressStatus(b, health.Subject{Site: site.Name, Checks: site.Checks}, now)
		whole.Address = "" // records alone: checked as a whole
		st.Addresses = append(st.Addresses, whole)
	}
	st.fold()
	return st
}

// fold sets what a site has from its addresses: up since the first of those
// that are up, or down since the last one went.
func (s *SiteStatus) fold() {
	for _, a := range s.Addresses {
		s.Up = s.Up || a.Up
	}
	for _, a := range s.Addresses {
		if a.Up != s.Up || a.Since == nil {
			continue
		}
		if s.Since == nil || s.Up && a.Since.Before(*s.Since) || !s.Up && a.Since.After(*s.Since) {
			s.Since = a.Since
		}
	}
}

func addressStatus(b *health.Board, subject health.Subject, now time.Time) AddressStatus {
	j := b.Judge(subject)
	o := b.Limit(subject.Target(), now)
	out := AddressStatus{Address: subject.Addr.String(), Up: j.Up, Since: stamp(j.Since), Checks: []CheckStatus{},
		Forced: o.Forced.String(), Share: part(o.Share)}
	out.Share = part(min(o.Share, b.SlowShare(subject.Target(), now)))
	var until time.Time
	out.Held, until = b.Held(subject.Target())
	out.HeldUntil = stampWall(until, now)
	var last time.Time
	for _, check := range subject.Checks {
		t, _ := b.Tracker(health.Key{Site: subject.Site, Addr: subject.Addr, Check: check})
		if t.LastErr != "" && !t.LastErrAt.Before(last) {
			out.LastError, last = t.LastErr, t.LastErrAt
		}
		var load *float64
		if t.Last.HasLoad {
			load = &t.Last.Load
		}
		status := CheckStatus{
			Warning: t.Last.Warning, Load: load,
			Check: check, State: stateName(t), Since: stamp(t.Since),
			LastError: t.LastErr, LastErrorAt: stamp(t.LastErrAt), LastAt: stamp(t.Last.At),
			LatencyMS: float64(t.Last.Latency.Microseconds()) / 1000,
			Passes:    t.Passes, Fails: t.Fails, NoVerdicts: t.NoVerdicts,
		}
		status.addMembers(b, health.Key{Site: subject.Site, Addr: subject.Addr, Check: check})
		out.Checks = append(out.Checks, status)
	}
	return out
}

// stamp returns a time for JSON: null if it never was.
func stamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.Round(time.Millisecond)
	return &t
}
