package geodns

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/geodns-vipd/geodns/internal/control"
	"github.com/geodns-vipd/geodns/internal/daemon"
	"github.com/geodns-vipd/geodns/internal/dnsserver"
	"github.com/geodns-vipd/geodns/internal/handover"
	"github.com/geodns-vipd/geodns/internal/state"
)

// The steps of a hand-over, as the kinds of its messages. Until "done" the old
// process can go on as if nothing had been, whatever becomes of the new one:
//
//	new                          old
//	hello ─────────────────────►
//	      ◄───────────────────── offer: state, every socket, the lock
//	loads, probes what the old one does not know, binds
//	begin ─────────────────────►
//	      ◄───────────────────── state: as it is now
//	reads the sockets, as the old one does
//	serving ───────────────────►
//	      ◄───────────────────── connections: accepts no more, and hands them over
//	done ──────────────────────► stops reading, names the new one to systemd
//	      ◄───────────────────── bye
const (
	stepHello       = "hello"
	stepOffer       = "offer"
	stepBegin       = "begin"
	stepState       = "state"
	stepServing     = "serving"
	stepConnections = "connections"
	stepDone        = "done"
	stepBye         = "bye"
)

// Roles of the descriptors that are handed over.
const (
	roleDNS        = "dns"
	roleAdmin      = "admin"
	roleLock       = "lock"
	roleReplace    = "replace"
	roleConnection = "connection"
)

const (
	// stepTime bounds the steps that neither side has to work for.
	stepTime = 10 * time.Second
	// loadTime bounds how long a new process may load and probe.
	loadTime = 10 * time.Minute
)

// errHandedOver ends a process that another one has followed.
var errHandedOver = errors.New("handed over")

// openReplace listens for a process that wants to take over, unless the socket
// for that was handed to this one.
func (s *Server) openReplace() (err error) {
	if s.replace != nil {
		return nil
	}
	if s.replace, err = handover.Listen(state.ReplaceSocket(s.Config.State)); err != nil {
		// Serving matters more; the next upgrade is a restart then.
		s.Log.Error("another process cannot take over from this one", "err", err)
	}
	return nil
}

// handOverLoop waits for a process that takes over. It returns errHandedOver
// once one has.
func (s *Server) handOverLoop(ctx context.Context, dns *dnsserver.Server, admin *control.Server) error {
	if s.replace == nil {
		return nil
	}
	defer context.AfterFunc(ctx, func() { s.replace.Close() })()
	for {
		c, err := s.replace.Accept()
		switch {
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			s.Log.Warn("waiting for a process that takes over", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
			continue
		}
		stop := context.AfterFunc(ctx, func() { c.Close() })
		o := offer{s: s, to: c, dns: dns, admin: admin}
		err = o.run(ctx)
		stop()
		c.Close()
		if err == nil {
			return errHandedOver
		}
		s.Log.Warn("the other process did not take over; this one goes on serving", "pid", c.PID, "err", err)
	}
}

// offer is the old process's side of one hand-over.
type offer struct {
	s     *Server
	to    *handover.Conn
	dns   *dnsserver.Server
	admin *control.Server
}

// run hands over. On any error this process serves as before.
func (o *offer) run(ctx context.Context) error {
	hello, _, err := o.to.Receive(stepTime, stepHello)
	if err != nil {
		_ = o.to.Send(handover.Message{Kind: stepOffer, Version: o.s.Version, Refused: err.Error()}, nil, stepTime)
		return err
	}
	o.s.Log.Info("handing over", "pid", o.to.PID, "version", hello.Version)
	if err := o.sendSockets(ctx); err != nil {
		return err
	}
	if _, _, err := o.to.Receive(loadTime, stepBegin); err != nil {
		return err
	}
	// What an operator decides from here on would be lost with this process.
	o.s.moving.Lock()
	defer o.s.moving.Unlock()
	if err := o.to.Send(handover.Message{Kind: stepState, State: o.state(ctx)}, nil, stepTime); err != nil {
		return err
	}
	if _, _, err := o.to.Receive(stepTime, stepServing); err != nil {
		return err
	}
	if err := o.sendConnections(); err != nil {
		return err
	}
	// From here on there is no way back. The path of each Unix socket stays.
	o.admin.HandOver(true)
	o.s.keeper.release()
	o.s.handedOver = true
	daemon.Notify(daemon.MainPID(o.to.PID))
	_ = o.to.Send(handover.Message{Kind: stepBye}, nil, stepTime) // it goes on without it
	return nil
}

// state returns what the new process is told.
func (o *offer) state(ctx context.Context) (text []byte) {
	o.s.checker.do(ctx, func(context.Context) { text = saveHanded(o.s.checker.board) })
	return text
}

// sendSockets sends the state and every descriptor but the connections.
func (o *offer) sendSockets(ctx context.Context) error {
	m := handover.Message{Kind: stepOffer, PID: os.Getpid(), Version: o.s.Version, State: o.state(ctx)}
	var fds []int
	add := func(role string, more ...int) {
		for _, fd := range more {
			fds, m.Files = append(fds, fd), append(m.Files, handover.File{Role: role})
		}
	}
	dns, err := o.dns.Files()
	if err != nil {
		return err
	}
	defer closeFiles(dns)
	for _, f := range dns {
		fd, err := descriptor(f)
		if err != nil {
			return err
		}
		add(roleDNS, fd)
	}
	admin, err := o.admin.Descriptors()
	if err != nil {
		return err
	}
	defer handover.CloseAll(admin)
	add(roleAdmin, admin...)
	// Sent from within, where the descriptors are sure to stay open.
	var sendErr error
	err = o.s.dir.Lock(func(lock int) {
		add(roleLock, lock)
		sendErr = errors.Join(sendErr, o.s.replace.Descriptor(func(fd int) {
			add(roleReplace, fd)
			sendErr = o.to.Send(m, fds, stepTime)
		}))
	})
	return errors.Join(err, sendErr)
}

// sendConnections ends accepting and hands the TCP connections over. If the new
// process does not confirm that it has them all, they are served here again.
func (o *offer) sendConnections() error {
	conns := o.dns.Detach()
	m := handover.Message{Kind: stepConnections}
	fds := make([]int, len(conns))
	for i, c := range conns {
		fds[i] = c.FD
		m.Files = append(m.Files, handover.File{Role: roleConnection, Received: c.Received})
	}
	err := o.to.Send(m, fds, stepTime)
	if err == nil {
		_, _, err = o.to.Receive(stepTime, stepDone)
	}
	if err != nil {
		o.dns.Attach(conns)
		return err
	}
	handover.CloseAll(fds)
	o.s.Log.Info("handed over", "pid", o.to.PID, "connections", len(conns))
	return nil
}

// descriptor returns the descriptor of a file as it is. File.Fd would make the
// socket block, for every process that has it.
func descriptor(f *os.File) (fd int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return -1, err
	}
	return fd, raw.Control(func(n uintptr) { fd = int(n) })
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
