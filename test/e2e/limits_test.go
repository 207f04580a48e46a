package e2e

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// TestDescriptorsRunOut leaves the server twenty descriptors and opens a
// hundred connections: new ones are answered in the place of idle ones, UDP
// notices nothing, sites keep their state, the log stays short, and a reload
// is made once there is room again.
func TestDescriptorsRunOut(t *testing.T) {
	sites := newSites(t, 2)
	dir, _ := reloadFolder(t, sites)
	s := start(t, dir, "--limits-tcp-connections", "1000", "--limits-tcp-connections-per-client", "1000")
	from := s.log.len()
	most := uint64(s.descriptors() + 20)
	if err := unix.Prlimit(s.cmd.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: most, Max: most}, nil); err != nil {
		t.Fatal(err)
	}
	var idle []net.Conn
	for range 100 {
		c, err := net.Dial("tcp", s.addr()) // the kernel accepts it
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		idle = append(idle, c)
	}
	udp := dial(t, "udp", s.addr())
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if got := only(udp.must(t, query("www.example.com", dns.TypeA, netip.Prefix{}))); got != sites[0].ip() {
			t.Fatalf("%v is answered without descriptors", got)
		}
	}
	for range 5 {
		if err := once(s.addr(), func(m *dns.Msg) bool { return only(m) == sites[0].ip() }); err != nil {
			t.Errorf("a new connection without descriptors: %v", err)
		}
	}
	if text := s.log.String()[from:]; strings.Count(text, "\n") > 20 || strings.Contains(text, "to=down") {
		t.Errorf("the log says:\n%s", text)
	}
	for _, c := range idle {
		c.Close()
	}
	eventually(t, notice, "a reload works again", func() bool {
		s.hangup()
		return s.metric("geodns_config_ok") == 1 && s.metric("geodns_server_tcp_accept_errors_total") > 0
	})
}
