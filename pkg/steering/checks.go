package steering

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v3"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// Bounds of a check.
const (
	minInterval  = 10 * time.Millisecond
	minTimeout   = time.Millisecond
	maxInterval  = 24 * time.Hour
	maxInARow    = 1000 // fall and rise
	maxRedirects = 5    // what redirects: true stands for
	maxBody      = 64 << 10
)

// check reads one check.
func (r *reader) check(e entry) Check {
	what := "check " + e.key
	c := Check{Name: e.key, Pos: e.pos}
	var kinds []entry
	sound := true // interval and timeout, as far as they are written
	var timeout diag.Pos
	for _, f := range r.fields(e.value, what, "{tcp: {port: 443}}", &checkKeys) {
		switch f.key {
		case "http", "https":
			c.HTTP = r.http(f, what)
			kinds = append(kinds, f)
		case "tcp":
			c.TCP = r.tcp(f, what)
			kinds = append(kinds, f)
		case "interval":
			c.Spec.Interval, sound = r.duration(f.value, what+": interval", minInterval, maxInterval)
		case "timeout":
			timeout = f.value.pos
			c.Spec.Timeout, _ = r.duration(f.value, what+": timeout", minTimeout, maxInterval)
		case "fall":
			c.Spec.Fall = r.inARow(f, what)
		case "rise":
			c.Spec.Rise = r.inARow(f, what)
		}
	}
	switch {
	case len(kinds) == 0 && e.node.Kind == yaml.MappingNode && !hasOther(e.value, &checkKeys),
		e.isNull():
		r.wrong(value{pos: e.pos}, "add http, https or tcp", "%s does not say how to probe", what)
	case len(kinds) > 1:
		r.wrong(value{pos: kinds[1].pos}, "one check for each; a site may have several",
			"%s has both %s and %s", what, kinds[0].key, kinds[1].key)
	}
	c.Spec = c.Spec.WithDefaults()
	if sound && timeout.Line != 0 && c.Spec.Timeout > c.Spec.Interval {
		r.wrong(value{pos: timeout}, "at most the interval",
			"%s: timeout %s is longer than interval %s", what, c.Spec.Timeout, c.Spec.Interval)
	}
	return c
}

// hasOther reports whether a mapping has a key that is not among those known.
// What the mapping lacks is then probably what that key was meant to be, which
// has been told.
func hasOther(v value, k *keys) bool {
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		if key := v.node.Content[i]; key.Tag != "!!merge" && !slices.Contains(k.known, key.Value) {
			return true
		}
	}
	return false
}

func (r *reader) inARow(f entry, what string) int {
	n, _ := r.integer(f.value, what+": "+f.key, 1, maxInARow)
	return int(n)
}

// port reads a port.
func (r *reader) port(f entry, what string) uint16 {
	n, _ := r.integer(f.value, what+": port", 1, 65535)
	return uint16(n)
}

func (r *reader) tcp(e entry, what string) *TCP {
	t := &TCP{}
	asked := false
	for _, f := range r.fields(e.value, what+": tcp", "{port: 443}", &tcpKeys) {
		asked = true
		t.Port = r.port(f, what+": tcp")
	}
	if !asked && (e.isNull() || e.node.Kind == yaml.MappingNode) {
		r.wrong(value{pos: e.pos}, "tcp: {port: 443}", "%s: tcp has no port", what)
	}
	return t
}

// http reads an http or https probe.
func (r *reader) http(e entry, what string) *HTTP {
	what += ": " + e.key
	h := &HTTP{Scheme: e.key, Port: 80, Path: "/", Method: "GET"}
	if e.key == "https" {
		h.Port = 443
	}
	var body value
	for _, f := range r.fields(e.value, what, "{path: /healthz}", &httpKeys) {
		switch f.key {
		case "port":
			h.Port = r.port(f, what)
		case "status":
			h.Status = r.statuses(f.value, what+": status")
		case "headers":
			h.Headers = r.headers(f.value, what+": headers")
		case "body", "body_regex":
			body = f.value
			r.body(h, f, what)
		case "insecure":
			h.Insecure = r.boolean(f.value, what+": insecure")
			if h.Insecure && e.key == "http" {
				r.wrong(f.value, "use https, or leave insecure out", "%s: insecure says something about TLS only", what)
			}
		case "redirects":
			h.Redirects = r.redirects(f.value, what+": redirects")
		case "keep_alive":
			h.KeepAlive = r.boolean(f.value, what+": keep_alive")
		default:
			r.httpText(h, f, what)
		}
	}
	if len(h.Status) == 0 {
		h.Status = []StatusRange{{200, 299}}
	}
	if h.Method == "HEAD" && body.node != nil {
		r.wrong(body, "method GET", "%s: a response to HEAD has no body", what)
	}
	return h
}

// httpText reads the keys of a probe that are plain texts.
func (r *reader) httpText(h *HTTP, f entry, what string) {
	what += ": " + f.key
	text, ok := r.text(f.value, what, map[string]string{
		"path": "/healthz", "method": "GET", "host": "www.example.com"}[f.key])
	if !ok {
		return
	}
	switch f.key {
	case "path":
		if h.Path = text; !validPath(text) {
			r.wrong(f.value, "it begins with /; blank, # and what is not ASCII are written as %XX", "%s is %q", what, text)
		}
	case "method":
		if h.Method = text; !validMethod(text) {
			r.wrong(f.value, "a method such as GET or HEAD, in capitals", "%s is %q", what, text)
		}
	case "host":
		if h.Host = text; !validHost(text) {
			r.wrong(f.value, "a name or an address, perhaps with :port", "%s is %q", what, text)
		}
	}
}

// body reads body and body_regex.
func (r *reader) body(h *HTTP, f entry, what string) {
	what += ": " + f.key
	text, ok := r.text(f.value, what, `"ok"`)
	switch {
	case !ok:
	case text == "":
		r.wrong(f.value, "leave it out", "%s is empty", what)
	case len(text) > maxBody:
		r.wrong(f.value, "less; only the first 64 KiB of a body are read", "%s has %d bytes", what, len(text))
	case f.key == "body":
		h.Body = text
	default:
		re, err := regexp.Compile(text)
		if err != nil {
			r.wrong(f.value, "an expression as in RE2",
				"%s: %s", what, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
		h.BodyRegex = re
	}
}

// statuses reads a list such as [200-299, 301].
func (r *reader) statuses(v value, what string) []StatusRange {
	var out []StatusRange
	for _, item := range r.oneOrMore(v, what, "[200-299, 301]") {
		text, ok := r.text(item, what, "200-299")
		if !ok {
			continue
		}
		low, high, isRange := strings.Cut(text, "-")
		if !isRange {
			high = low
		}
		a, err1 := strconv.Atoi(strings.TrimSpace(low))
		b, err2 := strconv.Atoi(strings.TrimSpace(high))
		if err1 != nil || err2 != nil || a < 100 || b > 599 || a > b {
			r.wrong(item, "a status or a range within 100-599, such as 200-299", "%s is %q", what, text)
			continue
		}
		out = append(out, StatusRange{a, b})
	}
	return out
}

// headers reads a mapping of names to values.
func (r *reader) headers(v value, what string) map[string]string {
	entries, _ := r.mapping(v, what, "{X-Probe: geodns}")
	out := make(map[string]string, len(entries))
	seen := map[string]string{}
	for _, e := range entries {
		text, ok := r.text(e.value, what+": "+e.key, "geodns")
		if before := seen[strings.ToLower(e.key)]; before != "" {
			r.wrong(value{pos: e.pos}, "one of them", "%s: %s and %s are one header", what, before, e.key)
		}
		seen[strings.ToLower(e.key)] = e.key
		if wrong, right := badHeader(e.key, text); ok && wrong != "" {
			r.wrong(value{pos: e.pos}, right, "%s: %s", what, wrong)
		}
		out[e.key] = text
	}
	return out
}

// redirects reads how many redirects are followed; true stands for the most.
func (r *reader) redirects(v value, what string) int {
	if v.node.Tag == "!!bool" {
		if r.boolean(v, what) {
			return maxRedirects
		}
		return 0
	}
	n, _ := r.integer(v, what, 0, maxRedirects)
	return int(n)
}
