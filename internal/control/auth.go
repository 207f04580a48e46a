package control

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/user"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/internal/httpjson"
)

// minToken is the shortest token that is taken, in octets.
const minToken = 16

// ReadToken reads the token file again, if one is configured. On an error the
// token read before stays.
func (s *Server) ReadToken() error {
	if s.cfg.TokenFile == "" {
		return nil
	}
	data, err := os.ReadFile(s.cfg.TokenFile)
	if err != nil {
		return fmt.Errorf("admin_token_file: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if len(token) < minToken {
		return fmt.Errorf("admin_token_file: %s holds %d characters, a token has at least %d", s.cfg.TokenFile, len(token), minToken)
	}
	sum := sha256.Sum256([]byte(token))
	s.token.Store(&sum)
	return nil
}

// peerKey finds in a connection's context who is at its other end.
type peerKey struct{}

// withPeer notes the user at the other end of a Unix socket.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	uc, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	who := "the Unix socket"
	if raw, err := uc.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
				who = userName(cred.Uid)
			}
		})
	}
	return context.WithValue(ctx, peerKey{}, who)
}

func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "uid " + id
}

// changing lets through requests that may change something, and tells the
// handler who asks. The Unix socket is guarded by its mode. Over TCP the token
// says who may; without a token file, a listener on loopback takes changes from
// there, and any other takes none.
func (s *Server) changing(next func(w http.ResponseWriter, r *http.Request, who string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if who, unix := r.Context().Value(peerKey{}).(string); unix {
			next(w, r, who)
			return
		}
		who, code, wrong := s.identify(r)
		if wrong != "" {
			if code == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer realm="geodns"`)
			}
			httpjson.Fail(w, code, wrong)
			return
		}
		// A web page elsewhere can send a form, but not this type, without
		// asking first.
		kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if kind != "application/json" && (kind != "" || r.ContentLength != 0) {
			httpjson.Fail(w, http.StatusUnsupportedMediaType, "the body is to be JSON: Content-Type: application/json")
			return
		}
		next(w, r, who)
	}
}

// identify says who asks over TCP, or why they may not.
func (s *Server) identify(r *http.Request) (who string, code int, wrong string) {
	remote, _ := netip.ParseAddrPort(r.RemoteAddr)
	from := remote.Addr().Unmap()
	want := s.token.Load()
	if want == nil {
		local, _ := netip.ParseAddrPort(s.Addr())
		if !local.Addr().IsLoopback() || !from.IsLoopback() {
			return "", http.StatusForbidden, "without admin_token_file changes come over loopback or the Unix socket only"
		}
		return from.String(), 0, ""
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	got := sha256.Sum256([]byte(strings.TrimSpace(token)))
	if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		return "", http.StatusUnauthorized, "a change needs the token of admin_token_file (Authorization: Bearer …)"
	}
	return "token from " + from.String(), 0, ""
}
