package vipd

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// collector tells the metrics of all instances, asked for at each scrape.
type collector struct{ d *Daemon }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("vipd_"+name, help, append([]string{"instance"}, labels...), nil)
}

var (
	descState     = desc("state", "1 for the state that the instance is in.", "state")
	descPriority  = desc("effective_priority", "Priority that is advertised.")
	descSince     = desc("state_since_timestamp_seconds", "When the state began, Unix time.")
	descDrained   = desc("drained", "1 while an operator keeps the instance out.")
	descTrackedUp = desc("tracked_up", "1 while a tracked thing is up.", "kind", "name")
	descPeerVipd  = desc("peer_is_vipd", "1 while a peer is known to be a vipd.", "peer")
	descPeerHeard = desc("peer_last_advert_timestamp_seconds", "When a peer was last heard, Unix time; 0: never.", "peer")
	descFloating  = desc("floating_ip_here", "1 while a floating address is seen here; only a master looks.", "address")
	descClaims    = desc("floating_ip_claims_total", "Claims of a floating address.", "address")
	descSent      = desc("adverts_sent_total", "Adverts sent.")
	descSendFail  = desc("adverts_send_failed_total", "Adverts that could not be sent.")
	descReceived  = desc("adverts_received_total", "Adverts believed.")
	descRefused   = desc("adverts_refused_total", "Packets not believed.", "reason")
	descAnnounced = desc("announcements_total", "Announcements by gratuitous ARP or neighbour advertisement.")
	descMoves     = desc("transitions_total", "Transitions by the state entered.", "to")
	descAlarms    = desc("alarms_total", "Alarms by kind.", "kind")
	descConfigOK  = prometheus.NewDesc("vipd_config_ok", "0 if the last reload was refused.", nil, nil)
	descInfo      = prometheus.NewDesc("vipd_build_info", "1, with the version.", []string{"version"}, nil)
)

// metrics returns the handler of /metrics.
func (d *Daemon) metrics() http.Handler {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collector{d}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{})
}

// Describe implements prometheus.Collector; what there is depends on the
// configuration.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	st := c.d.Status(ctx)
	ch <- prometheus.MustNewConstMetric(descConfigOK, prometheus.GaugeValue, oneIf(st.Config.OK))
	ch <- prometheus.MustNewConstMetric(descInfo, prometheus.GaugeValue, 1, st.Version)
	for _, s := range st.Instances {
		collectStatus(ch, &s)
	}
	for _, in := range c.d.all() {
		in.counts.collect(ch, in.name)
	}
}

func collectStatus(ch chan<- prometheus.Metric, s *InstanceStatus) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{s.Name}, labels...)...)
	}
	for _, state := range []vrrp.State{vrrp.Init, vrrp.Backup, vrrp.Master, vrrp.Fault} {
		gauge(descState, oneIf(state.String() == s.State), state.String())
	}
	gauge(descPriority, float64(s.EffectivePriority))
	gauge(descSince, seconds(&s.Since))
	gauge(descDrained, oneIf(s.Drained))
	for _, t := range s.Tracked {
		gauge(descTrackedUp, oneIf(t.Up != nil && *t.Up), t.Kind, t.Name)
	}
	for _, p := range s.Peers {
		gauge(descPeerVipd, oneIf(p.Vipd), p.Address)
		gauge(descPeerHeard, seconds(p.LastAdvert), p.Address)
	}
	for _, f := range s.Floating {
		gauge(descFloating, oneIf(f.Where == "here"), f.Address)
		ch <- prometheus.MustNewConstMetric(descClaims, prometheus.CounterValue, float64(f.Claims), s.Name, f.Address)
	}
}

func (c *counters) collect(ch chan<- prometheus.Metric, name string) {
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), append([]string{name}, labels...)...)
	}
	count(descSent, c.sent.Load())
	count(descSendFail, c.sendFailed.Load())
	count(descReceived, c.received.Load())
	count(descAnnounced, c.announced.Load())
	for i := range c.transitions {
		count(descMoves, c.transitions[i].Load(), vrrp.State(i).String())
	}
	for i := range c.alarms {
		if n := c.alarms[i].Load(); n > 0 {
			count(descAlarms, n, vrrp.AlarmKind(i).String())
		}
	}
	for i := range c.refusals {
		if n := c.refusals[i].Load(); n > 0 {
			count(descRefused, n, vrrp.DropReason(i).String())
		}
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t *time.Time) float64 {
	if t == nil || t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
