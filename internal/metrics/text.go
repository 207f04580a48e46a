package metrics

import (
	"bufio"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// What there is of each zone, site and check is written as text while it is
// read. The library would first make an object of each series: with tens of
// thousands of checks hundreds of megabytes at each scrape.

// contentType is the text format of Prometheus.
const contentType = "text/plain; version=0.0.4; charset=utf-8"

// Handler serves /metrics.
func (m *Metrics) Handler() http.Handler {
	few := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry, DisableCompression: true})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		var body io.Writer = w
		if takesGzip(r) {
			w.Header().Set("Content-Encoding", "gzip")
			// The least effort: the text repeats itself, and a scrape of many
			// checks should not take a processor for long.
			zip, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // the level is a known one
			defer zip.Close()
			body = zip
		}
		out := &writer{Writer: bufio.NewWriterSize(body, 16<<10)}
		defer out.Flush()
		asText := r.Clone(r.Context())
		asText.Header = http.Header{"Accept": {contentType}}
		first := &part{w, http.Header{}, out, false}
		if few.ServeHTTP(first, asText); !first.failed {
			m.write(out)
		}
	})
}

// part is the reply that the library writes the first part of.
type part struct {
	whole  http.ResponseWriter
	header http.Header // of no use: that of the whole is set
	body   io.Writer
	failed bool
}

func (p *part) Header() http.Header         { return p.header }
func (p *part) Write(b []byte) (int, error) { return p.body.Write(b) }

func (p *part) WriteHeader(code int) {
	p.failed = code != http.StatusOK
	p.whole.WriteHeader(code)
}

// write writes what does not come from the library.
func (m *Metrics) write(w *writer) {
	m.Counters.write(w)
	m.writeChecks(w)
	m.mu.Lock()
	source := m.health
	m.mu.Unlock()
	if source != nil {
		source().write(w)
	}
}

// takesGzip reports whether a client takes a reply that is packed.
func takesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, params, _ := strings.Cut(part, ";")
		if strings.TrimSpace(name) == "gzip" {
			return strings.ReplaceAll(params, " ", "") != "q=0"
		}
	}
	return false
}

// writer writes families of samples in the text format of Prometheus.
type writer struct {
	*bufio.Writer
	head   [3]string // name, kind and help of a family without a sample yet
	number []byte
}

// family begins the samples of one name. A family without samples is left out.
func (w *writer) family(name, kind, help string) { w.head = [3]string{name, kind, help} }

func (w *writer) writeHead() {
	name, kind, help := w.head[0], w.head[1], w.head[2]
	w.head = [3]string{}
	w.WriteString("# HELP ")
	w.WriteString(name)
	w.WriteByte(' ')
	helpEscaper.WriteString(w, help)
	w.WriteString("\n# TYPE ")
	w.WriteString(name)
	w.WriteByte(' ')
	w.WriteString(kind)
	w.WriteByte('\n')
}

// sample writes one sample; labels are names and values in turn.
func (w *writer) sample(name string, value float64, labels ...string) {
	if w.head[0] != "" {
		w.writeHead()
	}
	w.WriteString(name)
	for i := 0; i < len(labels); i += 2 {
		if i == 0 {
			w.WriteByte('{')
		} else {
			w.WriteByte(',')
		}
		w.WriteString(labels[i])
		w.WriteString(`="`)
		w.value(labels[i+1])
		w.WriteByte('"')
	}
	if len(labels) > 0 {
		w.WriteByte('}')
	}
	w.WriteByte(' ')
	w.number = strconv.AppendFloat(w.number[:0], value, 'g', -1, 64)
	w.Write(w.number)
	w.WriteByte('\n')
}

var (
	helpEscaper  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	valueEscaper = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// value writes the value of a label. Nearly all are plain.
func (w *writer) value(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			valueEscaper.WriteString(w, label(s))
			return
		}
	}
	w.WriteString(s)
}
