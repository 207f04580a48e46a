package porttest

import (
	"fmt"
	"net"
	"testing"
)

func TestPortsAreNobodyElses(t *testing.T) {
	seen := map[int]bool{}
	for range 200 {
		p := Free(t, 1, 80)
		for _, q := range []int{p, p + 1, p + 80} {
			if seen[q] || q < first || q > last {
				t.Fatalf("port %d is given out twice, or out of range", q)
			}
			seen[q] = true
		}
		if claim(t, p, []int{0}) || claim(t, p+79, []int{0, 1}) {
			t.Fatalf("port %d can be claimed again", p)
		}
	}
	t.Run("one test", func(t *testing.T) { seen[0], seen[1] = true, claim(t, last, []int{0}) })
	if seen[1] && !claim(t, last, []int{0}) {
		t.Error("a port is not given back at the end of its test")
	}
}

func TestPortsInUseAreNotFree(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		p := Free(t)
		addr := fmt.Sprintf("127.0.0.9:%d", p)
		if network == "tcp" {
			ln, err := net.Listen(network, addr)
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
		} else {
			c, err := net.ListenPacket(network, addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
		}
		if isFree(p, []int{0}) {
			t.Errorf("%s %s is in use, and free", network, addr)
		}
	}
}
