// Package vipd joins the parts of the VRRP daemon: it reads the configuration,
// owns all goroutines, carries out what pkg/vrrp decides, and tells what it
// did and why.
//
// Each instance has one goroutine on a thread of its own, the sole owner of its
// vrrp.Router, its sockets and its one timer. Nothing slow runs there: hooks,
// tracking, cloud calls, the log and the control socket have goroutines of
// their own and reach an instance by its mailbox.
//
// The entry points are [LoadConfig] for `vipd check`, [Daemon.Run] for
// `vipd run` and [Client] for the commands that speak to a running daemon.
package vipd
