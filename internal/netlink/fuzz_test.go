package netlink

import (
	"testing"

	"golang.org/x/sys/unix"
)

// FuzzParse feeds what comes from a socket to all that reads it: nothing may
// panic, whatever lengths say.
func FuzzParse(f *testing.F) {
	var m batch
	a := vip("192.0.2.1/24")
	a.Label = "eth0:1"
	m.newAddress(0, &a, 3, 0)
	f.Add(m.b)
	f.Add([]byte{20, 0, 0, 0, unix.RTM_NEWLINK, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, b []byte) {
		eachMessage(b, func(h unix.NlMsghdr, body []byte) {
			parseEvent(h.Type, body)
			parseLink(body)
			if len(body) >= 4 {
				parseAnswer(h, body)
			}
			if a, ok := parseAddress(body); ok && !a.Prefix.IsValid() {
				t.Errorf("an address without a prefix: %+v", a)
			}
		})
	})
}
