package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// GRPCConfig says how to ask a gRPC server for its health.
type GRPCConfig struct {
	Port    uint16
	Service string     // "": the server as a whole
	Host    string     // authority of the request and name for TLS; "": the address
	TLS     *TLSConfig // nil: no TLS
	Via     Via
}

// GRPC is a [Prober] that calls grpc.health.v1.Health/Check and passes when
// the answer is SERVING. Each probe makes a connection of its own.
type GRPC struct {
	c   GRPCConfig
	tls *tls.Config
}

// NewGRPC returns a prober.
func NewGRPC(c GRPCConfig) *GRPC {
	p := &GRPC{c: c}
	if c.TLS != nil {
		p.tls = c.TLS.client(hostName(c.Host), "h2")
	}
	return p
}

// Probe asks addr.
func (p *GRPC) Probe(ctx context.Context, addr netip.Addr) health.Result {
	a, cancel := begin(ctx, addr, p.c.Via)
	defer cancel()
	return a.end(p.attempt(a))
}

const (
	calling        stage = "waiting for the health service"
	maxGRPCMessage       = 4 << 10 // octets of the answer
)

func (p *GRPC) attempt(a *attempt) error {
	if err := a.ready(); err != nil {
		return err
	}
	// The connection is made here and handed over, so that what goes wrong
	// with it is known as it was, and is not tried again behind our back.
	c, err := p.connect(a)
	if err != nil {
		return err
	}
	defer c.abort()
	shared := &grpcConn{Conn: c.Conn, left: maxConn2}
	handed := false
	cc, err := grpc.NewClient("passthrough:///"+netip.AddrPortFrom(a.addr, p.c.Port).String(),
		grpc.WithTransportCredentials(p.credentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			if handed {
				return nil, errors.New("one connection for each probe")
			}
			handed = true
			return shared, nil
		}),
		grpc.WithAuthority(p.authority(a)), grpc.WithNoProxy(), grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(), grpc.WithUserAgent(defaultUserAgent),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxGRPCMessage)), grpc.WithMaxHeaderListSize(MaxHeaders),
		grpc.WithReadBufferSize(4<<10), grpc.WithWriteBufferSize(4<<10),
	)
	if err != nil {
		return &ownError{err.Error()}
	}
	defer cc.Close()
	a.stage = calling
	reply, err := grpc_health_v1.NewHealthClient(cc).Check(a.ctx, &grpc_health_v1.HealthCheckRequest{Service: p.c.Service})
	if err != nil {
		return a.explainGRPC(shared, err)
	}
	if s := reply.GetStatus(); s != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("health is %s", s)
	}
	return nil
}

// grpcConn bounds what a server can make the client read, and remembers why
// reading ended. The client reads in a goroutine of its own.
type grpcConn struct {
	net.Conn
	left int
	err  atomic.Pointer[error]
}

func (c *grpcConn) Read(b []byte) (int, error) {
	if c.left <= 0 {
		err := error(errGRPCTooLong)
		c.err.Store(&err)
		return 0, err
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	if err != nil {
		c.err.CompareAndSwap(nil, &err)
	}
	return n, err
}

var errGRPCTooLong = errors.New("an answer longer than 256 KiB")

// agreed are the credentials of a connection on which TLS is agreed already.
type agreed struct {
	credentials.TransportCredentials
}

func (agreed) ClientHandshake(_ context.Context, _ string, c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return c, credentials.TLSInfo{CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}}, nil
}

func (agreed) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

func (a agreed) Clone() credentials.TransportCredentials { return a }

func (p *GRPC) credentials() credentials.TransportCredentials {
	if p.tls == nil {
		return insecure.NewCredentials()
	}
	return agreed{insecure.NewCredentials()}
}

func (p *GRPC) authority(a *attempt) string {
	if p.c.Host != "" {
		return p.c.Host
	}
	return netip.AddrPortFrom(a.addr.WithZone(""), p.c.Port).String()
}

// connect opens the connection and, if asked for, agrees on TLS.
func (p *GRPC) connect(a *attempt) (*conn, error) {
	tcp, err := a.dial(p.c.Port)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: tcp, tcp: tcp}
	if p.tls == nil {
		return c, nil
	}
	if err := a.secure(c, namedFor(p.tls, a.addr)); err != nil {
		c.abort()
		return nil, err
	}
	if c.Conn.(*tls.Conn).ConnectionState().NegotiatedProtocol != "h2" {
		c.abort()
		return nil, errNoHTTP2
	}
	if err := a.checkExpiry(c.expires, *p.c.TLS); err != nil {
		c.abort()
		return nil, err
	}
	return c, nil
}

// explainGRPC turns a status into words.
func (a *attempt) explainGRPC(c *grpcConn, err error) error {
	if a.ctx.Err() != nil {
		return a.ctx.Err()
	}
	if broken := c.err.Load(); broken != nil && status.Code(err) == codes.Unavailable {
		return *broken
	}
	s := status.Convert(err)
	switch s.Code() {
	case codes.DeadlineExceeded:
		return context.DeadlineExceeded
	case codes.NotFound:
		return errors.New("the server does not know the service")
	case codes.Unimplemented:
		return errors.New("the server has no health service")
	}
	return fmt.Errorf("gRPC status %s: %s", s.Code(), s.Message())
}
