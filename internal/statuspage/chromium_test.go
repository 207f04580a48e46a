package statuspage

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func TestInChromium(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	b := browser(t)
	t.Run("ShowsWhatIsTheMatter", func(t *testing.T) {
		s := newServer(t)
		p := open(t, b, s, 1280, 900)
		p.says("#summary", "1 site down: fra", "1 of 3 up")
		p.says("#sites article:first-child", "fra", "down", "checks fail for", "connection refused")
		p.says("#sites article:nth-child(2)", "sgp", "draining, has 40 % of its clients", "by root", "until", "new switch")
		p.says("#policies", "continent: [EU, AF]", "europe", "failover", "weight 3")
		p.says("#transitions", "fra 127.0.0.11", "up → down", "check web: connection refused")
		p.says("#countries", "United States", "iad 75 %, sgp 25 %")
		if n := eval[int](p, "[...document.querySelectorAll('#land > *')].filter(e => e.style.fill).length"); n < 40 {
			t.Errorf("%d countries have a colour, want the 40 of the answer", n)
		}
		if got := eval[string](p, "document.querySelector('#sites article .spark').getAttribute('aria-label')"); !strings.Contains(got, "20 failed") {
			t.Errorf("the sparkline of fra is called %q", got)
		}
		if got := eval[string](p, "document.title"); !strings.HasPrefix(got, "✕ 1 down") {
			t.Errorf("title %q", got)
		}
		p.picture("desktop")
		p.silent()
	})
	t.Run("TellsTheMembersOfCalculatedChecks", func(t *testing.T) {
		s := newServer(t)
		edit := func(path string, v map[string]any) {
			if path != "status" {
				return
			}
			check := v["sites"].([]any)[0].(map[string]any)["addresses"].([]any)[0].(map[string]any)["checks"].([]any)[0].(map[string]any)
			check["calculated"], check["needed"] = "2 of a, b, ok", 2
			check["members"] = []map[string]any{
				{"check": "a", "of": check["check"], "state": "up", "latency_ms": 1.25, "last_error": "old"},
				{"check": "b", "of": check["check"], "state": "down", "latency_ms": 0, "last_error": "connection refused"},
				{"check": "ok", "of": check["check"], "state": "down", "calculated": "not c"},
				{"check": "c", "of": "ok", "state": "up"},
			}
		}
		s.edit.Store(&edit)
		p := open(t, b, s, 1280, 900)
		p.says("#sites", "2 of a, b, ok: 1 up, 2 needed", "a up, 1.25 ms", "b down: connection refused", "ok (not c) down", "c of ok up")
		p.silent()
	})
	t.Run("TellsWhatSpillsOver", func(t *testing.T) { tellsWhatSpillsOver(t, b) })
	t.Run("KeyboardAloneAsksWhatIf", func(t *testing.T) {
		s := newServer(t)
		p := open(t, b, s, 1280, 900)
		brazil := "document.querySelector('[data-c=BR]').style.fill"
		before := eval[string](p, brazil)
		p.do(chromedp.KeyEvent(kb.Tab))
		if got := eval[string](p, "document.activeElement.className"); got != "skip" {
			t.Errorf("the first stop is %q, want the link past the header", got)
		}
		for range 10 {
			p.do(chromedp.KeyEvent(kb.Tab))
			if eval[string](p, "String(document.activeElement.value)") == "iad" {
				break
			}
		}
		if got := eval[string](p, "getComputedStyle(document.activeElement).outlineStyle"); got == "none" {
			t.Error("the focus is not to be seen")
		}
		p.do(chromedp.KeyEvent(" "))
		p.wait("document.querySelector('#countries').classList.contains('then')")
		p.says("#countries caption", "if iad were down")
		p.says("#countries tbody tr:first-child", "United States", "iad 75 %, sgp 25 %", "sgp")
		p.says("#shares", "62 % → 0 %", "38 % → 100 %")
		if after := eval[string](p, brazil); after == before || before == "" {
			t.Errorf("Brazil was %q and is %q", before, after)
		}
		if !eval[bool](p, "document.querySelector('[data-c=BR]').classList.contains('moved')") {
			t.Error("Brazil moves and is not outlined")
		}
		if got := eval[string](p, "document.activeElement.value"); got != "iad" {
			t.Errorf("the focus went from the box to %q", got)
		}
		p.picture("whatif")
		p.do(chromedp.KeyEvent(" "))
		p.wait("!document.querySelector('#countries').classList.contains('then')")
		p.silent()
	})
	t.Run("TextIsNeverMarkup", func(t *testing.T) {
		s := newServer(t)
		const evil = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`
		s.poison(evil)
		p := open(t, b, s, 1280, 900)
		for _, where := range []string{"#sites", "#transitions", "#policies", "#config", "#about", "#countries"} {
			p.says(where, evil)
		}
		if eval[bool](p, "'hacked' in window || document.querySelector('img, main script') !== null") {
			t.Error("text became markup")
		}
		p.silent()
	})
	t.Run("PolicyHolds", func(t *testing.T) { policyHolds(t, open(t, b, newServer(t), 1280, 900)) })
	t.Run("DarkAndLightCanBeRead", func(t *testing.T) {
		for _, scheme := range []string{"light", "dark"} {
			p := open(t, b, newServer(t), 1280, 900, media("prefers-color-scheme", scheme))
			readable(t, p, scheme)
			p.picture(scheme)
		}
	})
	t.Run("FitsAPhone", func(t *testing.T) {
		s := newServer(t)
		long := func(_ string, v map[string]any) {
			replace(v, func(key, old string) string {
				if key == "reason" || key == "last_error" {
					return strings.Repeat("unbreakable", 20)
				}
				return old
			})
		}
		s.edit.Store(&long)
		p := open(t, b, s, 320, 700)
		if w := eval[int](p, "document.documentElement.scrollWidth"); w > 320 {
			t.Errorf("%d pixels wide on a screen of 320", w)
		}
		p.picture("phone-long")
		s.edit.Store(nil)
		open(t, b, s, 320, 700).picture("phone")
	})
	t.Run("NothingMovesWhereThatIsAsked", func(t *testing.T) {
		p := open(t, b, newServer(t), 1280, 900, media("prefers-reduced-motion", "reduce"))
		if got := eval[string](p, "getComputedStyle(document.querySelector('#land path')).transitionDuration"); got != "0s" {
			t.Errorf("colours change within %s", got)
		}
	})
	t.Run("SaysWhenTheServerIsLost", func(t *testing.T) {
		s := newServer(t)
		p := open(t, b, s, 1280, 900)
		s.lost.Store(true)
		p.wait("!document.querySelector('#lost').hidden")
		p.says("#lost", "No answer from the server since", "Asked again every 3 s")
		p.says("#fresh", "not live")
		p.says("#sites", "fra") // the last that is known stays
		s.lost.Store(false)
		p.wait("document.querySelector('#lost').hidden")
		p.says("#fresh", "live")
	})
	t.Run("StatesInWords", func(t *testing.T) { statesInWords(t, open(t, b, newServer(t), 1280, 900)) })
}

// poison puts a text into everything that others can write.
func (s *server) poison(text string) {
	f := func(path string, v map[string]any) {
		replace(v, func(key, old string) string {
			switch key {
			case "last_error", "reason", "notes", "when", "who", "version":
				return text
			case "country":
				if old == "US" {
					return text
				}
			}
			return old
		})
		if path == "status" {
			v["config"].(map[string]any)["ok"] = false
			v["config"].(map[string]any)["errors"] = []any{"zones/steering.yaml:12:5: " + text}
		}
	}
	s.edit.Store(&f)
}

// replace passes each string below v through f.
func replace(v any, f func(key, old string) string) {
	switch v := v.(type) {
	case map[string]any:
		for k, child := range v {
			if s, ok := child.(string); ok {
				v[k] = f(k, s)
			}
			replace(child, f)
		}
	case []any:
		for _, child := range v {
			replace(child, f)
		}
	}
}

// policyHolds tries what an intruder would do who got something into the page.
func policyHolds(t *testing.T, p *tab) {
	var called atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called.Store(true) }))
	defer other.Close()
	said := eval[string](p, fmt.Sprintf(`(async () => {
		const s = document.createElement('script');
		s.textContent = 'window.hacked = 1';
		document.head.append(s);
		const i = document.createElement('img');
		i.src = %[1]q;
		document.body.append(i);
		const el = document.createElement('p');
		el.setAttribute('onclick', 'window.hacked = 1');
		el.setAttribute('style', 'color: rgb(1, 2, 3)');
		document.body.append(el);
		el.click();
		let fetched = 'refused';
		try { await fetch(%[1]q, {mode: 'no-cors'}); fetched = 'fetched'; } catch {}
		return [fetched, 'hacked' in window, getComputedStyle(el).color === 'rgb(1, 2, 3)'].join();
	})()`, other.URL))
	if said != "refused,false,false" || called.Load() {
		t.Errorf("fetched, run, styled: %s; the other server was called: %v", said, called.Load())
	}
}

// readable holds colours to the contrast that WCAG 2.2 asks for, level AA.
func readable(t *testing.T, p *tab, scheme string) {
	ratios := eval[map[string]float64](p, `(() => {
		const at = name => { const e = document.createElement('span'); document.body.append(e); e.style.color = 'var(' + name + ')';
			const c = getComputedStyle(e).color.match(/[\d.]+/g).map(Number); e.remove(); return c; };
		const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
			.reduce((t, v, i) => t + v * [0.2126, 0.7152, 0.0722][i], 0);
		const ratio = (a, b) => { const [x, y] = [light(at(a)), light(at(b))].sort(); return (y + 0.05) / (x + 0.05); };
		const out = {};
		for (const back of ['--back', '--card', '--badback']) for (const fore of ['--text']) out[fore + ' on ' + back] = ratio(fore, back);
		for (const fore of ['--dim', '--good', '--bad', '--warn', '--off', '--link']) out[fore + ' on --card'] = ratio(fore, '--card');
		out['--dim on --back'] = ratio('--dim', '--back');
		return out;
	})()`)
	for pair, r := range ratios {
		if r < 4.5 {
			t.Errorf("%s: %s has a contrast of %.2f, want 4.5", scheme, pair, r)
		}
	}
	back := eval[string](p, "getComputedStyle(document.documentElement).backgroundColor")
	if dark := back == "rgb(14, 18, 23)"; dark != (scheme == "dark") {
		t.Errorf("%s: the background is %s", scheme, back)
	}
}

// statesInWords asks the script what it makes of states, and compares with
// testdata/states.json: the changes of a site that is up, and the kind and
// words that they give.
func statesInWords(t *testing.T, p *tab) {
	data, err := os.ReadFile("testdata/states.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Site, Addresses, Overrides json.RawMessage
		Kind, Words                string
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		got := eval[map[string]string](p, fmt.Sprintf(`(() => {
			const address = {address: '192.0.2.1', up: true, held: false, share: 1, checks: []};
			const addresses = (%s || [{}]).map(a => ({...address, ...a}));
			return siteState({name: 'fra', up: true, since: '2026-11-21T09:00:00Z', share: 1, kept_by: [], addresses, ...%s}, %s || []);
		})()`, orNull(c.Addresses), orNull(c.Site), orNull(c.Overrides)))
		if got["kind"] != c.Kind || plainSpaces(got["words"]) != c.Words {
			t.Errorf("%s %s %s: got %v, want %s: %q", c.Site, c.Addresses, c.Overrides, got, c.Kind, c.Words)
		}
		if !eval[bool](p, fmt.Sprintf("%q in shapes && %q in rank", c.Kind, c.Kind)) {
			t.Errorf("%s has no shape or no rank", c.Kind)
		}
	}
}

func orNull(v json.RawMessage) string {
	if v == nil {
		return "null"
	}
	return string(v)
}
