package statuspage

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// server serves the page and recorded answers of the API, edited by the test.
type server struct {
	*httptest.Server
	edit atomic.Pointer[func(path string, v map[string]any)]
	lost atomic.Bool
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", Handler())
	for path, file := range map[string]string{"status": "status", "policies": "policies", "simulate": "simulate"} {
		mux.HandleFunc("GET /api/v1/"+path, func(w http.ResponseWriter, r *http.Request) {
			name := file
			if down := r.URL.Query().Get("down"); down != "" {
				name += "-" + down
			}
			data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
			if err != nil || s.lost.Load() {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			var v map[string]any
			if err := json.Unmarshal(data, &v); err != nil {
				t.Error(err)
			}
			if f := s.edit.Load(); f != nil {
				(*f)(path, v)
			}
			_ = json.NewEncoder(w).Encode(v) // the browser went away
		})
	}
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// browser starts Chromium once for all tests of it.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(time.Minute))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if _, err := chromedp.Run(ctx, chromedp.Title()); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// tab is a tab of the browser.
type tab struct {
	*testing.T
	ctx  context.Context
	mu   sync.Mutex
	errs []string // on the console
}

// open opens the page in a new tab and waits until the map is drawn.
func open(t *testing.T, browser context.Context, s *server, width, height int64, features ...*emulation.MediaFeature) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	out := &tab{T: t, ctx: ctx}
	if err := chromedp.Listen(ctx, out.listen); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		t.Fatal(err)
	}
	out.do(chromedp.EmulateViewport(width, height), chromedp.Navigate(s.URL))
	out.wait("document.querySelectorAll('#countries tbody tr').length > 5")
	return out
}

func (t *tab) listen(e any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e := e.(type) {
	case *runtime.EventExceptionThrown:
		t.errs = append(t.errs, fmt.Sprint(*e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			t.errs = append(t.errs, fmt.Sprint(e.Type, e.Args))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			t.errs = append(t.errs, e.Entry.Text)
		}
	}
}

// silent fails the test if anything was said on the console.
func (t *tab) silent() {
	t.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.errs {
		t.Errorf("on the console: %s", e)
	}
}

func (t *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(t.ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// wait waits until an expression is true.
func (t *tab) wait(js string) {
	t.Helper()
	// The policy forbids the page to evaluate text, which chromedp.Poll asks of it.
	for end := time.Now().Add(30 * time.Second); !eval[bool](t, js); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s; the page says:\n%s", js, t.text("body"))
		}
	}
}

// eval returns what an expression comes to.
func eval[T any](t *tab, js string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, 30*time.Second)
	defer cancel()
	out, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", js, err)
	}
	return out
}

// text returns what is to be read within an element.
func (t *tab) text(selector string) string {
	t.Helper()
	return plainSpaces(eval[string](t, fmt.Sprintf("document.querySelector(%q).innerText", selector)))
}

// plainSpaces makes spaces at which no line breaks plain ones.
func plainSpaces(s string) string { return strings.ReplaceAll(s, "\u00a0", " ") }

// says fails the test if an element does not hold a text.
func (t *tab) says(selector string, texts ...string) {
	t.Helper()
	got := t.text(selector)
	for _, want := range texts {
		if !strings.Contains(got, want) {
			t.Errorf("%s does not say %q but:\n%s", selector, want, got)
		}
	}
}

// picture writes a picture to the folder that STATUSPAGE_PICTURES names.
func (t *tab) picture(name string) {
	t.Helper()
	dir := os.Getenv("STATUSPAGE_PICTURES")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(t.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		t.Error(err)
	}
}

// media makes the browser's user prefer something.
func media(name, value string) *emulation.MediaFeature {
	return &emulation.MediaFeature{Name: name, Value: value}
}
