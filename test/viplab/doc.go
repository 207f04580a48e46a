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
//
// and a part of it
//
//	go test -v -timeout 3h -run TestLab ./test/viplab -args -lab -settings 'v3 0.1' -events stop
//
// Figures are of the machine that they were taken on, which should have nothing
// else to do.
package viplab
