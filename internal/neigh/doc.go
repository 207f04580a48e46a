// Package neigh tells the neighbours on a link where an address is now:
// gratuitous ARP for IPv4, unsolicited neighbour advertisements for IPv6.
// Linux only.
//
// It decides nothing, and listens to nobody. The frames are those of
// keepalived, written to the link as they are (AF_PACKET), so that neither the
// routing table nor the state of the address has a say. The entry point is
// [Open].
package neigh
