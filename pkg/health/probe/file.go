package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// FileConfig says which file to look at.
type FileConfig struct {
	Path    string        // {site} and {address} stand for those probed
	Content bool          // its first word must be up; false: it must be there
	MaxAge  time.Duration // since its last change; 0: any
}

// File is a [Prober] that looks at a file of this machine. It is up when the
// file is there, is no older than allowed, and, with Content, begins with the
// word up; what stands after down is the reason. A file that cannot be read, or
// whose first word is neither, gives no verdict: it does not say that the
// target is down.
type File struct {
	c    FileConfig
	site string
}

// NewFile returns a prober for the addresses of a site.
func NewFile(c FileConfig, site string) *File { return &File{c, site} }

// maxFileRead is how much of a file is read, in octets.
const maxFileRead = 4 << 10

// Probe looks at the file of addr.
func (p *File) Probe(ctx context.Context, addr netip.Addr) health.Result {
	a, cancel := begin(ctx, addr, Via{})
	defer cancel()
	return a.end(p.attempt(a))
}

func (p *File) attempt(a *attempt) error {
	path := strings.NewReplacer("{site}", p.site, "{address}", addressText(a.addr)).Replace(p.c.Path)
	// Without waiting for a writer, if it is a pipe.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New(path + " is not there")
	case err != nil:
		return &ownError{err.Error()}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return &ownError{err.Error()}
	}
	if !info.Mode().IsRegular() && (p.c.Content || !info.IsDir()) {
		return &ownError{path + " is no ordinary file"}
	}
	if age := time.Since(info.ModTime()); p.c.MaxAge > 0 && age > p.c.MaxAge {
		return fmt.Errorf("%s is %s old, more than %s", path, age.Truncate(time.Second), p.c.MaxAge)
	}
	if !p.c.Content {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFileRead))
	if err != nil {
		return &ownError{err.Error()}
	}
	return a.judgeWord(path, string(text))
}

// judgeWord judges text that begins with up, down or unknown, perhaps with
// load=N, and a reason after it.
func (a *attempt) judgeWord(who, text string) error {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	rest = a.takeLoad(rest)
	switch strings.ToLower(word) {
	case "up":
		return nil
	case "down":
		if rest == "" {
			rest = who + " says down"
		}
		return errors.New(rest)
	case "unknown":
		return &ownError{strings.TrimSpace(who + " says unknown " + rest)}
	}
	return &ownError{fmt.Sprintf("%s says neither up nor down but %q", who, short([]byte(word)))}
}

// takeLoad takes load=N out of text into the result, and returns the rest.
func (a *attempt) takeLoad(text string) string {
	words := strings.Fields(text)
	for i, word := range words {
		if value, ok := strings.CutPrefix(word, "load="); ok {
			a.load, a.hasLoad = parseLoad(value)
			return strings.Join(append(words[:i:i], words[i+1:]...), " ")
		}
	}
	return strings.Join(words, " ")
}
