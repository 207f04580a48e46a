package geodns

import (
	"cmp"
	"runtime"

	"github.com/geodns-vipd/geodns/internal/dnsserver"
	"github.com/geodns-vipd/geodns/internal/metrics"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// dnsConfig is what the DNS server is told.
func (s *Server) dnsConfig() dnsserver.Config {
	l := s.Config.Limits
	return dnsserver.Config{
		Addrs:             s.Config.Listen,
		Workers:           s.perAddress(),
		MaxConns:          l.TCPConnections,
		MaxConnsPerClient: l.TCPConnectionsPer,
		Idle:              l.TCPIdle,
		Shorten:           dnswire.TruncateReply,
		Ready:             func() { close(s.serving) },
		Log:               s.Log,
	}
}

// perAddress is the number of threads that answer UDP at one address.
func (s *Server) perAddress() int { return cmp.Or(s.Config.Limits.Workers, runtime.GOMAXPROCS(0)) }

// threads is the number of questions that can be answered at once. It is known
// before the sockets are, so that what counts is there at the first check.
func (s *Server) threads() int { return s.perAddress() + dnsserver.TCPShards }

// samples names the statistics of the sockets for the metrics.
func samples(st dnsserver.Stats) []metrics.Sample {
	count := func(name, help string, n uint64) metrics.Sample {
		return metrics.Sample{Name: name, Help: help, Counter: true, Value: float64(n)}
	}
	return []metrics.Sample{
		count("udp_received_total", "Datagrams read.", st.UDP.Received),
		count("udp_sent_total", "Datagrams sent.", st.UDP.Sent),
		count("udp_oversized_total", "Datagrams dropped because they were too long.", st.UDP.Oversized),
		count("udp_unanswerable_total", "Datagrams dropped because nobody could be answered: source port 0, or sent to a group.", st.UDP.PortZero+st.UDP.NotUnicast),
		count("udp_queue_full_total", "Datagrams that the kernel dropped before they were read.", st.UDP.QueueFull),
		count("udp_send_errors_total", "Answers that the kernel did not take.", st.UDP.SendErrors),
		count("udp_receive_errors_total", "Failed reads.", st.UDP.ReceiveErrors),
		{Name: "tcp_connections", Help: "TCP connections open.", Value: float64(st.TCP.Open)},
		count("tcp_accepted_total", "TCP connections accepted.", st.TCP.Accepted),
		count("tcp_refused_total", "TCP connections reset because a limit was reached.", st.TCP.Refused),
		count("tcp_evicted_total", "Idle TCP connections closed to make room.", st.TCP.Evicted),
		count("tcp_timed_out_total", "TCP connections closed for silence or slowness.", st.TCP.TimedOut),
		count("tcp_garbage_total", "TCP connections closed for a length of 0 or beyond the limit.", st.TCP.Garbage),
		count("tcp_accept_errors_total", "Failed accepts.", st.TCP.AcceptErrors),
		count("panics_total", "Questions dropped because answering them panicked.", st.Panics),
	}
}
