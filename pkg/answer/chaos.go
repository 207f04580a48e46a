package answer

import (
	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// Names of class CHAOS that tell who the server is (RFC 4892).
const (
	nameVersionBind   = "\x07version\x04bind\x00"
	nameVersionServer = "\x07version\x06server\x00"
	nameHostnameBind  = "\x08hostname\x04bind\x00"
	nameIDServer      = "\x02id\x06server\x00"
)

// chaos answers version.bind and id.server if the operator wants them
// answered; everything else in class CHAOS is refused.
func (r *Responder) chaos(st *State, o *Outcome) {
	var text string
	switch string(r.query.Lower) {
	case nameVersionBind, nameVersionServer:
		text = st.Version
	case nameHostnameBind, nameIDServer:
		text = string(st.NSID)
	}
	if text == "" {
		o.RCode = dnswire.RCodeRefused
		return
	}
	r.msg.SetAA(true)
	if t := r.query.Type; t != dnswire.TypeTXT && t != dnswire.TypeANY {
		return
	}
	text = text[:min(len(text), 255)]
	rdata := append([]byte{byte(len(text))}, text...)
	if !r.msg.AppendRecordClass(dnswire.Answer, r.query.Name, dnswire.TypeTXT, dnswire.ClassCH, 0, rdata) {
		r.msg.Truncate()
	}
}
