package vipd

import (
	"context"
	"sync"
	"time"

	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// askLimit is how long a question to an instance may take.
const askLimit = 2 * time.Second

// Status is what `vipd status --json` prints.
type Status struct {
	Version   string           `json:"version"`
	StartedAt time.Time        `json:"started_at"`
	File      string           `json:"file"`
	Config    reloadStatus     `json:"config"`
	Instances []InstanceStatus `json:"instances"`
	Groups    []GroupStatus    `json:"groups,omitempty"`
}

// InstanceStatus is one instance in [Status].
type InstanceStatus struct {
	Name              string           `json:"name"`
	State             string           `json:"state"` // INIT, BACKUP, MASTER or FAULT
	VRID              uint8            `json:"vrid"`
	Version           uint8            `json:"version"`
	Interface         string           `json:"interface"`
	Source            string           `json:"source"`
	Priority          uint8            `json:"priority"`
	EffectivePriority uint8            `json:"effective_priority"`
	PriorityReason    string           `json:"priority_reason"`
	AdvertInterval    float64          `json:"advert_interval"` // seconds
	Master            *string          `json:"master"`
	Since             time.Time        `json:"since"`
	Reason            string           `json:"reason"` // of the last transition
	Fault             string           `json:"fault,omitempty"`
	VIPs              []string         `json:"vips"`
	Tracked           []TrackedStatus  `json:"tracked"`
	Peers             []PeerStatus     `json:"peers"`
	Floating          []FloatingStatus `json:"floating_ips,omitempty"`
	Drained           bool             `json:"drained"`
	Group             string           `json:"sync_group,omitempty"`
	Refused           []RefusedStatus  `json:"refused"`
	LastAlarm         *AlarmStatus     `json:"last_alarm"`
	Hook              string           `json:"hook_running,omitempty"`
}

// TrackedStatus is a tracked thing.
type TrackedStatus struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Up     *bool  `json:"up"` // null: nothing known yet
	Weight int    `json:"weight"`
	Value  int    `json:"value,omitempty"`
	Delta  int    `json:"delta"`
	Fault  bool   `json:"fault,omitempty"`
	Text   string `json:"text,omitempty"`
}

// PeerStatus is another node.
type PeerStatus struct {
	Address    string     `json:"address"`
	Configured bool       `json:"configured"`
	Vipd       bool       `json:"vipd"`
	Priority   uint8      `json:"priority,omitempty"`
	Eligible   bool       `json:"eligible"`
	LastAdvert *time.Time `json:"last_advert"`
	LastHello  *time.Time `json:"last_hello"`
}

// FloatingStatus is a floating address.
type FloatingStatus struct {
	Address   string     `json:"address"`
	Provider  string     `json:"provider"`
	Wanted    bool       `json:"wanted"`
	Where     string     `json:"where"` // here, elsewhere or unknown
	Holder    string     `json:"holder,omitempty"`
	Contested bool       `json:"contested,omitempty"`
	Claims    uint64     `json:"claims"`
	At        *time.Time `json:"at"`
	Next      *time.Time `json:"next,omitempty"` // the next look or claim
	Error     string     `json:"error,omitempty"`
}

// RefusedStatus is a node that is not believed.
type RefusedStatus struct {
	From   string    `json:"from"`
	Reason string    `json:"reason"`
	Hint   string    `json:"hint,omitempty"`
	Count  int       `json:"count"`
	Last   time.Time `json:"last"`
}

// AlarmStatus is an alarm.
type AlarmStatus struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
	Text string    `json:"text"`
}

// GroupStatus is a sync group.
type GroupStatus struct {
	Name    string   `json:"name"`
	State   string   `json:"state"`
	Members []string `json:"members"`
}

// Status asks every instance how it is. One that does not answer is shown by
// its last known state.
func (d *Daemon) Status(ctx context.Context) Status {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	d.mu.RLock()
	st := Status{Version: d.Version, StartedAt: d.started, File: d.File, Config: d.reloaded}
	cfg := d.cfg
	d.mu.RUnlock()
	all := d.all()
	st.Instances = make([]InstanceStatus, len(all))
	var wg sync.WaitGroup
	for i, in := range all {
		wg.Go(func() { st.Instances[i] = d.instanceStatus(ctx, in) })
	}
	wg.Wait()
	if cfg == nil {
		return st
	}
	states := d.groups.states()
	for _, g := range cfg.Groups {
		st.Groups = append(st.Groups, GroupStatus{g.Name, states[g.Name].String(), g.Members})
	}
	return st
}

func (d *Daemon) instanceStatus(ctx context.Context, in *instance) InstanceStatus {
	var (
		out  InstanceStatus
		done = make(chan InstanceStatus, 1)
	)
	err := in.ask(ctx, func(in *instance) { done <- in.status() })
	if err != nil {
		out = InstanceStatus{Name: in.name, State: vrrp.State(in.state.Load()).String(), Fault: err.Error(), VIPs: []string{}, Tracked: []TrackedStatus{}, Peers: []PeerStatus{}, Refused: []RefusedStatus{}}
	} else {
		out = <-done
	}
	for i, s := range d.floats.statuses(in.name) {
		f := FloatingStatus{Address: s.Address, Wanted: s.Wanted, Where: s.Where.String(), Holder: s.Holder, Contested: s.Contested, Claims: s.Claims, Error: s.Err}
		if !s.At.IsZero() {
			f.At = &s.At
		}
		if !s.Next.IsZero() {
			f.Next = &s.Next
		}
		d.mu.RLock()
		if p := d.plans[in.name]; p != nil && i < len(p.FloatingIPs) {
			f.Provider = p.FloatingIPs[i].Provider
		}
		d.mu.RUnlock()
		out.Floating = append(out.Floating, f)
	}
	out.Hook = d.notifier.running("INSTANCE " + in.name)
	return out
}

// status describes the instance; on its own goroutine.
func (in *instance) status() InstanceStatus {
	st, p, cfg := in.router.Status(), in.plan, in.router.Config()
	out := InstanceStatus{
		Name: in.name, State: st.State.String(), VRID: cfg.VRID, Version: cfg.Version, Interface: p.Interface, Source: cfg.Local.String(),
		Priority: cfg.Priority, EffectivePriority: st.Priority, PriorityReason: st.Reason,
		AdvertInterval: st.Interval.Seconds(), Since: wallOf(st.Since), Reason: st.Last.Text, Fault: st.Fault,
		Drained: st.Drained, Group: p.SyncGroup,
		VIPs: []string{}, Tracked: []TrackedStatus{}, Peers: []PeerStatus{}, Refused: []RefusedStatus{},
	}
	if st.Master.IsValid() {
		text := st.Master.String()
		out.Master = &text
	}
	for _, a := range p.VIPs {
		out.VIPs = append(out.VIPs, a.Prefix.String())
	}
	for _, t := range st.Tracked {
		one := TrackedStatus{Name: t.Name, Kind: t.Kind, Weight: t.Weight, Value: t.Value, Delta: t.Delta, Fault: t.Fault}
		if t.Known {
			one.Up = &t.Up
			one.Text = in.news[[2]string{t.Kind, t.Name}].Text
		}
		out.Tracked = append(out.Tracked, one)
	}
	for _, peer := range st.Peers {
		one := PeerStatus{Address: peer.Addr.String(), Configured: peer.Configured, Vipd: peer.Vipd, Priority: peer.Priority, Eligible: peer.Eligible}
		one.LastAdvert, one.LastHello = wallIf(peer.LastAdvert), wallIf(peer.LastHello)
		out.Peers = append(out.Peers, one)
	}
	for _, r := range st.Refusals {
		out.Refused = append(out.Refused, RefusedStatus{r.From.String(), r.Reason.String(), r.Reason.Hint(), r.Count, wallOf(r.Last)})
	}
	if st.LastAlarm.Text != "" {
		out.LastAlarm = &AlarmStatus{wallOf(st.LastAlarm.At), st.LastAlarm.Kind.String(), st.LastAlarm.Text}
	}
	return out
}

func wallIf(at time.Duration) *time.Time {
	if at == 0 {
		return nil
	}
	t := wallOf(at)
	return &t
}

// Why is what `vipd why --json` prints of one instance.
type Why struct {
	Instance InstanceStatus `json:"instance"`
	History  []Happening    `json:"history"` // the oldest first
	Outlook  []string       `json:"outlook"`
}

// Happening is something that happened to an instance.
type Happening struct {
	At    time.Time `json:"at"`
	Kind  string    `json:"kind"` // transition, alarm, note or floating
	Text  string    `json:"text"`
	From  string    `json:"from,omitempty"`
	To    string    `json:"to,omitempty"`
	Cause string    `json:"cause,omitempty"`
}

// Why asks an instance for its history and what would happen.
func (d *Daemon) Why(ctx context.Context, in *instance) (Why, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	done := make(chan Why, 1)
	err := in.ask(ctx, func(in *instance) { done <- Why{History: in.happenings(), Outlook: in.router.Outlook()} })
	if err != nil {
		return Why{}, err
	}
	out := <-done
	out.Instance = d.instanceStatus(ctx, in)
	return out, nil
}

func (in *instance) happenings() []Happening {
	out := []Happening{}
	for _, e := range in.history.entries {
		h := Happening{At: wallOf(e.At), Kind: e.Kind, Text: e.Text}
		if t := e.Transition; t != nil {
			h.From, h.To, h.Cause = t.From.String(), t.To.String(), t.Cause.String()
		}
		out = append(out, h)
	}
	return out
}
