package control

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/geodns-vipd/geodns/internal/httpjson"
)

// guard refuses requests that a web page elsewhere made a browser send: its
// Host names somebody else's domain (DNS rebinding) or its Origin is another
// site's. It also keeps the replies from being framed or sniffed.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		if local != nil && local.Network() == "unix" {
			next.ServeHTTP(w, r) // the file's mode says who may
			return
		}
		if !s.knownHost(r.Host, local) {
			httpjson.Fail(w, http.StatusForbidden, "host "+r.Host+" is not among this listener's names; see admin_hosts")
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" {
			u, err := url.Parse(origin)
			if err != nil || !s.knownHost(u.Host, local) {
				httpjson.Fail(w, http.StatusForbidden, "origin "+origin+" may not call this listener")
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// knownHost reports whether a Host header names this listener: localhost, the
// address that was connected to, or a configured name. Ports are not compared,
// since they may have been translated on the way.
func (s *Server) knownHost(hostport string, local net.Addr) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if host == "localhost" {
		return true
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		if ap, err := netip.ParseAddrPort(local.String()); err == nil && ap.Addr().Unmap() == addr.Unmap() {
			return true
		}
	}
	return slices.ContainsFunc(s.cfg.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
}
