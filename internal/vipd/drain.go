package vipd

import (
	"github.com/geodns-vipd/geodns/pkg/vrrp"
)

// drainOrder keeps an instance out until it is taken back.
type drainOrder struct {
	LastResort bool `json:"last_resort,omitempty"`
}

// drainReply is what an instance says to being drained or undrained.
type drainReply struct {
	Instance string `json:"instance"`
	OK       bool   `json:"ok"`
	Text     string `json:"text"`
}

// drain hands over and stays out; the reply comes on to.
func (in *instance) drain(order drainOrder, force bool, to chan<- drainReply) {
	in.replies = append(in.replies, to)
	in.step(vrrp.Drain{At: bootNow(), On: true, Force: force, LastResort: order.LastResort})
	if in.router.Status().Drained {
		in.drained = &order
	}
}

// undrain lets the instance take part again.
func (in *instance) undrain(to chan<- drainReply) {
	in.replies = append(in.replies, to)
	in.drained = nil
	in.step(vrrp.Drain{At: bootNow()})
}

// reply answers whoever asked first; nobody did when a restart drained anew.
func (in *instance) reply(a vrrp.Reply) {
	if len(in.replies) == 0 {
		return
	}
	in.replies[0] <- drainReply{in.name, a.OK, a.Text}
	in.replies = in.replies[1:]
}
