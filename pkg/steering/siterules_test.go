package steering

import (
	"strings"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

func TestHowSitesComeBack(t *testing.T) {
	for _, c := range []struct {
		keys  string
		want  health.Rules
		wrong string // "" if nothing is
	}{
		{"", health.Rules{}, ""},
		{"slow_start: 5m", health.Rules{SlowStart: 5 * time.Minute}, ""},
		{"fail_back: manual", health.Rules{Manual: true}, ""},
		{"fail_back: {hold: 10m}, slow_start: 1s", health.Rules{Hold: 10 * time.Minute, SlowStart: time.Second}, ""},
		{"capacity: 1.5e3", health.Rules{Capacity: 1500}, ""},
		{"capacity: 0", health.Rules{}, "1:49: site fra: capacity is 0: a number above 0, in the unit in which loads are reported"},
		{"capacity: NaN", health.Rules{}, "1:49: site fra: capacity is NaN: a number above 0, in the unit in which loads are reported"},
		{"capacity: much", health.Rules{}, "1:49: site fra: capacity is much: a number above 0, in the unit in which loads are reported"},
		{"slow_start: 5", health.Rules{}, "1:51: site fra: slow_start is 5 without a unit: 5s or 5ms"},
		{"slow_start: 25h", health.Rules{}, "1:51: site fra: slow_start is 25h: a time from 1s to 24h such as 500ms or 2s"},
		{"fail_back: automatic", health.Rules{}, `1:50: site fra: fail_back is "automatic": manual, or {hold: 10m}`},
		{"fail_back: [1]", health.Rules{}, "1:50: site fra: fail_back is a list: manual, or {hold: 10m}"},
		{"fail_back: {}", health.Rules{}, "1:50: site fra: fail_back is an empty mapping: manual, or {hold: 10m}"},
		{"fail_back: ", health.Rules{}, "1:39: site fra: fail_back is nothing: manual, or {hold: 10m}"},
		{"fail_back: {hold: never}", health.Rules{}, "1:57: site fra: fail_back: hold is never: a time from 1s to 24h such as 500ms or 2s"},
		{"fail_back: {held: 1s}", health.Rules{}, `1:51: unknown key "held" in site fra: fail_back: did you mean hold?`},
	} {
		conf, list := Parse([]File{{Name: "s.yaml", Data: []byte("sites: {fra: {addresses: [192.0.2.1], " + c.keys + "}}\n")}})
		var got []string
		for _, d := range list {
			if !strings.Contains(d.String(), "warning:") {
				got = append(got, strings.TrimPrefix(d.String(), "s.yaml:"))
			}
		}
		if text := strings.Join(got, "\n"); text != c.wrong {
			t.Errorf("%s: got %q, want %q", c.keys, text, c.wrong)
		}
		if c.wrong == "" && conf.Rules()["fra"] != c.want {
			t.Errorf("%s: got %+v, want %+v", c.keys, conf.Rules()["fra"], c.want)
		}
	}
}
