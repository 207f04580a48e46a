package geodns

import (
	"strings"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/control"
)

// A time of 0 is a mistake of whoever asks: to be taken for none, it would
// hold for ever.
func TestTimesOfAnOrder(t *testing.T) {
	d := func(v time.Duration) *control.Duration { c := control.Duration(v); return &c }
	for _, c := range []struct {
		hold, over *control.Duration
		err        string
	}{
		{nil, nil, ""},
		{d(2 * time.Hour), d(10 * time.Minute), ""},
		{d(2 * time.Hour), d(0), ""},
		{d(0), nil, "for is 0s: a time above 0"},
		{d(-time.Second), nil, "for is -1s: a time above 0"},
		{d(time.Minute), d(time.Hour), "over is longer than for"},
		{nil, d(-time.Second), "over is -1s"},
	} {
		_, err := orderOf(control.ChangeRequest{Action: "drain", Site: "fra", ChangeBody: control.ChangeBody{For: c.hold, Over: c.over}})
		if err == nil != (c.err == "") || err != nil && !strings.HasPrefix(err.Error(), c.err) {
			t.Errorf("for %v over %v: %v, want %q", c.hold, c.over, err, c.err)
		}
	}
}
