// Package httpjson is what the daemons and their commands have in common where
// they speak JSON over HTTP: a server with limits, a Unix socket that root
// alone may use, a reply, and reading one.
//
// It knows no route and no daemon, and does not say who may call. The entry
// points are [NewServer] and [ListenUnix] for a daemon, [Unix] and [Read] for a
// command.
package httpjson

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"
)

// NewServer returns a server for h in which no caller can hold a connection or
// memory for long. What is wrong with single connections is logged at debug.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// maxSocketPath is the longest path of a socket that the kernel takes, in octets.
const maxSocketPath = 107

// ListenUnix listens at a path, with mode 0600. A file that an earlier run left
// there is replaced: the caller makes sure that nobody listens at it. The folder
// must exist.
func ListenUnix(path string) (*net.UnixListener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("socket %s: the path has %d octets, the kernel takes %d: choose a shorter one", path, len(path), maxSocketPath)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		ln.Close()
		return nil, err
	}
	return ln, nil
}

// Error is the JSON form of every error.
type Error struct {
	Error    string   `json:"error"`
	Findings []string `json:"findings,omitempty"` // mistakes in a file, a line each
}

// Fail replies with an error.
func Fail(w http.ResponseWriter, code int, text string) { Write(w, code, Error{Error: text}) }

// Streamer is a value that writes its JSON while it makes it, being too large to
// be held at once.
type Streamer interface{ WriteJSON(w io.Writer) error }

// Write replies with v as JSON. A [Streamer] writes it itself.
func Write(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	if s, streams := v.(Streamer); streams {
		out := bufio.NewWriter(w)
		_ = s.WriteJSON(out) // the caller went away
		_ = out.Flush()
		return
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // the caller went away
}

// Unix returns a transport whose requests go to the socket at a path, whatever
// host they name.
func Unix(path string) *http.Transport {
	return &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}
}

// RefusedError is what a server answered instead of what it was asked for.
type RefusedError struct {
	Text     string
	Findings []string
}

func (e *RefusedError) Error() string { return e.Text }

// Read returns the body of a good reply, cut after most octets. Any other is a
// [RefusedError].
func Read(resp *http.Response, most int64) ([]byte, error) {
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil || resp.StatusCode == http.StatusOK {
		return body, err
	}
	var e Error
	if json.Unmarshal(body, &e) != nil || e.Error == "" {
		e.Error = "the server answered " + resp.Status
	}
	return nil, &RefusedError{e.Error, e.Findings}
}
