package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// Bounds of an HTTP probe.
const (
	MaxBody      = 64 << 10 // bytes of the body that are read and matched; reading stops there
	MaxHeaders   = 64 << 10 // bytes of status line and headers, interim responses included
	MaxRedirects = 5        // the most that [HTTPConfig.Redirects] may be
)

// HTTPConfig says how to probe over HTTP. Only Scheme is needed; a zero field
// means its default.
type HTTPConfig struct {
	Scheme  string            // "http" or "https"; default "http"
	Port    uint16            // default 80 or 443, by scheme
	Path    string            // with the query, if any; default "/"
	Method  string            // default "GET"; no body is sent
	Host    string            // Host header as written here, and without its port the name for SNI and the certificate; default the address
	Headers map[string]string // further headers; may replace Accept, Connection and User-Agent

	Status    []StatusRange  // a status in any of them passes; default 200-299
	Body      string         // the first 64 KiB of the body must contain it
	BodyRegex *regexp.Regexp // and match this

	TLS TLSConfig // https only
	// HTTP2 speaks HTTP/2 and nothing else: by ALPN with https, with prior
	// knowledge (RFC 9113, Section 3.3) with http.
	HTTP2 bool
	Load  LoadConfig

	// Redirects is how many redirects are followed; default none, and a
	// redirect is judged by its status like any other response. Followed
	// redirects go to the address that is probed and nowhere else; one to
	// another host, or from https to http, fails.
	Redirects int
	// KeepAlive keeps one connection to each address open from one probe to
	// the next. That is much cheaper, for https above all, but does not notice
	// a target that has stopped accepting connections or changed its
	// certificate. Call [HTTP.Close] when the prober is no longer used.
	KeepAlive bool

	Via       Via
	UserAgent string // default "geodns-vipd-probe/1"
}

// StatusRange is a range of HTTP status codes, both ends included.
type StatusRange struct {
	Low, High int
}

// String returns "200-299", or "301" for a range of one.
func (r StatusRange) String() string {
	if r.Low == r.High {
		return fmt.Sprint(r.Low)
	}
	return fmt.Sprintf("%d-%d", r.Low, r.High)
}

var defaultStatus = []StatusRange{{200, 299}}

const defaultUserAgent = "geodns-vipd-probe/1"

// HTTP is a [Prober] that makes one HTTP request. It passes when the
// status is one of those wanted and the body, read to its end or up to
// [MaxBody], is as wanted. It asks for no compression and undoes none, and
// uses no proxy.
type HTTP struct {
	c     HTTPConfig // with defaults
	tls   *tls.Config
	start target          // of the first request, but for an address in place of a host
	h2    *http.Transport // nil: HTTP/1.1
	tail  string          // the header lines of each request, after Host
	idle  idlePool
}

// NewHTTP returns a prober, or an error with a line for each thing that is
// wrong with c.
func NewHTTP(c HTTPConfig) (*HTTP, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	p := &HTTP{
		c:     c,
		tls:   c.TLS.client(hostName(c.Host), "http/1.1"),
		start: target{scheme: c.Scheme, port: c.Port, method: c.Method, host: c.Host, path: c.Path},
		tail:  c.headerLines(),
	}
	if c.HTTP2 {
		p.h2 = p.transport2()
	}
	return p, nil
}

// Probe makes the request to addr, whatever the host is called.
func (p *HTTP) Probe(ctx context.Context, addr netip.Addr) health.Result {
	a, cancel := begin(ctx, addr, p.c.Via)
	defer cancel()
	return a.end(p.attempt(a))
}

// Close closes the connections kept open between probes. Probes that are
// under way end undisturbed; later ones keep no connection.
func (p *HTTP) Close() { p.idle.close() }

func (c HTTPConfig) withDefaults() HTTPConfig {
	c.Scheme = cmp.Or(c.Scheme, "http")
	c.Port = cmp.Or(c.Port, defaultPort(c.Scheme))
	c.Path = cmp.Or(c.Path, "/")
	c.Method = cmp.Or(c.Method, "GET")
	c.UserAgent = cmp.Or(c.UserAgent, defaultUserAgent)
	if ip, err := netip.ParseAddr(c.Host); err == nil {
		c.Host = addrHost(ip) // with brackets, as a Host header needs them
	}
	if len(c.Status) == 0 {
		c.Status = defaultStatus
	}
	return c
}

func defaultPort(scheme string) uint16 {
	if scheme == "https" {
		return 443
	}
	return 80
}

func (c HTTPConfig) validate() error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(c.Scheme != "http" && c.Scheme != "https", "scheme %q: http or https", c.Scheme)
	wrong(!validPath(c.Path), "path %q: begins with /; blank, #, %% and what is not ASCII are written as %%XX", c.Path)
	wrong(!validMethod(c.Method), "method %q: a method such as GET or HEAD, in capitals", c.Method)
	wrong(!validHost(c.Host), "host %q: a name or an address, perhaps with :port", c.Host)
	wrong(!httpguts.ValidHeaderFieldValue(c.UserAgent), "user agent %q: has a control character", c.UserAgent)
	wrong(c.Method == "HEAD" && c.wantsBody(), "method HEAD: gets no body to look at")
	wrong(c.HTTP2 && c.KeepAlive, "keep-alive is of HTTP/1.1")
	wrong(c.Redirects < 0 || c.Redirects > MaxRedirects, "redirects %d: 0 to %d", c.Redirects, MaxRedirects)
	for _, r := range c.Status {
		wrong(r.Low < 100 || r.High > 999 || r.Low > r.High, "status %v: a range within 100-999", r)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		errs = append(errs, validateHeader(name, c.Headers[name]))
	}
	return errors.Join(errs...)
}

func validateHeader(name, value string) error {
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return fmt.Errorf("header %q: not the name of a header", name)
	case !httpguts.ValidHeaderFieldValue(value):
		return fmt.Errorf("header %s: %q has a control character", name, value)
	case strings.EqualFold(name, "Host"):
		return fmt.Errorf("header %s: is set by host", name)
	case strings.EqualFold(name, "Content-Length"), strings.EqualFold(name, "Transfer-Encoding"):
		return fmt.Errorf("header %s: no body is sent", name)
	}
	return nil
}

func validPath(path string) bool {
	outside := func(r rune) bool { return r <= ' ' || r > '~' || r == '#' }
	if !strings.HasPrefix(path, "/") || strings.ContainsFunc(path, outside) {
		return false
	}
	_, err := url.ParseRequestURI(path)
	return err == nil
}

func validMethod(method string) bool {
	outside := func(r rune) bool { return r < 'A' || r > 'Z' }
	return method != "CONNECT" && !strings.ContainsFunc(method, outside)
}

// validHost takes a name or an address with or without port; "" is the
// default.
func validHost(host string) bool {
	if strings.ContainsAny(host, "/@?#\\") || !httpguts.ValidHostHeader(host) {
		return false
	}
	return host == "" || hostName(host) != ""
}

func (c HTTPConfig) wantsBody() bool { return c.Body != "" || c.BodyRegex != nil || c.Load.JSON != "" }

func (c HTTPConfig) wantsStatus(code int) bool {
	return slices.ContainsFunc(c.Status, func(r StatusRange) bool { return r.Low <= code && code <= r.High })
}

// headerLines returns the header lines after Host, each with its line end,
// and the empty line. They are the same for each request, so they are made
// once.
func (c HTTPConfig) headerLines() string {
	lines := map[string]string{"User-Agent": c.UserAgent, "Accept": "*/*"}
	if !c.KeepAlive {
		lines["Connection"] = "close"
	}
	for name, value := range c.Headers {
		maps.DeleteFunc(lines, func(own, _ string) bool { return strings.EqualFold(own, name) })
		lines[name] = value
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		b.WriteString(name + ": " + lines[name] + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}
