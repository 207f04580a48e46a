// Package statuspage owns the status page: one document with its style, script
// and map in it, which asks the API of the listener that served it and nobody
// else.
//
// The shapes on the map are Natural Earth's, in the public domain;
// tools/geotable made them.
package statuspage

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

//go:embed index.html style.css world.svg *.js
var files embed.FS

// scripts are joined in this order.
var scripts = []string{"dom.js", "sites.js", "map.js", "policies.js", "live.js"}

// page is the document as it is sent.
type page struct {
	plain, zipped []byte
	policy        string // Content-Security-Policy
	tag           string // ETag
}

// build puts the document together.
var build = sync.OnceValue(func() *page {
	var script strings.Builder
	for _, name := range scripts {
		script.WriteString(read(name))
	}
	style := read("style.css")
	html := strings.NewReplacer("/*style*/", style, "/*script*/", script.String(), "<!--world-->", read("world.svg")).Replace(read("index.html"))
	p := &page{plain: []byte(html)}
	p.policy = "default-src 'none'; script-src '" + digest(script.String()) + "'; style-src '" + digest(style) +
		"'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	sum := sha256.Sum256(p.plain)
	p.tag = fmt.Sprintf("%x", sum[:8])
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // a known level
	_, _ = z.Write(p.plain)                               // a Buffer takes all
	_ = z.Close()
	p.zipped = b.Bytes()
	return p
})

// read returns an embedded file.
func read(name string) string {
	b, err := files.ReadFile(name)
	if err != nil {
		panic("statuspage: " + err.Error())
	}
	return string(b)
}

// digest returns what names an inline script or style in a
// Content-Security-Policy (CSP Level 3, Section 2.3.1).
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Handler serves the page. It keeps no state and may be called concurrently.
func Handler() http.Handler { return http.HandlerFunc(serve) }

func serve(w http.ResponseWriter, r *http.Request) {
	p := build()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache") // kept, but asked about each time
	h.Set("Vary", "Accept-Encoding")
	body, tag := p.plain, `"`+p.tag+`"`
	if takesGzip(r.Header.Get("Accept-Encoding")) {
		body, tag = p.zipped, `"`+p.tag+`-gzip"`
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the caller went away
}

// takesGzip reports whether a list of codings (RFC 9110, Section 12.5.3) has
// gzip and does not refuse it.
func takesGzip(accept string) bool {
	for item := range strings.SplitSeq(accept, ",") {
		name, params, _ := strings.Cut(item, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q, weighted := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		v, err := strconv.ParseFloat(q, 64)
		return !weighted || err == nil && v > 0
	}
	return false
}
