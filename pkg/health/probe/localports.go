package probe

import (
	"fmt"
	"os"
)

// lowestLocalPort is below all ports that a system hands out by itself.
const lowestLocalPort = 1024

// localPorts returns the range from which the system takes the local ports of
// connections: what anybody may hand out, if it does not say.
func localPorts() (low, high uint16) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return lowestLocalPort, 65535
	}
	return parsePorts(string(text))
}

func parsePorts(text string) (low, high uint16) {
	if _, err := fmt.Sscan(text, &low, &high); err != nil || low > high {
		return lowestLocalPort, 65535
	}
	return low, high
}
