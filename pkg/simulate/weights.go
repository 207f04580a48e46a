package simulate

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/geo"
)

// Weights say how many queries come from where: counts by country, or clients
// drawn from a log. One of them is nil.
type Weights struct {
	Counts  map[string]float64
	Clients []netip.Addr
	Lines   int // of a log, that held a client
}

// Queries returns how many queries are counted by country; 0 of a log, which may
// be of any length.
func (w *Weights) Queries() (n float64) {
	for _, count := range w.Counts {
		n += count
	}
	return n
}

// Bounds of what is read.
const (
	maxLine    = 64 << 10 // octets; the rest of a longer line is not looked at
	keptOfLog  = 100_000  // clients drawn from a log
	maxCountry = 1000     // rows of counts
)

// ReadWeights reads rows such as "DE,1200", or a log: any lines that hold the
// address or prefix of a client. Of lines that are JSON objects and of BIND's
// query log the client subnet counts before the address. Lines without either
// are passed over. However long a log is, the memory is bounded: clients are
// drawn from it at random, always the same.
func ReadWeights(r io.Reader) (*Weights, error) {
	in := bufio.NewReaderSize(r, maxLine)
	var w Weights
	draw := rand.New(rand.NewPCG(seed, 1))
	for n := 1; ; n++ {
		line, err := readLine(in)
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			if wrong := w.line(line, draw); wrong != nil {
				return nil, fmt.Errorf("line %d: %w", n, wrong)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if w.Counts == nil && w.Lines == 0 {
		return nil, errors.New("neither rows such as DE,1200 nor lines with the address of a client")
	}
	return &w, nil
}

// readLine returns a line without what is beyond maxLine.
func readLine(in *bufio.Reader) (string, error) {
	data, err := in.ReadSlice('\n')
	line := string(data)
	for err == bufio.ErrBufferFull {
		_, err = in.ReadSlice('\n')
	}
	return line, err
}

// line takes one line. The first row that counts a country makes the whole file
// one of counts.
func (w *Weights) line(line string, draw *rand.Rand) error {
	if w.Lines == 0 {
		code, count, row := countOf(line)
		switch {
		case row:
			if w.Counts == nil {
				w.Counts = map[string]float64{}
			}
			if w.Counts[code] += count; len(w.Counts) > maxCountry {
				return fmt.Errorf("more than %d countries", maxCountry)
			}
			return nil
		case w.Counts != nil:
			return fmt.Errorf("%.40q is no row: such as DE,1200", line)
		}
	}
	client, ok := clientIn(line)
	if !ok {
		return nil
	}
	w.Lines++
	if len(w.Clients) < keptOfLog {
		w.Clients = append(w.Clients, client)
	} else if i := draw.IntN(w.Lines); i < keptOfLog {
		w.Clients[i] = client
	}
	return nil
}

// countOf reads a row of counts.
func countOf(line string) (code string, count float64, ok bool) {
	code, number, ok := strings.Cut(line, ",")
	code = strings.ToUpper(strings.Trim(strings.TrimSpace(code), `"`))
	if !ok || len(code) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z' {
		return "", 0, false
	}
	count, err := strconv.ParseFloat(strings.Trim(strings.TrimSpace(number), `"`), 64)
	return code, count, err == nil && count >= 0 && !math.IsInf(count, 0)
}

// clientKeys are the keys of a JSON object that may hold a client, the best
// first.
var clientKeys = []string{"ecs", "client_subnet", "subnet", "client", "client_ip", "query_address", "remote_addr", "src", "address"}

// clientIn finds the client in a line of a log.
func clientIn(line string) (netip.Addr, bool) {
	if strings.HasPrefix(line, "{") {
		var object map[string]any
		if json.Unmarshal([]byte(line), &object) == nil {
			for _, key := range clientKeys {
				if text, ok := object[key].(string); ok {
					if a, ok := firstAddr(text); ok {
						return a, true
					}
				}
			}
			return netip.Addr{}, false
		}
	}
	if _, ecs, ok := strings.Cut(line, "[ECS "); ok {
		if a, ok := firstAddr(ecs); ok {
			return a, true
		}
	}
	return firstAddr(line)
}

// firstAddr returns the first address or prefix in a text.
func firstAddr(text string) (netip.Addr, bool) {
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F' || r == ':' || r == '.' || r == '/')
	}) {
		for _, form := range []string{word, strings.TrimSuffix(word, ":"), strings.TrimSuffix(word, ".")} {
			host, _, _ := strings.Cut(form, "/")
			if a, err := netip.ParseAddr(host); err == nil && !a.IsUnspecified() {
				return a.Unmap(), true
			}
			if ap, err := netip.ParseAddrPort(host); err == nil {
				return ap.Addr().Unmap(), true
			}
		}
	}
	return netip.Addr{}, false
}

// Population returns about n clients with the weights: those of the log, or the
// addresses of each country that is counted.
func (w *Weights) Population(ix *geo.Index, n int) *Population {
	if w.Counts != nil {
		return sample(ix, n, w.Counts)
	}
	by := map[string]*Country{}
	clients := slices.SortedFunc(slices.Values(w.Clients), netip.Addr.Compare)
	part := 1 / float64(len(clients))
	for _, a := range clients {
		code := ix.Lookup(a).Country
		c := by[code]
		if c == nil {
			c = &Country{Code: code}
			by[code] = c
		}
		c.Weight += part
		if last := len(c.Clients) - 1; last >= 0 && c.Clients[last].Addr == a {
			c.Clients[last].Weight += part
			continue
		}
		c.Clients = append(c.Clients, Client{a, part})
	}
	out := &Population{}
	for _, c := range by {
		out.Countries = append(out.Countries, *c)
	}
	slices.SortFunc(out.Countries, func(a, b Country) int { return cmp.Compare(a.Code, b.Code) })
	return out
}
