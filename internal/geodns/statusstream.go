package geodns

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/geodns-vipd/geodns/internal/control"
)

// statusQuery is what of the status somebody wants to see.
type statusQuery struct {
	sites  []string // by name; none: all
	down   bool     // only sites of which an address is down
	recent bool     // the times of the last probes
}

// newStatusQuery reads the query of a URL. The error is a [control.BadRequest].
func newStatusQuery(q url.Values) (statusQuery, error) {
	out := statusQuery{sites: q["site"], recent: true}
	bad := func(key string) error {
		return &control.BadRequest{Text: fmt.Sprintf("%s is %q: it can be %s", key, q.Get(key), map[string]string{"recent": "0 or 1", "only": "down"}[key])}
	}
	if q.Has("recent") {
		on, err := strconv.ParseBool(q.Get("recent"))
		if err != nil {
			return out, bad("recent")
		}
		out.recent = on
	}
	if out.down = q.Has("only"); out.down && q.Get("only") != "down" {
		return out, bad("only")
	}
	return out, nil
}

// wants reports whether a site is to be shown.
func (q *statusQuery) wants(st *SiteStatus) bool {
	return !q.down || slices.ContainsFunc(st.Addresses, func(a AddressStatus) bool { return !a.Up })
}

// statusStep is how many sites are looked at at a time: nothing else is decided
// meanwhile. Beyond statusWide sites the JSON is not indented, which would double
// its size.
const (
	statusStep = 256
	statusWide = 500
)

// statusReply writes the status while it is read: of tens of thousands of sites
// it has tens of megabytes.
type statusReply struct {
	s *Server
	q statusQuery
}

// status returns what GET /api/v1/status prints.
func (s *Server) status(query url.Values) (any, error) {
	q, err := newStatusQuery(query)
	return statusReply{s, q}, err
}

// WriteJSON implements [httpjson.Streamer].
func (r statusReply) WriteJSON(w io.Writer) error {
	l := r.s.live.Load()
	places := r.places(l)
	indent := "  "
	if len(places) > statusWide {
		indent = ""
	}
	head, err := jsonOf(r.s.statusHead(l), "", indent)
	if err != nil {
		return err
	}
	// The object goes on after the head, and before the tail.
	head = bytes.TrimRight(head[:len(head)-1], "\n")
	open, before, end := `,"sites":[`, "", "],"
	if indent != "" {
		open, before, end = ",\n  \"sites\": [", "\n    ", "\n  ],"
	}
	if _, err := w.Write(append(head, open...)); err != nil {
		return err
	}
	if err := r.writeSites(w, l, places, before, indent); err != nil {
		return err
	}
	tail, err := jsonOf(r.s.statusTail(context.Background()), "", indent)
	if err != nil {
		return err
	}
	_, err = w.Write(append(append([]byte(end), tail[1:]...), '\n'))
	return err
}

// places returns which sites are asked for.
func (r statusReply) places(l *live) []int32 {
	var out []int32
	for i := range int32(l.Sites.Len()) {
		if len(r.q.sites) == 0 || slices.Contains(r.q.sites, l.Sites.At(i).Name) {
			out = append(out, i)
		}
	}
	return out
}

func (r statusReply) writeSites(w io.Writer, l *live, places []int32, before, indent string) error {
	separator := before
	for step := range slices.Chunk(places, statusStep) {
		var sites []SiteStatus
		r.s.checker.do(context.Background(), func(context.Context) {
			now := time.Now()
			for _, i := range step {
				if st := siteStatus(l.Sites.At(i), r.s.checker.board, now); r.q.wants(&st) {
					sites = append(sites, st)
				}
			}
			r.s.checker.addRecent(sites, r.q.recent)
		})
		for i := range sites {
			text, err := jsonOf(sites[i], indent+indent, indent)
			if err != nil {
				return err
			}
			if _, err := io.WriteString(w, separator); err != nil {
				return err
			}
			if _, err := w.Write(text); err != nil {
				return err
			}
			separator = "," + before
		}
	}
	return nil
}

// jsonOf returns v as JSON, without a new line at the end.
func jsonOf(v any, prefix, indent string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent(prefix, indent)
	err := enc.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}
