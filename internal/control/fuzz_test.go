package control

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever a body holds: no panic, and what is taken of it is what it says,
// read once more by the standard library.
func FuzzChangeBody(f *testing.F) {
	for _, body := range []string{
		"", "{}", "null", `{"for": "2h", "over": "10m", "reason": "x", "beyond_guard": true}`, `{"over": null, "address": "192.0.2.1"}`,
		`{"state": "down", "policy": "web"}`, `{"load": 1e3}`, `{"for": "-1h"}`, `{"for": 7}`, `{"FOR": "2h"}`, `[{}]`, `{"for": "1h", "for": "2h"}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for action, known := range bodyKeys {
			var got ChangeBody
			if err := readFrom(body, known, &got); err != nil {
				if text := err.Error(); text == "" || len(text) > len(body)*6+300 {
					t.Errorf("%s %q: the error is %q", action, body, text)
				}
				continue
			}
			if strings.TrimSpace(body) == "" {
				if got != (ChangeBody{}) {
					t.Errorf("%s: %+v of nothing", action, got)
				}
				continue
			}
			var keys map[string]any
			if err := json.Unmarshal([]byte(body), &keys); err != nil {
				t.Fatalf("%s %q was taken: %v", action, body, err)
			}
			again, err := json.Marshal(got)
			var back ChangeBody
			if err == nil {
				err = json.Unmarshal(again, &back)
			}
			same := (back.For == nil) == (got.For == nil) && (got.For == nil || *back.For == *got.For) && back.Reason == got.Reason && back.Address == got.Address && back.Policy == got.Policy &&
				back.State == got.State && back.BeyondGuard == got.BeyondGuard && (back.Over == nil) == (got.Over == nil)
			if err != nil || !same {
				t.Errorf("%s %q: %+v comes back as %+v, %v", action, body, got, back, err)
			}
			for key, value := range keys { // a key that an action does not take has no effect
				if text, isText := value.(string); isText && key == "state" && (action != "force" || got.State != text) {
					t.Errorf("%s %q: the state is %q", action, body, got.State)
				}
			}
		}
		var load loadBody
		if readFrom(body, []string{"load"}, &load) == nil && load.Load != nil && *load.Load != *load.Load {
			t.Errorf("%q: the load is no number", body)
		}
	})
}

func readFrom(body string, known []string, into any) error {
	return readBody(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)), known, into)
}

// Whatever is reported: no panic, and what is taken keeps to the bounds that
// the rest of the program relies on.
func FuzzReport(f *testing.F) {
	for _, body := range []string{
		`{"site": "fra", "address": "192.0.2.1", "state": "down", "load": 3, "reason": "full"}`, `{"site": "fra", "state": "up", "load": -0.0}`,
		`{"site": "fra", "address": "::ffff:192.0.2.1", "state": "up"}`, `{"site": "fra", "address": "fe80::1%eth0", "state": "up"}`, `{}`, `null`, ``,
		`{"site": "fra", "state": "up", "reason": "a\nb"}`, `{"site": "fra", "state": "up", "load": 1e308}`, `{"site": "fra", "state": "up"} 1`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		got, err := readReport(httptest.NewRecorder(), r)
		if err != nil {
			return
		}
		switch {
		case !json.Valid([]byte(body)):
			t.Errorf("%q was taken", body)
		case got.Site == "" || got.State != "up" && got.State != "down" || got.Address.Is4In6():
			t.Errorf("%q: taken as %+v", body, got)
		case got.Load != nil && !(*got.Load >= 0):
			t.Errorf("%q: a load of %v", body, *got.Load)
		case len(got.Reason) > maxReportReason || strings.ContainsAny(got.Reason, "\n\r\x00\x1b") || !utf8.ValidString(got.Reason):
			t.Errorf("%q: the reason is %q", body, got.Reason)
		}
	})
}
