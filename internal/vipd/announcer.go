package vipd

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/geodns-vipd/geodns/internal/neigh"
	"github.com/geodns-vipd/geodns/internal/netlink"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
)

// announcer tells the neighbours where the addresses of an instance are. It
// belongs to the goroutine of the instance. Without pauses between frames it
// sends at once; with them a goroutine of its own does, which a newer
// announcement or the loss of the addresses ends.
type announcer struct {
	log    *slog.Logger
	socket *neigh.Announcer
	links  *netlink.Conn
	pauses func(dev string) neigh.Options

	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// announce sends count rounds for every address.
func (a *announcer) announce(addrs []keepalived.Address, count int) {
	a.stop()
	var order []string
	byDev := map[string][]netip.Addr{}
	for _, v := range addrs {
		if byDev[v.Dev] == nil {
			order = append(order, v.Dev)
		}
		byDev[v.Dev] = append(byDev[v.Dev], v.Addr().WithZone(""))
	}
	paused := false
	var todo []func(context.Context)
	for _, dev := range order {
		l, err := a.links.Link(dev)
		if err != nil {
			a.log.Warn("not announced", "err", err)
			continue
		}
		if l.Loopback() {
			continue
		}
		opt := a.pauses(dev)
		opt.Count = count
		paused = paused || opt.ARPInterval > 0 || opt.NAInterval > 0
		ifc := neigh.Interface{Name: l.Name, Index: l.Index, MAC: l.MAC, Router: l.Forwarding6}
		todo = append(todo, func(ctx context.Context) { a.send(ctx, ifc, byDev[dev], opt) })
	}
	run := func(ctx context.Context) {
		for _, f := range todo {
			f(ctx)
		}
	}
	if !paused {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		run(ctx)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	a.wg.Go(func() { run(ctx) })
}

func (a *announcer) send(ctx context.Context, ifc neigh.Interface, addrs []netip.Addr, opt neigh.Options) {
	err := a.socket.Announce(ctx, ifc, addrs, opt)
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, neigh.ErrNotEthernet) {
		a.log.Warn("not announced", "err", err)
	}
}

// stop ends an announcement that is under way: the addresses are elsewhere.
func (a *announcer) stop() {
	if a.cancel != nil {
		a.cancel()
		a.cancel = nil
		a.wg.Wait()
	}
}

func (a *announcer) close() {
	a.stop()
	a.socket.Close()
	a.links.Close()
}
