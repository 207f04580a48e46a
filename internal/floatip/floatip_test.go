package floatip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/geodns-vipd/geodns/internal/stalltest"
)

func mustAddr(s string) netip.Addr { return netip.MustParseAddr(s) }

var fast = pace{confirm: 5 * time.Millisecond, firstFight: 80 * time.Millisecond, maxFight: 160 * time.Millisecond, firstError: 5 * time.Millisecond, maxError: 20 * time.Millisecond}

func always() (time.Duration, bool) { return time.Minute, true }

// start runs a loop until the test ends.
func start(t *testing.T, cfg Config) *Loop {
	t.Helper()
	cfg.Instance, cfg.Address, cfg.Log = "VI_1", fakeAddr, slog.New(slog.NewTextHandler(io.Discard, nil))
	if cfg.Lease == nil {
		cfg.Lease = always
	}
	if cfg.Interval == 0 {
		cfg.Interval = 10 * time.Millisecond
	}
	cfg.Timeout, cfg.pace = time.Second, fast
	l := New(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); l.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return l
}

func until(t *testing.T, what string, so func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	for !so() {
		if time.Since(begin) > 20*time.Second {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
	return time.Since(begin)
}

func TestMasterClaimsAtOnceAndConfirms(t *testing.T) {
	f := newFakeCloud(t)
	f.holder, f.steps = 202, 3
	l := start(t, Config{Provider: f.provider(t)})
	time.Sleep(20 * time.Millisecond)
	if got := f.requests(); got != "" {
		t.Fatalf("a backup asked the cloud: %s", got)
	}
	l.Master(false)
	until(t, "the address is here", func() bool { return l.Status().Where == Here })
	if got := f.requests(); !strings.HasPrefix(got, "assign get get get") {
		t.Errorf("requests %q, want one claim, then looks", got)
	}
	if f.held() != 101 {
		t.Errorf("held by %d, want this droplet", f.held())
	}
}

func TestAfterSleepItLooksFirst(t *testing.T) {
	f := newFakeCloud(t)
	f.holder = 101
	l := start(t, Config{Provider: f.provider(t)})
	l.Master(true)
	until(t, "the address is here", func() bool { return l.Status().Where == Here })
	if got := f.requests(); strings.Contains(got, "assign") {
		t.Errorf("requests %q: claimed what was here", got)
	}
}

func TestDemotionCancelsAtOnce(t *testing.T) {
	hold := make(chan struct{})
	f := newFakeCloud(t)
	f.fail = []func(http.ResponseWriter){func(http.ResponseWriter) { <-hold }}
	defer close(hold)
	l := start(t, Config{Provider: f.provider(t)})
	l.Master(false)
	until(t, "the claim is under way", func() bool { return l.Status().Claims == 1 })
	l.Backup()
	time.Sleep(50 * time.Millisecond)
	if st := l.Status(); st.Wanted || st.Err != "" {
		t.Errorf("status %+v: a cancelled claim is no error", st)
	}
}

func TestNoLeaseNoClaim(t *testing.T) {
	f := newFakeCloud(t)
	f.holder = 202
	var ok atomic.Bool
	lease := func() (time.Duration, bool) { return time.Second, ok.Load() }
	l := start(t, Config{Provider: f.provider(t), Lease: lease})
	l.Master(false)
	time.Sleep(60 * time.Millisecond)
	if got := f.requests(); strings.Contains(got, "assign") {
		t.Fatalf("requests %q: claimed without a lease", got)
	}
	ok.Store(true)
	until(t, "claimed once the lease is back", func() bool { return strings.Contains(f.requests(), "assign") })
}

func TestClaimEndsWithTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var until atomic.Int64
		until.Store(time.Now().Add(30 * time.Millisecond).UnixNano())
		lease := func() (time.Duration, bool) {
			left := time.Until(time.Unix(0, until.Load()))
			return left, left > 0
		}
		ended := make(chan time.Time, 1)
		l := start(t, Config{Provider: &slowProvider{ended: ended}, Lease: lease})
		l.Master(false)
		time.Sleep(20 * time.Millisecond)
		renewed := time.Now().Add(100 * time.Millisecond)
		until.Store(renewed.UnixNano())
		if at := <-ended; at.Before(renewed) || at.Sub(renewed) > 10*time.Millisecond {
			t.Errorf("the claim ended %v after its renewed lease", at.Sub(renewed))
		}
	})
}

// slowProvider claims until it is told to end.
type slowProvider struct{ ended chan time.Time }

func (p *slowProvider) Observe(context.Context) (Observation, error) { return Observation{}, nil }
func (p *slowProvider) Claim(ctx context.Context) error {
	<-ctx.Done()
	p.ended <- time.Now()
	return ctx.Err()
}

func TestLeaseIsAskedWhenTheConnectionStands(t *testing.T) {
	f := newFakeCloud(t)
	p := f.provider(t)
	p.Lease = func() (time.Duration, bool) { return 0, false } // ended while it was dialled
	if err := p.Claim(t.Context()); err == nil {
		t.Error("claimed after the lease had ended")
	}
	if got := f.requests(); got != "" {
		t.Errorf("requests %q", got)
	}
}

func TestContestedAddressIsFoughtForSlowly(t *testing.T) {
	f := newFakeCloud(t)
	f.steps = 1
	l := start(t, Config{Provider: f.provider(t)})
	l.Master(false)
	until(t, "here", func() bool { return l.Status().Where == Here })
	stall, moved, claims := stalltest.Start(t), time.Now(), l.Status().Claims
	f.move(202)
	contested := false
	until(t, "claimed again", func() bool {
		st := l.Status()
		contested = contested || st.Contested
		return st.Claims > claims
	})
	if !contested && stall.Lost() < fast.firstFight/2 {
		t.Error("never contested")
	}
	if took := time.Since(moved); took < fast.firstFight/2 {
		t.Errorf("claimed again after %v, want about %v", took, fast.firstFight)
	}
	until(t, "here again", func() bool { return f.held() == 101 })
}

func TestWhatAnEarlierMastershipSawIsForgotten(t *testing.T) {
	f := newFakeCloud(t)
	f.steps = 1
	l := start(t, Config{Provider: f.provider(t)})
	l.Master(false)
	until(t, "here", func() bool { return l.Status().Where == Here })
	l.Backup()
	f.move(202)
	for range 20 { // a look that was under way must not be noted either
		if st := l.Status(); st.Where != Unknown || !st.At.IsZero() || st.Wanted {
			t.Fatalf("a backup says %+v", st)
		}
		time.Sleep(time.Millisecond)
	}
	l.Master(false)
	if st := l.Status(); st.Where == Here && f.held() != 101 {
		t.Errorf("here, though it is at %d", f.held())
	}
	until(t, "here again", func() bool { return l.Status().Where == Here })
}

func TestErrorsBackOffAndObeyRetryAfter(t *testing.T) {
	m := mastership{pace: defaultPace, interval: 5 * time.Second}
	_, wait := m.claimed(errors.New("500"))
	_, again := m.observed(Observation{}, errors.New("500"), false, false)
	if wait != time.Second || again != 2*time.Second {
		t.Errorf("waits %v, %v, want 1s, 2s", wait, again)
	}
	_, later := m.observed(Observation{}, fmt.Errorf("x: %w", &RetryAfter{Wait: 40 * time.Second, Err: errors.New("429")}), false, false)
	if later != 40*time.Second {
		t.Errorf("waits %v, want 40s as told", later)
	}
	for range 100 {
		_, wait = m.observed(Observation{}, errors.New("500"), false, false)
	}
	if wait != defaultPace.maxError {
		t.Errorf("waits %v at most, want %v", wait, defaultPace.maxError)
	}
}

func TestFights(t *testing.T) {
	m := mastership{pace: defaultPace, interval: 5 * time.Second}
	fight := func(heard, lower bool) time.Duration {
		m.observed(Observation{Where: Here}, nil, false, false)
		_, wait := m.observed(Observation{Where: Elsewhere}, nil, heard, lower)
		return wait
	}
	for _, c := range []struct {
		heard, lower bool
		want         time.Duration
	}{
		{false, false, 10 * time.Second},
		{false, false, 20 * time.Second},
		{false, true, 80 * time.Second}, // the lower priority waits twice
		{true, false, 10 * time.Second}, // a peer was heard: it starts anew
	} {
		if got := fight(c.heard, c.lower); got != c.want {
			t.Errorf("heard %v lower %v: waits %v, want %v", c.heard, c.lower, got, c.want)
		}
	}
	for range 70 {
		if got := fight(false, false); got > defaultPace.maxFight || got <= 0 {
			t.Fatalf("waits %v, want at most %v", got, defaultPace.maxFight)
		}
	}
}

func TestAPIErrors(t *testing.T) {
	f := newFakeCloud(t)
	f.fail = []func(http.ResponseWriter){func(w http.ResponseWriter) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, `{"id":"too_many_requests","message":"API Rate limit exceeded."}`)
	}}
	p := f.provider(t)
	_, err := p.Observe(t.Context())
	var later *RetryAfter
	if !errors.As(err, &later) || later.Wait != 7*time.Second {
		t.Errorf("got %v, want to come again in 7 s", err)
	}
	f.token = "another"
	_, err = p.Observe(t.Context())
	if err == nil || !strings.Contains(err.Error(), "Unable to authenticate you") || strings.Contains(err.Error(), fakeToken) {
		t.Errorf("got %v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"", 0, false},
		{"30", 30 * time.Second, true},
		{"1800000012", 12 * time.Second, true},
		{"99999", time.Hour, true},
		{"-5", 0, true},
		{now.Add(9 * time.Second).UTC().Format(http.TimeFormat), 9 * time.Second, true},
		{"soon", 0, false},
	} {
		h := http.Header{}
		if c.text != "" {
			h.Set("Retry-After", c.text)
		}
		if got, ok := retryAfter(h, now); got != c.want || ok != c.ok {
			t.Errorf("%q: got %v %v, want %v %v", c.text, got, ok, c.want, c.ok)
		}
	}
}

func TestCommands(t *testing.T) {
	var calls []string
	exits := map[string]int{}
	c := &Commands{
		ObserveArgv: []string{"observe", "x"}, ClaimArgv: []string{"claim"}, ConfirmArgv: []string{"confirm"},
		Instance: "VI_1", Address: fakeAddr,
		Run: func(_ context.Context, argv []string) (int, string, error) {
			calls = append(calls, strings.Join(argv, " "))
			return exits[argv[0]], "exit status", nil
		},
	}
	for exit, want := range map[int]Where{0: Here, 1: Elsewhere} {
		exits["observe"] = exit
		if obs, err := c.Observe(t.Context()); err != nil || obs.Where != want {
			t.Errorf("exit %d: got %v %v, want %v", exit, obs.Where, err, want)
		}
	}
	exits["observe"] = 2
	if _, err := c.Observe(t.Context()); err == nil {
		t.Error("exit 2 means unknown")
	}
	calls = nil
	if err := c.Claim(t.Context()); err != nil {
		t.Error(err)
	}
	if got := strings.Join(calls, "; "); got != "claim VI_1 203.0.113.10; confirm VI_1 203.0.113.10" {
		t.Errorf("ran %q", got)
	}
}
