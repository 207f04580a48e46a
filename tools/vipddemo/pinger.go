package main

import (
	"encoding/binary"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
)

// pinger pings an address all the time from a namespace, and knows the longest
// time without an answer.
type pinger struct {
	conn *icmp.PacketConn
	to   *net.IPAddr
	stop chan struct{}
	wg   sync.WaitGroup

	mu   sync.Mutex
	last time.Time     // when the last answered ping was sent
	gap  time.Duration // the longest between two such
}

const pingEvery = 10 * time.Millisecond

func newPinger(namespace, to string) (*pinger, error) {
	p := &pinger{to: &net.IPAddr{IP: net.ParseIP(to)}, stop: make(chan struct{}), last: time.Now()}
	opened := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is in another namespace now
		ns, err := netns.GetFromName(namespace)
		if err == nil {
			err = netns.Set(ns)
		}
		if err == nil {
			p.conn, err = icmp.ListenPacket("ip4:icmp", "0.0.0.0")
		}
		opened <- err
	}()
	if err := <-opened; err != nil {
		return nil, err
	}
	p.wg.Go(p.send)
	p.wg.Go(p.receive)
	return p, nil
}

func (p *pinger) send() {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for seq := 0; ; seq++ {
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
		now := binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano()))
		m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: 3112, Seq: seq & 0xffff, Data: now}}
		if b, err := m.Marshal(nil); err == nil {
			_, _ = p.conn.WriteTo(b, p.to) // what is not sent is not answered
		}
	}
}

func (p *pinger) receive() {
	buf := make([]byte, 1500)
	for {
		n, _, err := p.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		m, err := icmp.ParseMessage(1, buf[:n])
		if err != nil || m.Type != ipv4.ICMPTypeEchoReply {
			continue
		}
		echo, ok := m.Body.(*icmp.Echo)
		if !ok || echo.ID != 3112 || len(echo.Data) != 8 {
			continue
		}
		p.heard(time.Unix(0, int64(binary.BigEndian.Uint64(echo.Data))))
	}
}

func (p *pinger) heard(sent time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gap = max(p.gap, sent.Sub(p.last))
	p.last = sent
}

// worst returns the longest time without an answer since it was last asked.
func (p *pinger) worst() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	gap := p.gap
	p.gap = 0
	return max(gap-pingEvery, 0)
}

func (p *pinger) close() {
	close(p.stop)
	p.conn.Close()
	p.wg.Wait()
}
