package vipd

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"

	"github.com/geodns-vipd/geodns/internal/vrrpnet"
)

// messenger owns the sockets for messages between vipd nodes. Instances with
// the same interface and source share one.
type messenger struct {
	log  *slog.Logger
	open map[messageKey]*messageSocket
	mine map[*instance]messageKey
	mu   sync.Mutex
	wg   sync.WaitGroup
}

type messageKey struct {
	iface   string
	source  netip.Addr
	unicast bool
	group   netip.Addr
	port    uint16
}

type messageSocket struct {
	sock   *vrrpnet.Messages
	cancel context.CancelFunc
	users  map[*instance]uint8 // and their virtual routers

	dealing sync.Mutex
	buf     []vrrpnet.Packet
}

var errNoMessages = errors.New("no socket for messages")

func newMessenger(log *slog.Logger) *messenger {
	return &messenger{log: log, open: map[messageKey]*messageSocket{}, mine: map[*instance]messageKey{}}
}

// listen gives an instance the messages that come to source; none if it is not
// valid.
func (m *messenger) listen(in *instance, source netip.Addr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leave(in)
	if !source.IsValid() {
		return
	}
	p := in.plan
	key := messageKey{p.Interface, source, p.Unicast, netip.Addr{}, p.helloPort()}
	if !p.Unicast {
		key.group = p.group()
	}
	s := m.open[key]
	if s == nil {
		cfg := vrrpnet.MessageConfig{
			Interface: key.iface, Source: source, IPv6: p.IPv6, Unicast: p.Unicast, Group: key.group, Port: key.port,
		}
		if !p.Unicast {
			cfg.MinTTL = 255 // all are on the link: what comes from beyond it is not for us
		}
		sock, err := vrrpnet.OpenMessages(cfg)
		if err != nil {
			m.log.Warn("vipd nodes are not heard: a hand-over will cost the backup's skew", "instance", in.name, "err", err)
			return
		}
		ctx, cancel := context.WithCancel(context.Background())
		s = &messageSocket{sock: sock, cancel: cancel, users: map[*instance]uint8{}}
		m.open[key] = s
		m.wg.Go(func() { m.read(ctx, s) })
	}
	s.users[in] = p.VRID
	m.mine[in] = key
}

// leave takes an instance off its socket, and closes a socket that nobody uses.
func (m *messenger) leave(in *instance) {
	key, ok := m.mine[in]
	if !ok {
		return
	}
	delete(m.mine, in)
	s := m.open[key]
	delete(s.users, in)
	if len(s.users) == 0 {
		s.cancel()
		s.sock.Close()
		delete(m.open, key)
	}
}

// send sends a message of an instance.
func (m *messenger) send(in *instance, message []byte, to netip.Addr) error {
	m.mu.Lock()
	s := m.open[m.mine[in]]
	m.mu.Unlock()
	if s == nil {
		return errNoMessages
	}
	return s.sock.Send(message, to)
}

// read gives each message to the instances of its virtual router.
func (m *messenger) read(ctx context.Context, s *messageSocket) {
	for {
		err := s.sock.Wait(ctx)
		if ctx.Err() != nil || errors.Is(err, vrrpnet.ErrClosed) {
			return
		}
		if err != nil {
			m.log.Warn("messages of other vipd nodes", "err", err)
			return
		}
		m.deal(s)
	}
}

// collect brings the messages that wait in the socket of an instance to its
// letters, without waiting for the goroutine that reads it.
func (m *messenger) collect(in *instance) {
	m.mu.Lock()
	s := m.open[m.mine[in]]
	m.mu.Unlock()
	if s != nil {
		m.deal(s)
	}
}

// deal distributes what waits in a socket.
func (m *messenger) deal(s *messageSocket) {
	s.dealing.Lock() // first: who comes second finds all of it dealt
	defer s.dealing.Unlock()
	s.buf = s.sock.Drain(s.buf[:0])
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range s.buf {
		vrid, ok := vrrpnet.MessageVRID(p.Data)
		if !ok {
			continue
		}
		for in, want := range s.users {
			if want == vrid && in.letters.add(p) {
				in.mailbox.ring()
			}
		}
	}
}
