// Package viplab measures what a client loses while a virtual address moves:
// two nodes and a client on one bridge in network namespaces, the client
// sending a datagram to the address every millisecond, the nodes answering. It
// puts vipd beside Debian's keepalived, and each beside itself, in the same run.
//
// It needs root and tests nothing without; without keepalived it measures vipd
// alone. An ordinary `go test` makes a few moves. The whole laboratory, with a
// table at the end, is
//
//	make vip-lab
//	go test -v -timeout 3h -run 'TestLab|TestHeals|TestKills|TestLoad' ./test/viplab -args -lab
//
// and docs/vipd-measured.md holds what it once printed.
package viplab
