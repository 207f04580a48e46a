package statuspage

import (
	"compress/gzip"
	"io"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestServedOnceZippedAndOncePlain(t *testing.T) {
	get := func(accept, match string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Encoding", accept)
		r.Header.Set("If-None-Match", match)
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, r)
		return w
	}
	plain, zipped := get("", ""), get("br, gzip;q=0.5", "")
	if plain.Header().Get("Content-Encoding") != "" || zipped.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("codings %q and %q, want none and gzip", plain.Header().Get("Content-Encoding"), zipped.Header().Get("Content-Encoding"))
	}
	if n := zipped.Body.Len(); n > 60<<10 {
		t.Errorf("%d octets zipped, want at most 60 KiB", n)
	}
	z, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil || string(text) != plain.Body.String() {
		t.Errorf("the two differ, or %v", err)
	}
	if tag := zipped.Header().Get("ETag"); get("gzip", tag).Code != 304 || get("", tag).Code != 200 {
		t.Error("an ETag of one coding must give 304 for that one alone")
	}
	if w := get("gzip;q=0", ""); w.Header().Get("Content-Encoding") != "" {
		t.Error("gzip was refused and sent")
	}
}

// What the page loads, it has in it.
func TestNothingFromElsewhere(t *testing.T) {
	text := string(build().plain)
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"|https?://[^\s"'<)]+|@import|url\(["']?[^#"']`).FindAllString(text, -1) {
		if m != `href="#sites"` && m != `href="data:,"` && m != "http://www.w3.org/2000/svg" {
			t.Errorf("it names %s", m)
		}
	}
	for _, left := range []string{"/*style*/", "/*script*/", "<!--world-->"} {
		if strings.Contains(text, left) {
			t.Errorf("%s was not filled in", left)
		}
	}
	for _, markup := range []string{"innerHTML", "outerHTML", "insertAdjacent", "document.write", " style=", " onclick=", "eval("} {
		if strings.Contains(text, markup) {
			t.Errorf("it has %q: text must go in as text, and the policy forbids inline styles and handlers", markup)
		}
	}
	if p := build().policy; strings.Contains(p, "unsafe") || !strings.Contains(p, "default-src 'none'") {
		t.Errorf("the policy is lax: %s", p)
	}
}

func TestMapHasTheCountries(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`data-c="([A-Z]{2})"`).FindAllStringSubmatch(read("world.svg"), -1) {
		if seen[m[1]] {
			t.Errorf("%s is there twice", m[1])
		}
		seen[m[1]] = true
	}
	for _, c := range []string{"US", "DE", "SG", "HK", "GF", "XK", "FJ"} {
		if !seen[c] {
			t.Errorf("%s is missing", c)
		}
	}
	if len(seen) < 240 {
		t.Errorf("%d countries", len(seen))
	}
}
