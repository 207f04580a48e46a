// Package vrrp owns the Virtual Router Redundancy Protocol: the bytes of an
// advertisement in versions 2 (RFC 3768) and 3 (RFC 9568), whose advertisements
// are believed, the timers, and the state machine of one virtual router.
//
// It owns no socket, clock, address or script. The entry point is
// [Router.Step], a pure function: an event goes in (with the time at which it
// happened), the next Router and a list of actions come out. Equal Routers
// given equal events give equal results, so a state can be asked "what if" by
// stepping a copy ([Router.Outlook] does so).
//
// The caller owns one Router per virtual router and must, from one goroutine:
//
//  1. Read all packets that are waiting before it delivers [Wake]; give each to
//     [ParseAdvert] or [ParseMessage], and deliver [AdvertReceived],
//     [HelloReceived], [HandoverReceived] or [PacketRefused].
//  2. Keep one timer, set by the last [SetTimer], and deliver [Wake] when it
//     fires, however late.
//  3. Run the actions in the order given and at once. Nothing slow may stand
//     between an event and the sending of an advertisement: hooks and cloud
//     calls run elsewhere.
//  4. Look at the clock just before it does [RefreshAddresses]; deliver
//     [RefreshMissed] if it is too late.
//  5. On [DrainQueue], deliver what waits in the receive queue, then
//     [QueueDrained].
//
// Times are durations since boot on a clock that counts suspension too
// (CLOCK_BOOTTIME); a pause of the whole machine is then seen as lateness.
//
// Members of a sync group have [Config].Grouped set; a [Group] turns what they
// report into orders to the others.
//
// The word Master is what RFC 9568 calls the Active Router.
package vrrp
