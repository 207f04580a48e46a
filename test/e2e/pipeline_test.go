package e2e

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// pipelines are TCP connections that each always have several questions under
// way, and a client that makes a new connection for each question.
type pipelines struct {
	stop  chan struct{}
	done  sync.WaitGroup
	asked atomic.Int64
	wrong atomic.Pointer[string]
}

// depth is how many questions a connection has under way.
const depth = 10

func startPipelines(t *testing.T, addr string, n int, right func(*dns.Msg) bool) *pipelines {
	p := &pipelines{stop: make(chan struct{})}
	for range n {
		conn, err := dns.DialTimeout("tcp", addr, slowest)
		if err != nil {
			t.Fatal(err)
		}
		p.done.Go(func() {
			defer conn.Close()
			if err := p.pipeline(conn, right); err != nil {
				p.note(fmt.Sprintf("pipeline: %v", err))
			}
		})
	}
	p.done.Go(func() {
		for p.goesOn() {
			if err := once(addr, right); err != nil {
				p.note(fmt.Sprintf("new connection: %v", err))
			}
			p.asked.Add(1)
			time.Sleep(20 * time.Millisecond)
		}
	})
	return p
}

func (p *pipelines) goesOn() bool {
	select {
	case <-p.stop:
		return false
	default:
		return true
	}
}

// pipeline asks depth questions at once and one more for each reply.
func (p *pipelines) pipeline(conn *dns.Conn, right func(*dns.Msg) bool) error {
	waiting := map[uint16]bool{}
	id := uint16(0)
	for p.goesOn() || len(waiting) > 0 {
		for len(waiting) < depth && p.goesOn() {
			m := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA)
			id++
			m.Id, waiting[id] = id, true
			_ = conn.SetDeadline(time.Now().Add(slowest))
			if err := conn.WriteMsg(m); err != nil {
				return err
			}
		}
		if len(waiting) == 0 {
			return nil
		}
		m, err := conn.ReadMsg()
		if err != nil {
			return fmt.Errorf("%d questions open: %w", len(waiting), err)
		}
		if !waiting[m.Id] || !right(m) {
			return fmt.Errorf("wrong: %v", m)
		}
		delete(waiting, m.Id)
		p.asked.Add(1)
		time.Sleep(2 * time.Millisecond)
	}
	return nil
}

// once asks one question over a connection of its own.
func once(addr string, right func(*dns.Msg) bool) error {
	c := dns.Client{Net: "tcp", Timeout: slowest}
	m, _, err := c.Exchange(new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA), addr)
	if err == nil && !right(m) {
		err = fmt.Errorf("wrong: %v", m)
	}
	return err
}

func (p *pipelines) note(what string) { p.wrong.CompareAndSwap(nil, &what) }

// end stops the clients and fails the test if anything was lost or wrong.
func (p *pipelines) end(t *testing.T) {
	t.Helper()
	close(p.stop)
	p.done.Wait()
	t.Logf("%d questions over pipelined and new connections", p.asked.Load())
	if w := p.wrong.Load(); w != nil {
		t.Error(*w)
	}
}
