package probe

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// target is where one request goes on the address that is probed.
type target struct {
	scheme string
	port   uint16
	method string
	host   string // as in the Host header; "" stands for the address
	path   string // with the query
}

// at returns t with the address in place of a missing host.
func (t target) at(addr netip.Addr) target {
	if t.host == "" {
		t.host = addrHost(addr)
		if t.port != defaultPort(t.scheme) {
			t.host += ":" + strconv.Itoa(int(t.port))
		}
	}
	return t
}

// addrHost returns an address as a host in a URL: in brackets for IPv6, and
// without the zone, which means something on this machine only (RFC 9110,
// Section 4.2; RFC 6874, Section 4).
func addrHost(addr netip.Addr) string {
	if addr.Is6() {
		return "[" + addr.WithZone("").String() + "]"
	}
	return addr.String()
}

// hostName returns the name or address in a host with or without port and
// brackets, or "" if it is none.
func hostName(host string) string {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return ""
	}
	if strings.Contains(name, ":") {
		if _, err := netip.ParseAddr(name); err != nil {
			return ""
		}
	}
	if strings.ContainsAny(name, "[]") {
		return ""
	}
	return name
}

// append appends the request line and headers of a request to t.
func (t target) append(b []byte, tail string) []byte {
	b = append(b, t.method...)
	b = append(b, ' ')
	b = append(b, t.path...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, t.host...)
	b = append(b, "\r\n"...)
	if t.method == http.MethodPost || t.method == http.MethodPut || t.method == http.MethodPatch {
		b = append(b, "Content-Length: 0\r\n"...) // RFC 9110, Section 8.6
	}
	return append(b, tail...)
}

// isRedirect reports whether a client that follows redirects follows this
// one.
func isRedirect(status int, location string) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return location != ""
	}
	return false
}

// redirected returns the target to which a response to t points, or an error
// that names it if it lies elsewhere than on addr.
func (t target) redirected(addr netip.Addr, status int, location string) (target, error) {
	to, err := t.resolve(location)
	if err != nil {
		return target{}, fmt.Errorf("redirected to %q, which is no URL", location)
	}
	next := target{scheme: to.Scheme, method: t.method, host: to.Host, path: to.RequestURI()}
	switch {
	case next.scheme != "http" && next.scheme != "https":
		return target{}, fmt.Errorf("redirected to %q, which is not HTTP", location)
	case t.scheme == "https" && next.scheme == "http":
		return target{}, fmt.Errorf("redirected from https to %q", location)
	case !t.sameHost(next.host, addr), !validHost(next.host), !validPath(next.path):
		return target{}, fmt.Errorf("redirected elsewhere: %q", location)
	}
	if next.port, err = t.portOf(to); err != nil {
		return target{}, fmt.Errorf("redirected to %q, which has no such port", location)
	}
	if becomesGet(t.method, status) {
		next.method = http.MethodGet
	}
	return next, nil
}

func (t target) resolve(location string) (*url.URL, error) {
	path, err := url.ParseRequestURI(t.path)
	if err != nil {
		return nil, err
	}
	base := &url.URL{Scheme: t.scheme, Host: t.host, Path: path.Path, RawQuery: path.RawQuery}
	return base.Parse(location)
}

// sameHost reports whether host names what is probed: by the name that was
// asked for, or by its address.
func (t target) sameHost(host string, addr netip.Addr) bool {
	name := hostName(host)
	if strings.EqualFold(name, hostName(t.host)) {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Unmap() == addr.WithZone("")
}

// portOf returns the port to connect to for u. A target that was asked for
// under a host without port on a port of its own cannot know that port: where
// it points to itself, the port stays.
func (t target) portOf(u *url.URL) (uint16, error) {
	if u.Scheme == t.scheme && strings.EqualFold(u.Host, t.host) {
		return t.port, nil
	}
	if u.Port() == "" {
		return defaultPort(u.Scheme), nil
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	if err == nil && n == 0 {
		err = errors.New("port 0")
	}
	return uint16(n), err
}

// becomesGet says which redirects turn a request into GET (RFC 9110, Sections
// 15.4.2 to 15.4.4).
func becomesGet(method string, status int) bool {
	switch status {
	case http.StatusSeeOther:
		return method != http.MethodHead
	case http.StatusMovedPermanently, http.StatusFound:
		return method == http.MethodPost
	}
	return false
}
