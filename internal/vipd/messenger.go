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
		s = &messageSocket{sock, cancel, map[*instance]uint8{}}
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

// maxMessages is how many messages of others may wait for an instance: more
// than that is a flood, and only old news is lost.
const maxMessages = 64

// read gives each message to the instances of its virtual router.
func (m *messenger) read(ctx context.Context, s *messageSocket) {
	for {
		p, err := s.sock.Read(ctx)
		if ctx.Err() != nil || errors.Is(err, vrrpnet.ErrClosed) {
			return
		}
		if err != nil {
			m.log.Warn("messages of other vipd nodes", "err", err)
			return
		}
		vrid, ok := vrrpnet.MessageVRID(p.Data)
		if !ok {
			continue
		}
		m.mu.Lock()
		for in, want := range s.users {
			if want == vrid {
				in.mailbox.postUpTo(maxMessages, func(in *instance) { in.deliverMessage(&p) })
			}
		}
		m.mu.Unlock()
	}
}
