package packets

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// patience is how long a server may take for what it must do.
const patience = 3 * time.Second

// afterthought is how long after the answer to a later query an answer to an
// earlier one may come, before it counts as silence.
const afterthought = 4 * time.Millisecond

// alone is how long the answer to a packet is waited for that nothing was sent
// behind.
const alone = 200 * time.Millisecond

// sentinelID marks the query that is sent after each packet: once it is
// answered, the packet before it was either answered too or met with silence,
// and nobody has to wait to know.
const sentinelID = 0xfffe

func sentinel() []byte { return withID(soa().bytes(), sentinelID) }

// withID returns a copy of a packet with its ID set, as far as it is that long.
func withID(packet []byte, id uint16) []byte {
	var octets [2]byte
	binary.BigEndian.PutUint16(octets[:], id)
	packet = append([]byte(nil), packet...)
	copy(packet, octets[:])
	return packet
}

// exchange sends a packet, and next behind it if that is not nil, and returns
// what comes back to the first; nil is silence. Over TCP the server may close the
// connection instead, which is told.
func exchange(addr string, over transport, packet, next []byte) (got []byte, closed bool, err error) {
	if over == tcp {
		return exchangeTCP(addr, packet, next)
	}
	got, err = exchangeUDP(addr, packet, next)
	return got, false, err
}

// exchangeUDP is exchange from a port of its own.
func exchangeUDP(addr string, packet, next []byte) ([]byte, error) {
	c, err := net.Dial("udp", addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := c.Write(packet); err != nil {
		return nil, err
	}
	awaited := next != nil
	c.SetReadDeadline(time.Now().Add(alone))
	if awaited {
		if _, err := c.Write(next); err != nil {
			return nil, err
		}
		c.SetReadDeadline(time.Now().Add(patience))
	}
	buf := make([]byte, 65535)
	var got []byte
	for awaited || got == nil {
		n, err := c.Read(buf)
		switch {
		case isTimeout(err) && !awaited:
			return nil, nil
		case err != nil:
			return nil, err
		case n >= 2 && binary.BigEndian.Uint16(buf) == sentinelID:
			awaited = false
			c.SetReadDeadline(time.Now().Add(afterthought))
		case got != nil:
			return nil, errors.New("two replies to one packet")
		default:
			got = append([]byte{}, buf[:n]...)
		}
	}
	return got, nil
}

// exchangeTCP is exchange over a connection of its own.
func exchangeTCP(addr string, packet, next []byte) (got []byte, closed bool, err error) {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, false, err
	}
	defer c.Close()
	out := frame(packet)
	c.SetDeadline(time.Now().Add(alone))
	if next != nil {
		out = append(out, frame(next)...)
		c.SetDeadline(time.Now().Add(patience))
	}
	if _, err := c.Write(out); err != nil {
		return nil, false, err
	}
	for got == nil || next != nil {
		p, err := readFrame(c)
		switch {
		case isTimeout(err) && next == nil:
			return nil, false, nil
		case isTimeout(err):
			return got, false, err
		case err != nil:
			return got, true, nil // closed, by FIN or RST
		case len(p) >= 2 && binary.BigEndian.Uint16(p) == sentinelID:
			return got, false, nil
		case got != nil:
			return nil, false, errors.New("two replies to one packet")
		}
		got = p
	}
	return got, false, nil
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// frame puts the length before a packet (RFC 1035, Section 4.2.2).
func frame(packet []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...)
}

// readFrame reads one message.
func readFrame(r io.Reader) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	p := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(r, p)
	return p, err
}

// answersAt reports whether a server answers at addr, for the zone of this test.
func answersAt(addr string) bool {
	c, err := net.Dial("udp", addr)
	if err != nil {
		return false
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(100 * time.Millisecond))
	c.Write(sentinel())
	buf := make([]byte, 512)
	n, err := c.Read(buf)
	if err != nil {
		return false
	}
	r, err := readReply(buf[:n])
	return err == nil && r.rcode == dnswire.RCodeNoError
}
