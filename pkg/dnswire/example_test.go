package dnswire_test

import (
	"fmt"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

func ExampleMessage() {
	asked := new(dns.Msg)
	asked.SetQuestion("www.example.com.", dns.TypeA)
	asked.Id = 1
	packet, _ := asked.Pack()

	// One of each for a worker; neither allocates once it is there.
	var query dnswire.Query
	var m dnswire.Message
	buf := make([]byte, 0, 1232)

	if verdict := query.Parse(packet); verdict != dnswire.Proceed {
		fmt.Println(verdict)
		return
	}
	set := dnswire.NewRRset(dnswire.TypeA, 30, []byte{203, 0, 113, 10})
	m.Start(buf, &query, 1232)
	m.SetAA(true)
	if !m.Append(dnswire.Answer, query.Name, set, set.TTL) {
		m.Truncate()
	}
	reply := new(dns.Msg)
	fmt.Println(reply.Unpack(m.Finish(nil)))
	fmt.Println(reply.Answer[0])
	// Output:
	// <nil>
	// www.example.com.	30	IN	A	203.0.113.10
}
