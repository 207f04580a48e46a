package dnsserver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/internal/stalltest"
)

// client is a TCP client of the server under test.
type client struct {
	t testing.TB
	*net.TCPConn
}

func dialTCP(t testing.TB, to netip.AddrPort) client {
	t.Helper()
	c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return client{t, c}
}

// framed returns messages, each after its length.
func framed(messages ...string) []byte {
	var b []byte
	for _, m := range messages {
		b = binary.BigEndian.AppendUint16(b, uint16(len(m)))
		b = append(b, m...)
	}
	return b
}

func (c client) send(messages ...string) {
	c.t.Helper()
	if _, err := c.Write(framed(messages...)); err != nil {
		c.t.Fatal(err)
	}
}

// want reads the answers and compares them.
func (c client) want(answers ...string) {
	c.t.Helper()
	for _, want := range answers {
		got, err := c.next()
		if err != nil {
			c.t.Fatalf("waiting for an answer of %d bytes: %v", len(want), err)
		}
		if got != want {
			c.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func (c client) next() (string, error) {
	var prefix [2]byte
	if _, err := io.ReadFull(c, prefix[:]); err != nil {
		return "", err
	}
	b := make([]byte, binary.BigEndian.Uint16(prefix[:]))
	_, err := io.ReadFull(c, b)
	return string(b), err
}

// wantClosed waits for the server to close the connection.
func (c client) wantClosed() {
	c.t.Helper()
	var b [1]byte
	if _, err := c.Read(b[:]); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("the connection is not closed: %v", err)
	}
}

func startTCP(t testing.TB, cfg Config) (*Server, netip.AddrPort, func()) {
	t.Helper()
	cfg.Addrs, cfg.Workers = []netip.AddrPort{loopback4}, 2
	s, _, stop := start(t, cfg)
	awaitTCP(t, s)
	return s, s.Addrs()[0], stop
}

// awaitTCP returns when s listens, and the connections that tried it are gone.
func awaitTCP(t testing.TB, s *Server) {
	t.Helper()
	for _, a := range s.Addrs() {
		eventually(t, "listening", func() bool {
			c, err := net.DialTimeout("tcp", a.String(), patience)
			if err == nil {
				c.Close()
			}
			return err == nil
		})
	}
	tried := uint64(len(s.Addrs()))
	eventually(t, "those connections are gone", func() bool { return s.Stats().TCP.Accepted == tried && s.conns.len() == 0 })
}

func TestTCPRefusesUntilRun(t *testing.T) {
	s, err := Listen(Config{Addrs: []netip.AddrPort{loopback4}, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if c, err := net.Dial("tcp", s.Addrs()[0].String()); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestRunFailsIfTheTCPPortIsTakenMeanwhile(t *testing.T) {
	s, err := Listen(Config{Addrs: []netip.AddrPort{loopback4}, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	other, err := bindTCP(s.Addrs()[0], sortInherited(nil)) // allowed while neither listens
	if err != nil {
		t.Skip("the kernel refuses a second socket at once:", err)
	}
	defer other.close()
	if err := other.listen(); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(context.Background(), newEcho(s)); !errors.Is(err, unix.EADDRINUSE) || !strings.Contains(err.Error(), s.Addrs()[0].String()) {
		t.Errorf("got %v", err)
	}
}

func TestTCPAnswersInOrder(t *testing.T) {
	s, addr, _ := startTCP(t, Config{})
	c := dialTCP(t, addr)
	c.send("who")
	c.want(c.LocalAddr().String())
	c.send("one", "two", "silence", "three", "panic", "four") // in one segment
	c.want("one", "two", "three", "four")
	for _, b := range framed("split over segments", "and another") {
		c.Write([]byte{b})
		time.Sleep(100 * time.Microsecond)
	}
	c.want("split over segments", "and another")
	c.Write(append(framed("whole"), framed("torn")[:3]...))
	c.want("whole")
	c.Write(framed("torn")[3:])
	c.want("torn")
	long := strings.Repeat("q", DefaultMaxQuery)
	c.send(long, "short")
	c.want(long, "short")
	c.send("large", "large", "after")
	c.want(strings.Repeat("x", 40000), strings.Repeat("x", 40000), "after")
	st := s.Stats()
	if st.TCP.Queries != 16 || st.TCP.Silent != 2 || st.Panics != 1 || st.TCP.Open != 1 {
		t.Errorf("got %+v", st)
	}
}

// TestTCPAnswersBeforeTheHalfClose covers clients that say at once that they
// have no more to ask.
func TestTCPAnswersBeforeTheHalfClose(t *testing.T) {
	_, addr, _ := startTCP(t, Config{})
	c := dialTCP(t, addr)
	c.send("one", "two")
	c.CloseWrite()
	c.want("one", "two")
	c.wantClosed()
}

func TestTCPPipelinesManyQueries(t *testing.T) {
	_, addr, _ := startTCP(t, Config{})
	c := dialTCP(t, addr)
	const n = 20000
	go func() {
		for i := range n {
			c.Write(framed(fmt.Sprint("query ", i)))
		}
	}()
	for i := range n {
		c.want(fmt.Sprint("query ", i))
	}
}

func TestTCPClosesOnGarbage(t *testing.T) {
	s, addr, _ := startTCP(t, Config{MaxQuery: 100, Idle: time.Minute, ReadTimeout: time.Minute})
	for _, garbage := range []string{"\x00\x00", "\x00\x65", "\xff\xff", "\x00\x02ok\x00\x00"} {
		c := dialTCP(t, addr)
		c.Write([]byte(garbage))
		if strings.Contains(garbage, "ok") {
			c.want("ok")
		}
		c.wantClosed()
	}
	if n := s.Stats().TCP.Garbage; n != 4 {
		t.Errorf("%d counted", n)
	}
}

func TestTCPEndsAConnectionAfterItsQueries(t *testing.T) {
	_, addr, _ := startTCP(t, Config{MaxQueriesPerConn: 3})
	c := dialTCP(t, addr)
	c.send("1")
	c.want("1")
	c.send("2", "3")
	c.want("2", "3")
	c.wantClosed()
}

func TestTCPMakesRoomByClosingTheOldestIdle(t *testing.T) {
	for _, cfg := range []Config{{MaxConns: 3, MaxConnsPerClient: 100}, {MaxConns: 100, MaxConnsPerClient: 3}} {
		s, addr, stop := startTCP(t, cfg)
		var cs []client
		ask := func(c client, text string) {
			c.send(text)
			c.want(text) // which comes before the connection counts as idle from now on
			eventually(t, "idle after "+text, func() bool { return s.lastIdle() == c.LocalAddr().(*net.TCPAddr).AddrPort() })
		}
		for range 3 {
			cs = append(cs, dialTCP(t, addr))
			ask(cs[len(cs)-1], "hello")
		}
		ask(cs[0], "again") // the second is the oldest now
		c := dialTCP(t, addr)
		c.send("new")
		c.want("new")
		cs[1].wantClosed()
		cs[0].send("alive")
		cs[0].want("alive")
		if st := s.Stats().TCP; st.Evicted != 1 || st.Refused != 0 || st.Open != 3 {
			t.Errorf("%+v: got %+v", cfg, st)
		}
		stop()
	}
}

// idle returns the number of idle connections.
func (s *Server) idle() int {
	s.conns.mu.Lock()
	defer s.conns.mu.Unlock()
	return s.conns.idle.Len()
}

// lastIdle returns whose connection has become idle last.
func (s *Server) lastIdle() netip.AddrPort {
	s.conns.mu.Lock()
	defer s.conns.mu.Unlock()
	if e := s.conns.idle.Back(); e != nil {
		return e.Value.(*conn).from
	}
	return netip.AddrPort{}
}

func TestTCPRefusesWhenNoneIsIdle(t *testing.T) {
	s, addr, _ := startTCP(t, Config{MaxConns: 2, ReadTimeout: time.Minute})
	for range 2 {
		c := dialTCP(t, addr)
		c.Write([]byte{0}) // has begun a query
	}
	eventually(t, "two busy", func() bool { return s.conns.len() == 2 && s.idle() == 0 })
	c, err := net.Dial("tcp", addr.String()) // may be over before Dial returns
	if err == nil {
		client{t, c.(*net.TCPConn)}.wantClosed()
		c.Close()
	} else if !errors.Is(err, unix.ECONNRESET) {
		t.Error(err)
	}
	eventually(t, "refused", func() bool { return s.Stats().TCP.Refused == 1 })
	if n := s.Stats().TCP.Open; n != 2 {
		t.Errorf("%d open", n)
	}
}

// TestTCPMakesRoomWhenDescriptorsRunOut does as accept does then.
func TestTCPMakesRoomWhenDescriptorsRunOut(t *testing.T) {
	s, addr, _ := startTCP(t, Config{})
	c := dialTCP(t, addr)
	eventually(t, "idle", func() bool { return s.idle() == 1 })
	s.acceptFailed(s.tcp[0], &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", unix.ECONNABORTED)})
	if s.conns.len() != 1 {
		t.Error("an aborted connection costs another its place")
	}
	s.acceptFailed(s.tcp[0], &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", unix.EMFILE)})
	c.wantClosed()
	if n := s.Stats().TCP.AcceptErrors; n != 2 {
		t.Errorf("%d errors counted", n)
	}
}

func TestTCPStopAnswersWhatWasSent(t *testing.T) {
	s, addr, stop := startTCP(t, Config{Idle: time.Minute})
	var cs []client
	for range 20 {
		cs = append(cs, dialTCP(t, addr))
	}
	eventually(t, "all open", func() bool { return s.conns.len() == len(cs) })
	for _, c := range cs {
		c.send("last", "words")
	}
	stall, begin := stalltest.Start(t), time.Now()
	stop()
	if took := time.Since(begin); took > 2*time.Second+stall.Lost() {
		t.Errorf("the end took %v", took)
	}
	for _, c := range cs {
		c.want("last", "words")
		c.wantClosed()
	}
}

// TestTCPStopEndsClientsThatGoOnAsking would not end if each query gave another
// grace.
func TestTCPStopEndsClientsThatGoOnAsking(t *testing.T) {
	_, addr, stop := startTCP(t, Config{})
	c := dialTCP(t, addr)
	var asking sync.WaitGroup
	asking.Go(func() {
		for {
			if _, err := c.Write(framed("more")); err != nil {
				return
			}
			if _, err := c.next(); err != nil {
				return
			}
		}
	})
	time.Sleep(50 * time.Millisecond)
	stall, begin := stalltest.Start(t), time.Now()
	stop()
	if took := time.Since(begin); took > 2*time.Second+stall.Lost() {
		t.Errorf("the end took %v", took)
	}
	asking.Wait()
}

// TestTCPManyClientsAtOnce has each shard called from many connections.
func TestTCPManyClientsAtOnce(t *testing.T) {
	s, addr, _ := startTCP(t, Config{})
	var clients sync.WaitGroup
	for i := range 50 {
		c := dialTCP(t, addr)
		clients.Go(func() {
			for j := range 50 {
				q := fmt.Sprint(i, "/", j)
				if _, err := c.Write(framed(q, q)); err != nil {
					t.Error(err)
					return
				}
				for range 2 {
					if got, err := c.next(); got != q || err != nil {
						t.Errorf("got %q, %v; want %q", got, err, q)
						return
					}
				}
			}
		})
	}
	clients.Wait()
	if n := s.Stats().TCP.Queries; n != 5000 {
		t.Errorf("%d queries", n)
	}
}

func FuzzTCPStream(f *testing.F) {
	f.Add(framed("one", "two"), 3)
	f.Add([]byte{0, 0}, 1)
	f.Add([]byte{0xff, 0xff, 1}, 1)
	f.Fuzz(func(t *testing.T, stream []byte, cut int) {
		const limit = 300
		var want []string // by reading the stream slowly
		for rest := stream; len(rest) >= 2; {
			n := int(rest[0])<<8 | int(rest[1])
			if n == 0 || n > limit || n > len(rest)-2 {
				break
			}
			want = append(want, string(rest[2:2+n]))
			rest = rest[2+n:]
		}
		if got := collectStream(stream, cut, limit); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// collectStream gives the stream to next in two pieces, as conn does.
func collectStream(stream []byte, cut, limit int) (got []string) {
	cut = min(max(cut, 0), len(stream))
	used := 0
	for _, end := range []int{cut, len(stream)} {
		for {
			query, n := next(stream[used:end], limit)
			if n == 0 {
				break
			}
			got = append(got, string(query))
			used += n
		}
	}
	return got
}
