package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"strings"

	"github.com/geodns-vipd/geodns/internal/httpjson"
)

// ReportRequest is what somebody reports about an address that a push check
// watches.
type ReportRequest struct {
	Check   string
	Site    string
	Address netip.Addr // invalid: all addresses of the site
	State   string     // "up" or "down"
	Load    *float64   // nil: not reported; else not negative
	Reason  string

	Token   string // "" for none; that of the check lets its bearer report
	Trusted bool   // may change anything, so no token is asked for
}

// ErrNotAllowed is the error of a request that its sender may not make.
var ErrNotAllowed = errors.New("not allowed: the token of the check or of the administrator is needed")

// Bounds of a report, in octets.
const (
	maxReport       = 4 << 10
	maxReportReason = 200
)

// reportBody is the JSON of a report.
type reportBody struct {
	Site    string   `json:"site"`
	Address string   `json:"address"`
	State   string   `json:"state"`
	Load    *float64 `json:"load"`
	Reason  string   `json:"reason"`
}

// handleReport serves POST /api/v1/checks/{check}/report.
func (s *Server) handleReport(take func(context.Context, ReportRequest) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		req, err := readReport(w, r)
		req.Trusted = s.trusted(r)
		if err == nil {
			err = take(r.Context(), req)
		}
		var bad *BadRequest
		switch {
		case errors.As(err, &bad):
			httpjson.Fail(w, http.StatusBadRequest, bad.Text)
		case errors.Is(err, ErrNotAllowed):
			w.Header().Set("WWW-Authenticate", "Bearer")
			httpjson.Fail(w, http.StatusUnauthorized, err.Error())
		case err != nil:
			httpjson.Fail(w, http.StatusInternalServerError, err.Error())
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}
}

// readReport reads and checks a report. Its content type keeps forms of web
// pages elsewhere out (a browser asks before it sends JSON).
func readReport(w http.ResponseWriter, r *http.Request) (ReportRequest, error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/json" {
		return ReportRequest{}, &BadRequest{"the content type is not application/json"}
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxReport))
	dec.DisallowUnknownFields()
	var b reportBody
	if err := dec.Decode(&b); err != nil {
		return ReportRequest{}, &BadRequest{"the report is no JSON of the kind {\"site\": …, \"address\": …, \"state\": \"up\"}: " + err.Error()}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return ReportRequest{}, &BadRequest{"there is something after the report"}
	}
	req := ReportRequest{Check: r.PathValue("check"), Site: b.Site, State: b.State, Load: b.Load, Reason: b.Reason}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		req.Token = token
	}
	switch addr, err := netip.ParseAddr(b.Address); {
	case b.Site == "":
		return req, &BadRequest{"the report names no site"}
	case b.State != "up" && b.State != "down":
		return req, &BadRequest{fmt.Sprintf("state %q: up or down", b.State)}
	case b.Load != nil && !(*b.Load >= 0):
		return req, &BadRequest{"load: a number that is not negative"}
	case len(b.Reason) > maxReportReason || strings.ContainsFunc(b.Reason, func(c rune) bool { return c < ' ' }):
		return req, &BadRequest{"reason: one line of at most 200 octets"}
	case b.Address != "" && err != nil:
		return req, &BadRequest{fmt.Sprintf("address %q: an address such as 192.0.2.10", b.Address)}
	case b.Address != "":
		req.Address = addr.Unmap()
	}
	return req, nil
}

// trusted reports whether a request may change anything.
func (s *Server) trusted(r *http.Request) bool {
	if _, unix := r.Context().Value(peerKey{}).(string); unix {
		return true
	}
	_, _, wrong := s.identify(r)
	return wrong == ""
}
