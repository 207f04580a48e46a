package vipd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/geodns-vipd/geodns/internal/httpjson"
)

// Client speaks to a running vipd through its control socket.
type Client struct {
	Socket string
}

// RefusedError is what a daemon answered to something that it would not do.
type RefusedError = httpjson.RefusedError

// Status returns the state of the daemon, as text too, as `status --json`
// prints it.
func (c *Client) Status(ctx context.Context) (Status, []byte, error) {
	var st Status
	raw, err := c.call(ctx, http.MethodGet, "/api/v1/status", nil, &st)
	return st, raw, err
}

// Why returns what happened to the named instances, all if none is named.
func (c *Client) Why(ctx context.Context, instances []string) ([]Why, []byte, error) {
	var out []Why
	raw, err := c.call(ctx, http.MethodGet, "/api/v1/why?"+url.Values{"instance": instances}.Encode(), nil, &out)
	return out, raw, err
}

// DrainReply is what an instance answered.
type DrainReply = drainReply

// DrainRequest says what to drain.
type DrainRequest = drainRequest

// Drain hands over and keeps instances out; Undrain lets them back in.
func (c *Client) Drain(ctx context.Context, r DrainRequest) ([]DrainReply, error) {
	var out []DrainReply
	_, err := c.call(ctx, http.MethodPost, "/api/v1/drain", r, &out)
	return out, err
}

// Undrain is the opposite of Drain.
func (c *Client) Undrain(ctx context.Context, r DrainRequest) ([]DrainReply, error) {
	var out []DrainReply
	_, err := c.call(ctx, http.MethodPost, "/api/v1/undrain", r, &out)
	return out, err
}

// Reload makes the daemon read its file anew, and returns what it says beside.
// A [RefusedError] carries the mistakes.
func (c *Client) Reload(ctx context.Context) (notes []string, err error) {
	var st reloadStatus
	_, err = c.call(ctx, http.MethodPost, "/api/v1/reload", nil, &st)
	return st.Notes, err
}

func (c *Client) call(ctx context.Context, method, path string, body, out any) ([]byte, error) {
	var in io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://vipd"+path, in)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: httpjson.Unix(c.Socket)}
	resp, err := client.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	raw, err := httpjson.Read(resp, 16<<20)
	if err != nil || out == nil {
		return raw, err
	}
	return raw, json.Unmarshal(raw, out)
}

func (c *Client) unreachable(err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
	default:
		var op *net.OpError
		if !errors.As(err, &op) {
			return err
		}
		err = op.Err
	}
	why := "is vipd running? else --control names its socket"
	if errors.Is(err, os.ErrPermission) {
		why = "only root may speak to it"
	}
	return fmt.Errorf("%s: no answer (%s)", c.Socket, why)
}
