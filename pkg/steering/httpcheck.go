package steering

import (
	"regexp"
	"strconv"
	"strings"
)

// http reads an http or https probe.
func (r *reader) http(e entry, what string) *HTTP {
	what += ": " + e.key
	h := &HTTP{Scheme: e.key, Port: 80, Path: "/", Method: "GET"}
	if e.key == "https" {
		h.Port = 443
	}
	var body, keepAlive value
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
		case "insecure", "sni", "min_tls", "cert_expiry":
			r.tlsKey(&h.TLS, f, what)
			if e.key == "http" && (f.key != "insecure" || h.TLS.Insecure) {
				r.wrong(f.value, "use https, or leave "+f.key+" out", "%s: %s says something about TLS only", what, f.key)
			}
		case "http2":
			h.HTTP2 = r.boolean(f.value, what+": http2")
		case "load":
			h.Load = r.load(f, what)
		case "redirects":
			h.Redirects = r.redirects(f.value, what+": redirects")
		case "keep_alive":
			keepAlive = f.value
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
	if h.HTTP2 && h.KeepAlive {
		r.wrong(keepAlive, "one of the two", "%s: keep_alive is of HTTP/1.1", what)
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
