package dnsserver

import "testing"

// counts returns how many connections each loop has.
func (s *Server) counts() (n []int) {
	for _, l := range s.runningLoops() {
		l.do(func() { n = append(n, len(l.conns)) })
	}
	return n
}

// TestLoopsTakeTurns: connections that come one by one, to a server that has
// nothing else to do, are spread over the loops.
func TestLoopsTakeTurns(t *testing.T) {
	s, addr, _ := startTCP(t, Config{})
	if len(s.runningLoops()) < 2 {
		t.Skip("one processor, one loop")
	}
	const conns = 80
	for range conns {
		c := dialTCP(t, addr)
		c.send("hello")
		c.want("hello")
	}
	for i, n := range s.counts() {
		// On a busy machine a loop that is not let run for a while misses turns.
		if share := conns / len(s.runningLoops()); n < share/5 {
			t.Errorf("loop %d has %d of %d connections", i, n, conns)
		}
	}
}

// TestAConnectionThatNobodyTookIsFoundByTheNext: a server is woken for a connection
// and gives its socket away before it has taken it.
func TestAConnectionThatNobodyTookIsFoundByTheNext(t *testing.T) {
	s, addr, _ := startTCP(t, Config{})
	files, err := s.Files()
	if err != nil {
		t.Fatal(err)
	}
	next, err := Listen(Config{Addrs: s.Addrs(), Workers: 2, Inherited: files})
	if err != nil {
		t.Fatal(err)
	}
	run(t, next, newEcho(next))
	eventually(t, "the next one runs", func() bool { return next.runningLoops() != nil })
	s.eachLoop(func(l *tcpLoop) { l.listening = false }) // woken, they take none
	c := dialTCP(t, addr)
	c.send("hello")
	next.Attach(s.Detach())
	c.want("hello")
	if n := next.Stats().TCP.Accepted; n != 1 {
		t.Errorf("the next one has accepted %d", n)
	}
}
