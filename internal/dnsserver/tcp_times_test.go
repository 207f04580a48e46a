package dnsserver

import (
	"strings"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/stalltest"
)

func TestTCPCutsOffIdleAndSlowClients(t *testing.T) {
	const limit = 200 * time.Millisecond
	s, addr, _ := startTCP(t, Config{Idle: limit, ReadTimeout: limit, WriteTimeout: limit})
	var begin time.Time
	stall, before := stalltest.Start(t), time.Duration(0)
	// The clock starts before what the limit counts from.
	clock := func() { before, begin = stall.Lost(), time.Now() }
	inTime := func(what string) {
		t.Helper()
		if took := time.Since(begin); took < limit*8/10 || took > limit+2*time.Second+stall.Lost()-before {
			t.Errorf("%s: cut off after %v", what, took)
		}
	}
	clock()
	dialTCP(t, addr).wantClosed()
	inTime("never asked")

	var c client
	for { // a stall before it asks is as if it never did
		c = dialTCP(t, addr)
		clock()
		c.send("one")
		if got, err := c.next(); got == "one" {
			break
		} else if stall.Lost()-before < limit/2 {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	c.wantClosed()
	inTime("asked once")

	c = dialTCP(t, addr)
	clock()
	for _, b := range framed(strings.Repeat("slow", 200)) {
		if _, err := c.Write([]byte{b}); err != nil {
			break
		}
		time.Sleep(limit / 10)
	}
	inTime("a byte now and then")

	c = dialTCP(t, addr)
	clock()
	for {
		if _, err := c.Write(framed("large", "large")); err != nil {
			break
		}
	}
	inTime("never reads")
	eventually(t, "four connections timed out", func() bool { return s.Stats().TCP.TimedOut >= 4 })
	eventually(t, "none open", func() bool { return s.Stats().TCP.Open == 0 })
}
