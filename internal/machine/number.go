package machine

import "strconv"

// number reads a table's number, decimal or 0x….
func number(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 0, 32)
	return uint32(n), err == nil
}
