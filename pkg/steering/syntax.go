package steering

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v3"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// maxFile is the largest file that is read, in bytes: far more than people
// write, and little enough to be parsed at once.
const maxFile = 16 << 20

// maxSearch is the largest file in which the column of a syntax error is looked
// for, in bytes. The search parses the text some 50 times.
const maxSearch = 256 << 10

// parseYAML returns the root node of the one document in data, nil if there is
// none. at turns an offset in data into a place.
func parseYAML(data []byte, at func(offset int) diag.Pos, diags *diag.List) *yaml.Node {
	if len(data) > maxFile {
		diags.Errorf(at(0), fmt.Sprintf("at most %d MiB", maxFile>>20), "file of %d bytes", len(data))
		return nil
	}
	if i := badCharacter(data); i >= 0 {
		diags.Errorf(at(i), "UTF-8 text", "byte 0x%02x is no text", data[i])
		return nil
	}
	docs, err := decode(data)
	if err != nil {
		offset, what := locate(data, err)
		c, _ := utf8.DecodeRune(data[min(offset, len(data)):])
		what, right := inWords(what, c)
		diags.Errorf(at(offset), right, "%s", what)
		return nil
	}
	if len(docs) > 1 {
		diags.Errorf(at(secondDocument(data)), "one document in a file", "%d YAML documents", len(docs))
		return nil
	}
	if len(docs) == 0 || len(docs[0].Content) == 0 {
		return nil
	}
	return docs[0].Content[0]
}

// decode returns the documents in data. The library panics on some input that
// is no YAML; that is an error like any other.
func decode(data []byte) (docs []*yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not YAML: %v", p)
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		switch err := d.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return nil, err
		}
		docs = append(docs, &doc)
	}
}

// badCharacter returns the offset of the first byte that YAML does not allow,
// or -1 (YAML 1.2.2, Section 5.1).
func badCharacter(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && n == 1,
			r < 0x20 && r != '\t' && r != '\n' && r != '\r',
			r == 0x7f, r >= 0x80 && r < 0xa0 && r != 0x85, r == 0xfffe, r == 0xffff:
			return i
		}
		i += n
	}
	return -1
}

var (
	libraryPrefix = regexp.MustCompile(`^yaml: (line (\d+): )?`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
	documentStart = regexp.MustCompile(`(?m)^---(\s|$)`)
)

// locate returns the offset of a syntax error and its text. The library says
// a line at best, and for some errors that of an earlier token; so the error
// is looked for: it stands where the text, cut there, can no longer be
// completed to YAML. Where it could be completed to the end, a bracket or
// quote is open, and it stands there.
func locate(data []byte, err error) (offset int, what string) {
	what = libraryPrefix.ReplaceAllString(err.Error(), "")
	if m := unknownAnchor.FindStringSubmatch(what); m != nil {
		return max(0, bytes.Index(data, []byte("*"+m[1]))), fmt.Sprintf("unknown anchor %q", m[1])
	}
	if len(data) > maxSearch {
		return lineOffset(data, err), what
	}
	ends := runeEnds(data)
	bad := sort.Search(len(ends), func(i int) bool { return !completable(data[:ends[i]]) })
	if bad == len(ends) {
		open := openAt(data)
		if len(open) == 0 {
			return len(bytes.TrimRight(data, " \t\r\n")), what
		}
		last := open[len(open)-1]
		return last, fmt.Sprintf("%c is never closed", data[last])
	}
	at := 0
	if bad > 0 {
		at = ends[bad-1]
	}
	// The last character that shows is the one that people take for the
	// culprit.
	for at > 0 && strings.IndexByte(" \r\n", data[at]) >= 0 {
		at--
	}
	return at, what
}

// inWords turns a message of the library about the character c into what is
// wrong and what would be right.
func inWords(message string, c rune) (what, right string) {
	switch {
	case strings.HasPrefix(message, "did not find expected ','"):
		return fmt.Sprintf("%q where ',' or a closing bracket is missing", c), ""
	case strings.HasPrefix(message, "found character that cannot start any token"), strings.Contains(message, "tab character"):
		if c == '\t' {
			return "a tab in the indentation", "blanks"
		}
		return fmt.Sprintf("a value cannot begin with %c", c), "put it in quotes"
	case message == "mapping values are not allowed in this context":
		return "a ':' where none can be", "quotes around the value, or another indentation"
	case message == "did not find expected key", message == "did not find expected '-' indicator":
		return "a line that does not fit those before it", "the same indentation as theirs"
	case strings.HasPrefix(message, "could not find expected ':'"):
		return "a key without ':'", ""
	case message == "did not find expected <document start>":
		return "text after the end of the policy or file", ""
	case message == "found unknown escape character":
		return message, `single quotes, or \\ for the character \`
	case strings.HasSuffix(message, "is never closed"):
		return message, "add the closing one"
	}
	return message, ""
}

// lineOffset returns the offset of the line that the library names in err, or
// 0 if it names none.
func lineOffset(data []byte, err error) int {
	m := libraryPrefix.FindStringSubmatch(err.Error())
	if m == nil {
		return 0
	}
	line, _ := strconv.Atoi(m[2])
	offset := 0
	for ; line > 1; line-- {
		next := bytes.IndexByte(data[offset:], '\n')
		if next < 0 {
			break
		}
		offset += next + 1
	}
	return offset
}

// runeEnds returns the offsets after each character.
func runeEnds(data []byte) []int {
	ends := make([]int, 0, len(data))
	for i := 0; i < len(data); {
		_, n := utf8.DecodeRune(data[i:])
		i += n
		ends = append(ends, i)
	}
	return ends
}

// completable reports whether text can be the beginning of YAML: whether some
// simple end makes it whole.
func completable(text []byte) bool {
	var closers []byte
	open := openAt(text)
	for i := len(open) - 1; i >= 0; i-- {
		closers = append(closers, closerOf[text[open[i]]])
	}
	for _, end := range []string{"", "x", ": x", "x: x"} {
		whole := append(append(bytes.Clone(text), end...), closers...)
		_, err := decode(append(whole, '\n'))
		if err == nil || unknownAnchor.MatchString(libraryPrefix.ReplaceAllString(err.Error(), "")) {
			return true // an anchor's name may just be cut short
		}
	}
	return false
}

var closerOf = map[byte]byte{'[': ']', '{': '}', '"': '"', '\'': '\''}

// openAt returns the offsets of the brackets and quotes that are open at the
// end of text. It knows as much of YAML as that takes: brackets and quotes
// count where a value can begin, comments and quoted text do not.
func openAt(text []byte) []int {
	var open []int
	begins := true // a value can begin here
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case len(open) > 0 && isQuote(text[open[len(open)-1]]):
			if quote := text[open[len(open)-1]]; c == '\\' && quote == '"' {
				i++
			} else if c == quote {
				open, begins = open[:len(open)-1], false
			}
		case c == '#' && (i == 0 || isBlank(text[i-1])):
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		case begins && (c == '[' || c == '{' || isQuote(c)):
			open = append(open, i)
		case len(open) > 0 && c == closerOf[text[open[len(open)-1]]]:
			open, begins = open[:len(open)-1], false
		case c == '\n', c == ',' && len(open) > 0:
			begins = true
		case c == ':' || c == '-' || c == '?':
			begins = begins || c == ':'
		case !isBlank(c):
			begins = false
		}
	}
	return open
}

func isQuote(c byte) bool { return c == '"' || c == '\'' }

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// secondDocument returns the offset of the line that begins the second of
// several documents.
func secondDocument(data []byte) int {
	marks := documentStart.FindAllIndex(data, -1)
	for _, m := range marks {
		if len(bytes.TrimSpace(data[:m[0]])) > 0 {
			return m[0]
		}
	}
	if len(marks) > 1 {
		return marks[1][0]
	}
	return 0
}
