package probe

import (
	"bytes"
	"strconv"
)

// progress finds the end of an HTTP response while it comes, and judges
// nothing: what it takes for complete, and what it cannot make sense of, is
// for net/http's reader to say (RFC 9112, Sections 6.3 and 7.1). It may be slow
// to find an end, but never finds one too early.
type progress struct {
	at      part
	pos     int // where in the response the part begins
	status  int
	interim int
	length  int // of the body; -1: none given
	chunked bool
	body    int // bytes of the body before pos, if it comes in chunks
}

// part is what comes next in a response.
type part uint8

const (
	statusLine part = iota
	headerLine
	plainBody // as long as said, or until the connection closes
	chunkLine
	trailerLine
	complete
	strange // to be shown to net/http's reader as it is
)

// advance looks at what has come up to now, all of it from the beginning, or
// from a plain body on as much as skipped less, and returns what comes next.
// head says that the request was HEAD.
func (g *progress) advance(b []byte, skipped int, head bool) part {
	for g.at < complete {
		if g.at == plainBody {
			if g.plainLeft(len(b)+skipped) <= 0 {
				g.at = complete
			}
			break
		}
		end := -1
		if g.pos < len(b) {
			end = bytes.IndexByte(b[g.pos:], '\n')
		}
		if end < 0 {
			g.bound(len(b))
			break
		}
		line := bytes.TrimSuffix(b[g.pos:g.pos+end], []byte("\r"))
		g.pos += end + 1
		g.line(line, head)
	}
	return g.at
}

// bound makes an end of lines that do not end.
func (g *progress) bound(n int) {
	const longest = 4 << 10 // of the lines between chunks; net/http takes less
	switch {
	case g.at < plainBody && n >= MaxHeaders, g.at > plainBody && n-g.pos > longest:
		g.at = strange
	}
}

// plainLeft returns how many bytes of the plain body are still to come if n of
// the response have.
func (g *progress) plainLeft(n int) int {
	want := MaxBody
	if g.length >= 0 {
		want = min(want, g.length)
	}
	return g.pos + want - n
}

func (g *progress) line(line []byte, head bool) {
	switch g.at {
	case statusLine:
		g.startOf(line)
	case headerLine:
		if len(line) > 0 {
			g.header(line)
			return
		}
		g.endOfHeaders(head)
	case chunkLine:
		g.chunk(line)
	case trailerLine:
		if len(line) == 0 {
			g.at = complete
		}
	}
}

// startOf takes a status line.
func (g *progress) startOf(line []byte) {
	version, rest, _ := bytes.Cut(line, []byte(" "))
	code, _, _ := bytes.Cut(rest, []byte(" "))
	status, err := strconv.ParseUint(string(code), 10, 16)
	if string(version) != "HTTP/1.1" && string(version) != "HTTP/1.0" || len(code) != 3 || err != nil {
		g.at = strange
		return
	}
	g.at, g.status, g.length, g.chunked = headerLine, int(status), -1, false
}

// header takes the header lines on which the length of the body depends.
func (g *progress) header(line []byte) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	value = bytes.Trim(value, " \t")
	switch {
	case !ok || len(name) == 0 || name[0] == ' ' || name[0] == '\t' || name[len(name)-1] == ' ':
		g.at = strange
	case bytes.EqualFold(name, []byte("Content-Length")):
		n, err := strconv.ParseUint(string(value), 10, 63)
		if err != nil || g.length >= 0 || g.chunked {
			g.at = strange
			return
		}
		g.length = int(min(n, 2*MaxBody)) // more is not read
	case bytes.EqualFold(name, []byte("Transfer-Encoding")):
		if !bytes.EqualFold(value, []byte("chunked")) || g.length >= 0 || g.chunked {
			g.at = strange
			return
		}
		g.chunked = true
	}
}

// endOfHeaders says what follows them.
func (g *progress) endOfHeaders(head bool) {
	switch {
	case g.status >= 100 && g.status < 200 && g.status != 101:
		g.interim++
		g.at = statusLine
		if g.interim > maxInterim {
			g.at = strange
		}
	case head, g.status == 101, g.status == 204, g.status == 304:
		g.at = complete
	case g.chunked:
		g.at = chunkLine
	default:
		g.at = plainBody
	}
}

// chunk takes the line before a chunk and passes over the chunk and its end.
func (g *progress) chunk(line []byte) {
	size, _, _ := bytes.Cut(line, []byte(";"))
	n, err := strconv.ParseUint(string(bytes.TrimRight(size, " \t")), 16, 32)
	switch {
	case err != nil:
		g.at = strange
	case n == 0:
		g.at = trailerLine
	case g.body+int(n) >= MaxBody:
		// The rest of what is read of the body is in this chunk.
		g.at, g.length, g.body = plainBody, MaxBody-g.body, MaxBody
	default:
		g.body += int(n)
		g.pos += int(n) + len("\r\n")
	}
}

// skips reports whether what comes now need not be kept if nobody wants the
// body: it is as long as it is, whatever it holds.
func (g *progress) skips() bool { return g.at == plainBody && g.body == 0 && !g.chunked }
