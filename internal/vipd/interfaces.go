package vipd

import (
	"github.com/geodns-vipd/geodns/internal/netlink"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
)

// interfaces returns this machine's interfaces with their addresses.
func interfaces() ([]keepalived.Interface, error) {
	c, err := netlink.Open()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Interfaces()
}
