package probe

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// LoadConfig says where a response reports the load of what is probed. The
// zero value looks nowhere. What is no number, or is negative, is no report;
// it does not fail the probe.
type LoadConfig struct {
	Header string // name of a header
	JSON   string // path to a number in a JSON body, the keys with dots between
}

// header returns the value of the header, or "".
func (c LoadConfig) header(h http.Header) string {
	if c.Header == "" {
		return ""
	}
	return h.Get(c.Header)
}

// read takes the load that r reports into the result of a.
func (c LoadConfig) read(a *attempt, r reply) {
	switch {
	case c.Header != "":
		a.load, a.hasLoad = parseLoad(r.load)
	case c.JSON != "":
		a.load, a.hasLoad = jsonLoad(r.body, c.JSON)
	}
}

// parseLoad returns the number in text.
func parseLoad(text string) (float64, bool) {
	load, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(load >= 0) || math.IsInf(load, 0) {
		return 0, false
	}
	return load, true
}

// jsonLoad returns the number at a path in an object.
func jsonLoad(body []byte, path string) (float64, bool) {
	for key := range strings.SplitSeq(path, ".") {
		var object map[string]json.RawMessage
		if json.Unmarshal(body, &object) != nil {
			return 0, false
		}
		body = object[key]
	}
	return parseLoad(strings.Trim(string(body), `"`))
}
