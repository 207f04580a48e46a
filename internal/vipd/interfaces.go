package vipd

import (
	"net"
	"net/netip"

	"github.com/geodns-vipd/geodns/pkg/keepalived"
)

// interfaces returns this machine's interfaces with their addresses.
func interfaces() ([]keepalived.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var out []keepalived.Interface
	for _, i := range all {
		ifc := keepalived.Interface{Name: i.Name, Up: i.Flags&net.FlagUp != 0, Loopback: i.Flags&net.FlagLoopback != 0}
		addrs, err := i.Addrs()
		if err != nil {
			return nil, err
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				ifc.Addrs = append(ifc.Addrs, keepalived.InterfaceAddr{Prefix: p})
			}
		}
		out = append(out, ifc)
	}
	return out, nil
}
