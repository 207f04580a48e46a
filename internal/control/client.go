package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/geodns-vipd/geodns/internal/httpjson"
)

// Client calls the admin listener of one node.
type Client struct {
	// Server is the node's URL, or "unix:" and the path of its socket.
	Server string
	// Token is sent as bearer token; "" sends none.
	Token string
}

// maxReply bounds what is read of a reply, in octets.
const maxReply = 64 << 20

// Status returns the reply to GET /api/v1/status.
func (c *Client) Status(ctx context.Context) (json.RawMessage, error) {
	return c.get(ctx, "/api/v1/status", nil)
}

// Explain returns the reply to GET /api/v1/explain.
func (c *Client) Explain(ctx context.Context, r ExplainRequest) (json.RawMessage, error) {
	return c.get(ctx, "/api/v1/explain", url.Values{
		"name": {r.Name}, "type": {r.Type}, "client": {r.Client}, "down": r.Down,
	})
}

// Simulate returns the reply to GET /api/v1/simulate.
func (c *Client) Simulate(ctx context.Context, r SimulateRequest) (json.RawMessage, error) {
	return c.get(ctx, "/api/v1/simulate", url.Values{
		"policy": {r.Policy}, "type": {r.Type}, "down": r.Down, "drain": r.Drain,
	})
}

// Change returns the reply to POST /api/v1/sites/{site}/{action}.
func (c *Client) Change(ctx context.Context, action, site string, body ChangeBody) (json.RawMessage, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return c.do(ctx, http.MethodPost, "/api/v1/sites/"+url.PathEscape(site)+"/"+action, data)
}

// get returns the body of a good reply to a question.
func (c *Client) get(ctx context.Context, path string, q url.Values) (json.RawMessage, error) {
	return c.do(ctx, http.MethodGet, path+"?"+q.Encode(), nil)
}

// do returns the body of a good reply; any other is an error with the reason
// that the server gave.
func (c *Client) do(ctx context.Context, method, path string, data []byte) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	base, hc := c.Server, &http.Client{}
	if socket, ok := strings.CutPrefix(c.Server, "unix:"); ok {
		base = "http://localhost"
		hc.Transport = httpjson.Unix(socket)
	}
	req, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if data != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	resp, err := hc.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // the URL is named by the caller
		}
		return nil, err
	}
	return httpjson.Read(resp, maxReply)
}
