package floatip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/digitalocean/godo"
)

// DigitalOcean is a reserved IP of DigitalOcean. It moves between droplets of
// one datacentre; the API has no compare-and-set, an assignment always steals.
type DigitalOcean struct {
	Address     netip.Addr
	TokenFile   string // read for each request, so that a token can be renewed
	DropletID   string // "" asks the metadata service
	APIURL      string // "" is DigitalOcean's
	MetadataURL string // "" is http://169.254.169.254
	Lease       Lease  // asked when the connection for a claim stands

	once   sync.Once
	client *godo.Client
	err    error
	mu     sync.Mutex
	id     int
}

const defaultMetadata = "http://169.254.169.254"

// Prepare asks for what later calls need, so that a claim is one request.
func (d *DigitalOcean) Prepare(ctx context.Context) error {
	if err := d.connect(); err != nil {
		return err
	}
	_, err := d.droplet(ctx)
	return err
}

// Observe implements [Provider].
func (d *DigitalOcean) Observe(ctx context.Context) (Observation, error) {
	if err := d.connect(); err != nil {
		return Observation{}, err
	}
	id, err := d.droplet(ctx)
	if err != nil {
		return Observation{}, err
	}
	droplet, locked, err := d.holder(ctx)
	if err != nil {
		return Observation{}, err
	}
	switch {
	case droplet == nil:
		return Observation{Where: Elsewhere, Locked: locked}, nil
	case droplet.ID == id:
		return Observation{Where: Here, Locked: locked}, nil
	}
	return Observation{Where: Elsewhere, Holder: strings.TrimSpace(fmt.Sprintf("droplet %d %s", droplet.ID, droplet.Name)), Locked: locked}, nil
}

// holder returns the droplet that has the address, nil if none has.
func (d *DigitalOcean) holder(ctx context.Context) (*godo.Droplet, bool, error) {
	if d.Address.Is6() {
		ip, resp, err := d.client.ReservedIPV6s.Get(ctx, d.Address.String())
		if err != nil {
			return nil, false, apiError(resp, err)
		}
		return ip.Droplet, false, nil
	}
	ip, resp, err := d.client.ReservedIPs.Get(ctx, d.Address.String())
	if err != nil {
		return nil, false, apiError(resp, err)
	}
	return ip.Droplet, ip.Locked, nil
}

// Claim implements [Provider].
func (d *DigitalOcean) Claim(ctx context.Context) error {
	if err := d.connect(); err != nil {
		return err
	}
	id, err := d.droplet(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := d.guarded(ctx)
	defer cancel()
	var resp *godo.Response
	if d.Address.Is6() {
		_, resp, err = d.client.ReservedIPV6Actions.Assign(ctx, d.Address.String(), id)
	} else {
		_, resp, err = d.client.ReservedIPActions.Assign(ctx, d.Address.String(), id)
	}
	return apiError(resp, err)
}

// guarded cancels a claim whose lease has ended before it is written: a
// connection may take long to stand, and the machine may have slept.
func (d *DigitalOcean) guarded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if d.Lease == nil {
		return ctx, cancel
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) {
			if _, ok := d.Lease(); !ok {
				cancel()
			}
		},
	}), cancel
}

func (d *DigitalOcean) connect() error {
	d.once.Do(func() {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSHandshakeTimeout = 5 * time.Second
		opts := []godo.ClientOpt{godo.SetUserAgent("vipd")}
		if d.APIURL != "" {
			opts = append(opts, godo.SetBaseURL(strings.TrimSuffix(strings.TrimSuffix(d.APIURL, "/"), "/v2")+"/"))
		}
		d.client, d.err = godo.New(&http.Client{Transport: &bearer{d.TokenFile, transport}}, opts...)
	})
	return d.err
}

// droplet returns this machine's number. It is asked for once.
func (d *DigitalOcean) droplet(ctx context.Context) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.id != 0 {
		return d.id, nil
	}
	text := d.DropletID
	if text == "" {
		var err error
		if text, err = d.metadata(ctx, "/metadata/v1/id"); err != nil {
			return 0, fmt.Errorf("who this droplet is: %w", err)
		}
	}
	id, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || id <= 0 {
		return 0, fmt.Errorf("droplet id %q: must be a number", text)
	}
	d.id = id
	return id, nil
}

// metadata asks the link-local service that every droplet has. No proxy.
func (d *DigitalOcean) metadata(ctx context.Context, path string) (string, error) {
	base := d.MetadataURL
	if base == "" {
		base = defaultMetadata
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+path, nil)
	if err != nil {
		return "", err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("metadata: %s", resp.Status)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, 256))
	return string(data), err
}

// apiError adds when to come again, where the API says so. A message of the API
// is cut: it goes into status and log.
func apiError(resp *godo.Response, err error) error {
	if err == nil {
		return nil
	}
	var api *godo.ErrorResponse
	if errors.As(err, &api) && api.Response != nil {
		msg := api.Message
		if len(msg) > 200 {
			msg = msg[:200]
		}
		err = fmt.Errorf("digitalocean: %s: %s", api.Response.Status, msg)
	}
	if resp == nil || resp.Response == nil {
		return err
	}
	if wait, ok := retryAfter(resp.Header, time.Now()); ok {
		return &RetryAfter{wait, err}
	}
	return err
}

// retryAfter reads Retry-After: seconds, a date, or as DigitalOcean also sends
// it, the Unix time at which the allowance starts anew.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	text := h.Get("Retry-After")
	if text == "" {
		return 0, false
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n > 1_000_000_000 {
			n -= now.Unix()
		}
		return max(0, time.Duration(min(n, 3600))*time.Second), true
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now)), true
	}
	return 0, false
}

// bearer adds the token.
type bearer struct {
	file string
	next http.RoundTripper
}

func (b *bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := os.ReadFile(b.file)
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	return b.next.RoundTrip(req)
}
