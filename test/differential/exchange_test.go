package differential

import (
	"encoding/binary"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// manner is how a question is asked.
type manner uint8

const (
	plain manner = iota // UDP without EDNS: 512 octets
	edns                // UDP with EDNS
	tcp                 // TCP with EDNS
)

var mannerNames = [...]string{"udp", "edns", "tcp"}

func (m manner) String() string { return mannerNames[m] }

// question is one question; name is in presentation form with a final dot.
type question struct {
	name  string
	qtype uint16
	how   manner
}

func (q question) String() string {
	return fmt.Sprintf("%s %s", q.name, dns.Type(q.qtype))
}

// packet returns the question as a query.
func (q question) packet(t *testing.T, id uint16) []byte {
	t.Helper()
	var m dns.Msg
	m.Id = id
	m.Question = []dns.Question{{Name: q.name, Qtype: q.qtype, Qclass: dns.ClassINET}}
	if q.how != plain {
		m.SetEdns0(4096, false)
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	return b
}

// window is how many questions are on the way at once; few enough for the
// receive buffer of any server.
const window = 64

// ask puts the questions to the server and returns the replies in their order;
// nil stands for silence.
func (s server) ask(t *testing.T, questions []question) [][]byte {
	t.Helper()
	replies := make([][]byte, len(questions))
	for from := 0; from < len(questions); {
		to := from + 1
		overTCP := questions[from].how == tcp
		for to < len(questions) && to < from+window && (questions[to].how == tcp) == overTCP {
			to++
		}
		if overTCP {
			s.askTCP(t, questions[from:to], replies[from:to])
		} else {
			s.askUDP(t, questions[from:to], replies[from:to])
		}
		from = to
	}
	return replies
}

// askUDP sends all questions at once and those without a reply again.
func (s server) askUDP(t *testing.T, questions []question, replies [][]byte) {
	t.Helper()
	conn, err := net.Dial("udp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	buf := make([]byte, 65536)
	missing := len(questions)
	for try := 0; try < 4 && missing > 0; try++ {
		for i, q := range questions {
			if replies[i] == nil {
				if _, err := conn.Write(q.packet(t, uint16(i))); err != nil {
					t.Fatalf("%s: %v", s.name, err)
				}
			}
		}
		_ = conn.SetReadDeadline(time.Now().Add(time.Duration(try+1) * time.Second))
		for missing > 0 {
			n, err := conn.Read(buf)
			if err != nil {
				break // time is up
			}
			if id := int(binary.BigEndian.Uint16(buf)); n >= 12 && id < len(replies) && replies[id] == nil {
				replies[id] = append([]byte{}, buf[:n]...)
				missing--
			}
		}
	}
}

// askTCP asks one after the other over one connection, and over a new one after
// a failure.
func (s server) askTCP(t *testing.T, questions []question, replies [][]byte) {
	t.Helper()
	var conn *dns.Conn
	for i, q := range questions {
		for try := 0; try < 3 && replies[i] == nil; try++ {
			if conn == nil {
				c, err := net.Dial("tcp", s.addr)
				if err != nil {
					t.Fatalf("%s: %v", s.name, err)
				}
				conn = &dns.Conn{Conn: c}
			}
			_ = conn.SetDeadline(time.Now().Add(3 * time.Second))
			if _, err := conn.Write(q.packet(t, uint16(i))); err == nil {
				replies[i], err = conn.ReadMsgHeader(nil)
				if err == nil {
					continue
				}
			}
			replies[i] = nil
			conn.Close()
			conn = nil
		}
	}
	if conn != nil {
		conn.Close()
	}
}
