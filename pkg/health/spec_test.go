package health

import (
	"strings"
	"testing"
	"time"
)

func TestDefaultsAreThoseOfTheManual(t *testing.T) {
	for _, c := range []struct{ in, want Spec }{
		{Spec{}, Spec{2 * time.Second, time.Second, 2, 2, 0}},
		{Spec{Interval: 500 * time.Millisecond}, Spec{500 * time.Millisecond, 500 * time.Millisecond, 2, 2, 0}},
		{Spec{Interval: time.Minute, Fall: 5}, Spec{time.Minute, time.Second, 5, 2, 0}},
		{Spec{Timeout: 3 * time.Second, Rise: 1}, Spec{2 * time.Second, 3 * time.Second, 2, 1, 0}},
	} {
		if got := c.in.WithDefaults(); got != c.want {
			t.Errorf("%+v: got %+v, want %+v", c.in, got, c.want)
		}
	}
}

func TestValidateTellsEveryMistakeAtOnce(t *testing.T) {
	for _, c := range []struct {
		in   Spec
		want []string // one for each line
	}{
		{Spec{}.WithDefaults(), nil},
		{Spec{time.Second, time.Second, 1, 1, 0}, nil},
		{Spec{}, []string{"interval 0s", "timeout 0s", "fall 0", "rise 0"}},
		{Spec{time.Second, 2 * time.Second, -1, 2, 0}, []string{"timeout 2s is longer than interval 1s", "fall -1"}},
		{Spec{-time.Second, time.Second, 2, 2, 0}, []string{"interval -1s"}},
	} {
		var lines []string
		if err := c.in.Validate(); err != nil {
			lines = strings.Split(err.Error(), "\n")
		}
		if len(lines) != len(c.want) {
			t.Errorf("%+v: got %q, want %q", c.in, lines, c.want)
			continue
		}
		for i, want := range c.want {
			if !strings.HasPrefix(lines[i], want) {
				t.Errorf("%+v: got %q, want %q", c.in, lines[i], want)
			}
		}
	}
}
