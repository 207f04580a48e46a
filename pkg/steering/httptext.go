package steering

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// validPath reports whether path can stand in a request line.
func validPath(path string) bool {
	outside := func(r rune) bool { return r <= ' ' || r > '~' || r == '#' }
	if !strings.HasPrefix(path, "/") || strings.ContainsFunc(path, outside) {
		return false
	}
	_, err := url.ParseRequestURI(path)
	return err == nil
}

// validMethod reports whether method is one that asks for something.
func validMethod(method string) bool {
	outside := func(r rune) bool { return r < 'A' || r > 'Z' }
	return method != "" && len(method) <= 20 && method != "CONNECT" && !strings.ContainsFunc(method, outside)
}

// validHost reports whether host is a name or an address, with or without a
// port. An IPv6 address with a port stands in brackets.
func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return !strings.Contains(host, "%")
	}
	name, port, hasPort := host, "", false
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name, port, hasPort = host[:i], host[i+1:], true
	}
	if n, err := strconv.ParseUint(port, 10, 16); hasPort && (err != nil || n == 0) {
		return false
	}
	if inner, ok := strings.CutPrefix(name, "["); ok {
		a, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		return err == nil && a.Is6() && a.Zone() == "" && strings.HasSuffix(inner, "]")
	}
	return validHostName(name)
}

// validHostName reports whether name could be the name of a host
// (RFC 1123, Section 2.1; underscores are let through, as browsers do).
func validHostName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		outside := func(r rune) bool {
			return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		}
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, outside) {
			return false
		}
	}
	return true
}

// badHeader says what is wrong with a header of a probe and what would be
// right, or "".
func badHeader(name, text string) (wrong, right string) {
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return fmt.Sprintf("%q is not the name of a header", name), "a name such as X-Probe"
	case !httpguts.ValidHeaderFieldValue(text):
		return fmt.Sprintf("the value of %s has a control character", name), "one line of text"
	case strings.EqualFold(name, "Host"):
		return name + " is set by host", "host: www.example.com"
	case strings.EqualFold(name, "Content-Length"), strings.EqualFold(name, "Transfer-Encoding"):
		return name + " belongs to a request with a body, and none is sent", "leave it out"
	}
	return "", ""
}
