package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/geodns-vipd/geodns/internal/httpjson"
)

// ChangeRequest asks to change something about a site.
type ChangeRequest struct {
	Action string // "drain", "undrain" or "force"
	Site   string // or the name of a policy's target
	Who    string // who asks, as the connection tells; not read from the body
	ChangeBody
}

// ChangeBody is the body of a request that changes something.
type ChangeBody struct {
	For         *Duration `json:"for,omitempty"`  // nil: until it is taken back
	Over        *Duration `json:"over,omitempty"` // nil: as the site says
	Reason      string    `json:"reason,omitempty"`
	Address     string    `json:"address,omitempty"`
	Policy      string    `json:"policy,omitempty"`
	State       string    `json:"state,omitempty"`
	BeyondGuard bool      `json:"beyond_guard,omitempty"`
}

// Duration is a time that stands in JSON as text such as "2h" or "10m".
type Duration time.Duration

// UnmarshalJSON implements json.Unmarshaler.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var text string
	err := json.Unmarshal(data, &text)
	if err == nil {
		var v time.Duration
		v, err = time.ParseDuration(text)
		*d = Duration(v)
	}
	if err != nil {
		return &BadRequest{fmt.Sprintf("%s is no time: such as \"10m\" or \"2h\"", data)}
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// bodyKeys are what each action takes.
var bodyKeys = map[string][]string{
	"drain":   {"for", "over", "reason", "address", "policy", "beyond_guard"},
	"undrain": {"over", "reason", "address", "policy"},
	"force":   {"state", "for", "reason", "address", "policy", "beyond_guard"},
}

// loadBody is the body of a report of a site's load.
type loadBody struct {
	Load *float64 `json:"load"`
}

// report serves the reports of loads.
func (s *Server) report(mux *http.ServeMux, load func(site string, load float64) error) {
	mux.HandleFunc("POST /api/v1/sites/{site}/load", s.changing(func(w http.ResponseWriter, r *http.Request, _ string) {
		var body loadBody
		err := readBody(w, r, []string{"load"}, &body)
		if err == nil && (body.Load == nil || *body.Load < 0) {
			err = errors.New("load is missing or negative: {\"load\": 123}")
		}
		if err != nil {
			httpjson.Fail(w, http.StatusBadRequest, err.Error())
			return
		}
		reply(w, struct{}{}, load(r.PathValue("site"), *body.Load))
	}))
}

// maxBody bounds the body of a request, in octets.
const maxBody = 16 << 10

// Refusal is an error of whoever asked that has a status of its own.
type Refusal struct {
	Status int
	Text   string
}

func (e *Refusal) Error() string { return e.Text }

// change serves the requests that change something about a site.
func (s *Server) change(mux *http.ServeMux, change func(ChangeRequest) (any, error)) {
	for action := range bodyKeys {
		mux.HandleFunc("POST /api/v1/sites/{site}/"+action, s.changing(func(w http.ResponseWriter, r *http.Request, who string) {
			req := ChangeRequest{Action: action, Site: r.PathValue("site"), Who: who}
			if err := readBody(w, r, bodyKeys[action], &req.ChangeBody); err != nil {
				httpjson.Fail(w, http.StatusBadRequest, err.Error())
				return
			}
			out, err := change(req)
			reply(w, out, err)
		}))
	}
}

// readBody reads a bounded JSON object that has certain keys; no body is an
// empty object.
func readBody(w http.ResponseWriter, r *http.Request, known []string, into any) error {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if len(strings.TrimSpace(string(data))) == 0 {
		return nil
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(data, &keys); err != nil {
		return errors.New("the body is no JSON object")
	}
	for k := range keys {
		if !slices.Contains(known, k) {
			return fmt.Errorf("unknown key %q: one of %s", k, strings.Join(known, ", "))
		}
	}
	if err := json.Unmarshal(data, into); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return fmt.Errorf("%s is %s: it has the wrong form", kind.Field, kind.Value)
		}
		return err
	}
	return nil
}

// reply writes what a handler returned.
func reply(w http.ResponseWriter, out any, err error) {
	var bad *BadRequest
	var refused *Refusal
	switch {
	case errors.As(err, &bad):
		httpjson.Fail(w, http.StatusBadRequest, bad.Text)
	case errors.As(err, &refused):
		httpjson.Fail(w, refused.Status, refused.Text)
	case err != nil:
		httpjson.Fail(w, http.StatusInternalServerError, err.Error())
	default:
		httpjson.Write(w, http.StatusOK, out)
	}
}
