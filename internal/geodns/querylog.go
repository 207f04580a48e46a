package geodns

import (
	"github.com/geodns-vipd/geodns/internal/metrics"
	"github.com/geodns-vipd/geodns/internal/querylog"
	"github.com/geodns-vipd/geodns/pkg/answer"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
	form "github.com/geodns-vipd/geodns/pkg/querylog"
)

// queryLog is the query log and which part of the queries goes into it.
type queryLog struct {
	*querylog.Log
	sample int // each so many of a worker
}

// newQueryLog returns the query log of a configuration, nil if there is none.
func (s *Server) newQueryLog(workers int) *queryLog {
	l := s.Config.Log
	if l.Queries == "" {
		return nil
	}
	return &queryLog{sample: l.QueriesSample, Log: querylog.New(querylog.Config{
		Target: l.Queries, Dnstap: l.QueriesFormat == "dnstap", Workers: workers,
		Identity: s.Config.NSID, Version: "geodns " + s.Version, Log: s.Log,
	})}
}

// logQuery logs a query if it is its turn. whole is the answer as it was made, reply
// what is sent of it.
func (h *handler) logQuery(worker int, packet []byte, req *answer.Request, o *answer.Outcome, whole, reply []byte) {
	w := &h.workers[worker]
	if w.left--; w.left > 0 || o.Verdict == dnswire.Drop {
		return
	}
	w.left = h.queries.sample
	w.entry = form.Entry{Client: req.From, TCP: req.TCP, Query: packet, Reply: reply, Size: len(reply), Outcome: *o}
	switch {
	case reply == nil:
		w.entry.Limited = "drop"
	case len(reply) != len(whole):
		w.entry.Limited = "slip"
	}
	h.queries.Add(worker, &w.entry)
	w.entry = form.Entry{} // keeps neither the packet nor a zone
}

// querySamples names the counts of the query log for the metrics.
func (h *handler) querySamples() []metrics.Sample {
	var written, dropped uint64
	if h.queries != nil {
		written, dropped = h.queries.Counts()
	}
	return []metrics.Sample{
		{Name: "query_log_written_total", Help: "Entries of the query log that were written.", Counter: true, Value: float64(written)},
		{Name: "query_log_dropped_total", Help: "Entries of the query log that were dropped: too many, or the target failed or was slow.", Counter: true, Value: float64(dropped)},
	}
}
