package vipd

import (
	"errors"
	"net/netip"
	"time"

	"github.com/geodns-vipd/geodns/internal/netlink"
	"github.com/geodns-vipd/geodns/internal/vrrpnet"
	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

var errNoSocket = errors.New("no socket: the interface cannot be used")

// carryOut does what the router says, at once.
func (in *instance) carryOut(a vrrp.Action) {
	switch a := a.(type) {
	case vrrp.SendAdvert:
		in.sendAdvert(a)
	case vrrp.SendMessage:
		in.sendMessage(a)
	case vrrp.SetTimer:
		in.clock.set(a.At)
	case vrrp.ClearTimer:
		in.clock.set(0)
	case vrrp.AddAddresses:
		in.addAddresses()
	case vrrp.RemoveAddresses:
		in.voice.stop()
		if err := in.claims.remove(); err != nil {
			in.log.Error("addresses not removed: the kernel does when their lifetime ends", "err", err)
		}
	case vrrp.RefreshAddresses:
		in.refresh(a)
	case vrrp.Announce:
		in.announce(a)
	case vrrp.DrainQueue:
		in.wasLate = true
		in.after = append(in.after, func() {
			in.receive()
			in.host.collect(in)
			in.readLetters()
			in.step(vrrp.QueueDrained{At: bootNow()})
		})
	case vrrp.Notify:
		in.host.notify(in.plan, a)
	case vrrp.ReportToGroup:
		in.after = append(in.after, func() { in.host.report(a.Report) })
	case vrrp.Transition, vrrp.Alarm, vrrp.Note:
		in.tell(a)
	case vrrp.Refused:
		in.counts.refuse(a.Reason)
		in.refusedLast = true
	case vrrp.Reply:
		in.reply(a)
	}
}

// tell writes down what a person may want to know.
func (in *instance) tell(a vrrp.Action) {
	now := bootNow()
	switch a := a.(type) {
	case vrrp.Transition:
		in.counts.transitions[a.To].Add(1)
		in.history.add(entry{At: a.At, Kind: "transition", Text: a.Text, Transition: &a})
		in.log.Info("state change", "from", a.From.String(), "to", a.To.String(), "reason", a.Text, "cause", a.Cause.String(), "priority", a.Priority)
	case vrrp.Alarm:
		in.counts.alarms[min(int(a.Kind), len(in.counts.alarms)-1)].Add(1)
		if a.Quiet {
			return
		}
		in.history.add(entry{At: now, Kind: "alarm", Text: a.Text})
		in.log.Warn(a.Text, "alarm", a.Kind.String())
	case vrrp.Note:
		in.history.add(entry{At: now, Kind: "note", Text: a.Text})
		in.log.Info(a.Text)
	}
}

func (in *instance) sendAdvert(a vrrp.SendAdvert) {
	cfg := in.router.Config()
	to := a.To
	if !cfg.Unicast && in.plan.McastGroup.IsValid() {
		to = in.plan.McastGroup
	}
	a.Advert.Form = in.plan.form(a.Advert.Form)
	if cfg.HMAC != nil {
		in.signed = cfg.HMAC.NextSequence(in.signed, wallNow())
	}
	in.buf = vrrp.AppendSigned(in.buf[:0], a.Advert, cfg.Local, to, cfg.HMAC, in.signed)
	err := errNoSocket
	if in.wire != nil {
		err = in.wire.conn.SendAdvert(in.buf, to)
	}
	if err == nil {
		in.counts.sent.Add(1)
		return
	}
	in.counts.sendFailed.Add(1)
	in.after = append(in.after, func() { in.step(vrrp.SendFailed{At: bootNow(), To: to, Err: err.Error()}) })
}

// sendMessage tells the other vipd nodes something. A message that is lost is
// nothing that VRRP depends on.
func (in *instance) sendMessage(a vrrp.SendMessage) {
	if in.wire == nil {
		return
	}
	in.seq = max(in.seq+1, uint64(wallNow()))
	a.Message.Sequence = in.seq
	in.buf = vrrp.AppendMessage(in.buf[:0], a.Message, in.router.Config().HMAC)
	if a.To.IsValid() {
		in.sendMessageTo(a)
		return
	}
	cfg := in.router.Config()
	if !cfg.Unicast {
		a.To = in.plan.group()
		in.sendMessageTo(a)
		return
	}
	for _, p := range cfg.Peers {
		a.To = p.Addr
		in.sendMessageTo(a)
	}
}

func (in *instance) sendMessageTo(a vrrp.SendMessage) {
	if err := in.host.send(in, in.buf, a.To); err != nil {
		in.log.Debug("message to another vipd not sent", "to", a.To, "err", err)
	}
}

// addAddresses brings the addresses up. One that cannot be added counts as
// lost: the router says so and tries again.
func (in *instance) addAddresses() {
	missing, err := in.claims.add()
	if err != nil {
		in.log.Error("addresses, routes and rules", "err", err)
	}
	for _, addr := range missing {
		in.after = append(in.after, func() { in.step(vrrp.AddressLost{At: bootNow(), Addr: addr}) })
	}
}

// refresh renews the lifetimes unless they have ended already. What became of it
// comes by mail.
func (in *instance) refresh(a vrrp.RefreshAddresses) {
	if bootNow() >= a.Before {
		in.after = append(in.after, func() { in.step(vrrp.RefreshMissed{At: bootNow()}) })
		return
	}
	in.claims.refresh(a.Before, func(life uint64, err error) {
		in.mailbox.post(func(in *instance) { in.notRenewed(life, err) })
	})
}

func (in *instance) notRenewed(life uint64, err error) {
	switch {
	case life != in.claims.life:
	case errors.Is(err, netlink.ErrLate):
		in.step(vrrp.RefreshMissed{At: bootNow()})
	default:
		in.log.Error("addresses not renewed", "err", err)
	}
}

func (in *instance) announce(a vrrp.Announce) {
	in.counts.announced.Add(1)
	in.log.Debug("announces", "count", a.Count, "reason", a.Why)
	in.voice.announce(in.claims.want, a.Count)
}

// receive delivers every packet that waits.
func (in *instance) receive() {
	if in.wire == nil {
		return
	}
	before := in.wire.drained
	in.wire.drained = bootNow()
	for _, p := range in.wire.drain() {
		p.At = max(p.At, before) // else it had been read then, whatever a wall clock that was set says
		in.deliver(&p)
	}
}

// deliver judges one packet and gives it to the router.
func (in *instance) deliver(p *vrrpnet.Packet) {
	cfg := in.router.Config()
	if vrid, ok := vrrp.PeekVRID(p.Data); ok && vrid != cfg.VRID {
		return
	}
	now := bootNow()
	a, why := vrrp.ParseAdvert(p.Packet, &cfg.Rules)
	if why != vrrp.Accepted {
		in.refused(p.Src, why, a.Priority, now)
		return
	}
	master := in.router.State() == vrrp.Master
	in.refusedLast = false
	in.step(vrrp.AdvertReceived{At: now, From: p.Src, Advert: a, Age: p.Age(now), Wall: wallNow()})
	if in.refusedLast {
		return
	}
	in.counts.received.Add(1)
	in.peerPriority.Store(uint32(a.Priority))
	if master {
		in.host.peerHeard(in.name)
	}
}

// deliverMessage judges a message of another vipd.
func (in *instance) deliverMessage(p *vrrpnet.Packet) {
	cfg, now := in.router.Config(), bootNow()
	m, why := vrrp.ParseMessage(p.Data, p.Src, &cfg.Rules)
	switch {
	case why == vrrp.DropVRID:
		return
	case why == vrrp.Accepted && p.TTL < 255 && (!cfg.Unicast || in.facts.connected(p.Src)):
		why = vrrp.DropTTL // nobody off the link can forge 255
	}
	age := p.Age(now)
	switch {
	case why != vrrp.Accepted:
		in.refused(p.Src, why, m.Priority, now)
	case m.Kind == vrrp.KindHandover:
		in.step(vrrp.HandoverReceived{At: now, From: p.Src, Message: m, Age: age, Wall: wallNow()})
	default:
		in.step(vrrp.HelloReceived{At: now, From: p.Src, Message: m, Age: age, Wall: wallNow()})
	}
}

func (in *instance) refused(from netip.Addr, why vrrp.DropReason, priority uint8, now time.Duration) {
	if why == vrrp.DropOwn {
		return
	}
	in.counts.refuse(why)
	if why.Misfit() {
		in.step(vrrp.PacketRefused{At: now, From: from, Reason: why, Priority: priority})
	}
}
