package packets

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/geodns-vipd/geodns/internal/stalltest"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// session is what a client does over TCP that no single packet shows.
type session struct {
	rfc, name string
	run       func(addr string) error
}

var sessions = []session{
	{"RFC 7766, Section 8", "a query byte by byte", byteByByte},
	{"RFC 7766, Section 8", "length and query in segments of their own", segments(2)},
	{"RFC 7766, Section 8", "half of the length in a segment of its own", segments(1)},
	{"RFC 7766, Section 8", "a query cut in its header", segments(7)},
	{"RFC 7766, Section 8", "a query cut before its last octet", segments(2 + 12 + 21 - 1)},
	{"RFC 7766, Section 6.2.1.1", "two queries in a segment", pipelined(2)},
	{"RFC 7766, Section 6.2.1.1", "a hundred queries in a segment", pipelined(100)},
	{"RFC 7766, Section 6.2.1.1", "a query and half of the next", queryAndAHalf},
	{"RFC 7766, Section 6.2.1", "one query after the other", oneByOne},
	{"RFC 7766, Section 6.2.1", "two queries of the same ID", sameID},
	{"RFC 7766, Section 6.2.3", "half a second between queries", pauseBetween},
	{"RFC 7766, Section 6.2.4", "half closed after a query", halfClosed(1)},
	{"RFC 7766, Section 6.2.4", "half closed after ten queries", halfClosed(10)},
	{"RFC 7766, Section 6.2.4", "closed in the middle of a query", leave(frame(www().bytes())[:20], false)},
	{"RFC 7766, Section 6.2.4", "reset in the middle of a query", leave(frame(www().bytes())[:20], true)},
	{"RFC 7766, Section 6.2.4", "reset before the answer", leave(frame(www().bytes()), true)},
	{"RFC 7766, Section 8", "a length of 0", leave([]byte{0, 0}, false)},
	{"RFC 7766, Section 8", "lengths of 0, a thousand times", leave(make([]byte, 2000), false)},
	{"RFC 7766, Section 8", "a length of 65535 and no query", leave([]byte{255, 255}, false)},
	{"RFC 7766, Section 8", "a length beyond what is sent", shortOfItsLength},
	{"RFC 7766, Section 8", "65535 octets of zero", leave(frame(make([]byte, 65535)), false)},
	{"RFC 7766, Section 6.2.1", "a query after an octet too few", after([]byte{0, 1, 0})},
	{"RFC 7766, Section 6.2.1", "a query after a response", after(www().with(flagQR).bytes())},
	{"RFC 7766, Section 6.2.1", "a query after two questions", after(www().count(question, 2).bytes())},
	{"RFC 7766, Section 6.2.1", "a query after another opcode", after(www().opcode(15).bytes())},
	{"RFC 7766, Section 6.2.1", "a query after EDNS version 1", after(www().ednsTTL(1232, 1<<16).bytes())},
	{"RFC 7766, Section 6.2.2", "50 connections at once", manyConnections},
	{"RFC 7766, Section 10", "50 connections that say nothing", silentConnections},
	{"RFC 7766, Section 10", "a client that does not read", neverReads},
	{"RFC 9210, Section 4.1", "long answers, pipelined", longAnswers},
}

// runSessions runs all sessions with all servers.
func runSessions(t *testing.T, servers []*server, sc *scores) {
	t.Helper()
	results := make([][]error, len(servers))
	var wg sync.WaitGroup
	for i, s := range servers {
		results[i] = make([]error, len(sessions))
		wg.Go(func() {
			for k, c := range sessions {
				results[i][k] = c.run(s.addr)
			}
		})
	}
	wg.Wait()
	for k, c := range sessions {
		sc.add("TCP sessions", servers, func(i int) error { return results[i][k] })
		if err := results[0][k]; err != nil {
			t.Errorf("%s: %v (%s)", c.name, err, c.rfc)
		}
		for i := 1; i < len(servers); i++ {
			if err := results[i][k]; err != nil && testing.Verbose() {
				t.Logf("%s fails: %s: %v", servers[i].name, c.name, err)
			}
		}
	}
}

// dial opens a connection that ends by itself.
func dial(addr string) (*net.TCPConn, error) {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn), nil
}

// withConn makes a session of what is done with one connection.
func withConn(addr string, do func(c *net.TCPConn) error) error {
	c, err := dial(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	return do(c)
}

// query is a good query with an ID.
func query(id uint16) []byte { return frame(withID(www().bytes(), id)) }

// expect reads n replies and checks that they are those to the queries first,
// first+1, …, in any order.
func expect(r io.Reader, first uint16, n int) error {
	var ids []uint16
	for range n {
		p, err := readFrame(r)
		if err != nil {
			return fmt.Errorf("after %d replies: %w", len(ids), err)
		}
		reply, err := readReply(p)
		if err != nil {
			return err
		}
		if reply.rcode != dnswire.RCodeNoError || reply.counts[answer] == 0 {
			return fmt.Errorf("got %v", reply)
		}
		ids = append(ids, binary.BigEndian.Uint16(p))
	}
	slices.Sort(ids)
	for i, id := range ids {
		if id != first+uint16(i) {
			return fmt.Errorf("replies to the IDs %d", ids)
		}
	}
	return nil
}

func byteByByte(addr string) error {
	return withConn(addr, func(c *net.TCPConn) error {
		for _, b := range query(1) {
			if _, err := c.Write([]byte{b}); err != nil {
				return err
			}
			time.Sleep(time.Millisecond)
		}
		return expect(c, 1, 1)
	})
}

// segments sends a query in two segments, the first of n octets.
func segments(n int) func(string) error {
	return func(addr string) error {
		return withConn(addr, func(c *net.TCPConn) error {
			q := query(1)
			c.Write(q[:n])
			time.Sleep(20 * time.Millisecond)
			c.Write(q[n:])
			return expect(c, 1, 1)
		})
	}
}

func pipelined(n int) func(string) error {
	return func(addr string) error {
		return withConn(addr, func(c *net.TCPConn) error {
			var out []byte
			for i := range n {
				out = append(out, query(uint16(i))...)
			}
			c.Write(out)
			return expect(c, 0, n)
		})
	}
}

func queryAndAHalf(addr string) error {
	return withConn(addr, func(c *net.TCPConn) error {
		next := query(2)
		c.Write(append(query(1), next[:10]...))
		// The first must not wait for the rest of the second.
		if err := expect(c, 1, 1); err != nil {
			return err
		}
		c.Write(next[10:])
		return expect(c, 2, 1)
	})
}

func oneByOne(addr string) error {
	return withConn(addr, func(c *net.TCPConn) error {
		for id := range uint16(20) {
			c.Write(query(id))
			if err := expect(c, id, 1); err != nil {
				return err
			}
		}
		return nil
	})
}

func sameID(addr string) error {
	return withConn(addr, func(c *net.TCPConn) error {
		c.Write(slices.Concat(query(7), query(7)))
		return errors.Join(expect(c, 7, 1), expect(c, 7, 1))
	})
}

func pauseBetween(addr string) error {
	return withConn(addr, func(c *net.TCPConn) error {
		c.Write(query(1))
		if err := expect(c, 1, 1); err != nil {
			return err
		}
		time.Sleep(500 * time.Millisecond)
		c.Write(query(2))
		return expect(c, 2, 1)
	})
}

// halfClosed sends n queries, says that no more will come, and still wants its
// answers.
func halfClosed(n int) func(string) error {
	return func(addr string) error {
		return withConn(addr, func(c *net.TCPConn) error {
			for i := range n {
				c.Write(query(uint16(i)))
			}
			c.CloseWrite()
			if err := expect(c, 0, n); err != nil {
				return err
			}
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				return fmt.Errorf("the server does not close: %v", err)
			}
			return nil
		})
	}
}

// leave sends something, goes away, and expects that others are served.
func leave(octets []byte, reset bool) func(string) error {
	return func(addr string) error {
		return withConn(addr, func(c *net.TCPConn) error {
			c.Write(octets)
			if err := pipelined(1)(addr); err != nil {
				return fmt.Errorf("another connection meanwhile: %w", err)
			}
			if reset {
				c.SetLinger(0)
			}
			c.Close()
			return pipelined(1)(addr)
		})
	}
}

func shortOfItsLength(addr string) error {
	return withConn(addr, func(c *net.TCPConn) error {
		q := query(1)
		q[1] += 10
		c.Write(q)
		c.CloseWrite()
		if p, err := readFrame(c); err == nil {
			return fmt.Errorf("answered by %x", p)
		} else if isTimeout(err) {
			return errors.New("neither answered nor closed")
		}
		return nil
	})
}

// after sends something that is no good and then a query: it is answered, or
// the connection is closed; there is nothing between.
func after(octets []byte) func(string) error {
	return func(addr string) error {
		return withConn(addr, func(c *net.TCPConn) error {
			c.Write(append(frame(withID(octets, 1)), query(2)...))
			for {
				p, err := readFrame(c)
				if isTimeout(err) {
					return errors.New("neither answered nor closed")
				}
				if err != nil || len(p) >= 2 && p[1] == 2 {
					return nil
				}
			}
		})
	}
}

func manyConnections(addr string) error {
	var conns []*net.TCPConn
	for range 50 {
		c, err := dial(addr)
		if err != nil {
			return err
		}
		defer c.Close()
		conns = append(conns, c)
	}
	for i, c := range conns {
		c.Write(query(uint16(i)))
	}
	for i, c := range conns {
		if err := expect(c, uint16(i), 1); err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
	}
	return nil
}

func silentConnections(addr string) error {
	for range 50 {
		c, err := dial(addr)
		if err != nil {
			return err
		}
		defer c.Close()
	}
	return errors.Join(pipelined(1)(addr), byteByByte(addr))
}

// neverReads asks for far more than fits all buffers on the way.
func neverReads(addr string) error {
	return withConn(addr, func(c *net.TCPConn) error {
		c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		q := frame(ask("huge.example.com", dnswire.TypeTXT).bytes())
		for range 200 {
			if _, err := c.Write(slices.Repeat(q, 20)); err != nil {
				break // the server does not read on either, as it should
			}
		}
		return pipelined(1)(addr)
	})
}

func longAnswers(addr string) error {
	return withConn(addr, func(c *net.TCPConn) error {
		const n = 30
		var out []byte
		for i := range n {
			out = append(out, frame(withID(ask("huge.example.com", dnswire.TypeTXT).bytes(), uint16(i)))...)
		}
		c.Write(out)
		return expect(c, 0, n)
	})
}

// What only geodns is known to do: its settings are known, too.
func TestClosesIdleConnectionsAfterTheTimeThatItTells(t *testing.T) {
	host, port := freePort(t)
	s := start(t, "geodns", host+":"+port, geodnsWith(t, t.TempDir(), host, port, ""))
	await(t, s)
	c, err := dial(s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	stall, began := stalltest.Start(t), time.Now()
	c.Write(frame(withID(soa().edns(1232, opt(optKeepAlive)).bytes(), 1)))
	p, err := readFrame(c)
	if err != nil {
		t.Fatal(err)
	}
	r, err := readReply(p)
	if err != nil {
		t.Fatal(err)
	}
	if data, _ := r.option(optKeepAlive); !slices.Equal(data, []byte{0, 10}) {
		t.Errorf("told an idle time of %x, want 000a: a second (RFC 7828, Section 3.1)", data)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("want an orderly end, got %v", err)
	}
	if took := time.Since(began); took < 900*time.Millisecond || took > 2*time.Second+stall.Lost() {
		t.Errorf("closed after %v", took)
	}
}
