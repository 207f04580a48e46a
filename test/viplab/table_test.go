package viplab

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// report prints tables of what was measured, one line for each event and
// interval, one column for each pair, master first.
func report() {
	all := log.results
	if *rawFile != "" {
		all = readRaw(*rawFile)
	}
	if len(all) == 0 {
		return
	}
	text := tables(all)
	fmt.Println(text)
	if *docFile != "" {
		if err := writeBlock(*docFile, text); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// view is one table of the report: a figure of some of the results.
type view struct {
	title  string
	events []string
	figure func(result) time.Duration
}

var views = []view{
	{"Client without an answer, ms", []string{"stop", "drain", "power", "link", "kill -9", "hang", "script", "script weight", "process"},
		func(r result) time.Duration { return r.Gap }},
	{"Address on both nodes at once, ms", []string{"kill -9", "hang"}, func(r result) time.Duration { return r.Both }},
	{"A partition heals: client without an answer, ms", []string{"partition"}, func(r result) time.Duration { return r.BackGap }},
	{"A partition heals: until one node alone has the address, ms", []string{"partition"}, func(r result) time.Duration { return r.Back }},
	{"From the event until the other node has the address, ms", []string{"script", "script weight", "process"},
		func(r result) time.Duration { return r.Moved }},
	{"The first node starts again, or has its link again: client without an answer, ms", []string{"stop", "kill -9", "link", "preempt_delay 3"},
		func(r result) time.Duration { return r.BackGap }},
	{"The same: until the first node has the address again, ms", []string{"stop", "kill -9", "link", "nopreempt", "preempt_delay 3"},
		func(r result) time.Duration { return r.Back }},
	{"Adverts every 10 ms: how often the address moved with nothing wrong", []string{"calm", "busy"},
		func(r result) time.Duration { return time.Duration(r.Takeovers) * time.Millisecond }},
	{"Adverts every 10 ms: client without an answer, ms", []string{"calm", "busy"}, func(r result) time.Duration { return r.Gap }},
}

func tables(all []result) string {
	var b strings.Builder
	for _, v := range views {
		b.WriteString(v.table(all))
	}
	return b.String()
}

// The tables stand in the documentation between these lines.
const blockBegin, blockEnd = "<!-- measured: by make vip-lab -->\n", "<!-- measured end -->\n"

func writeBlock(path, text string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(old), blockBegin)
	_, after, ok2 := strings.Cut(rest, blockEnd)
	if !ok || !ok2 {
		return fmt.Errorf("%s: no place for the tables", path)
	}
	return os.WriteFile(path, []byte(before+blockBegin+text+blockEnd+after), 0o644)
}

func readRaw(path string) (all []result) {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		var r result
		if json.Unmarshal(in.Bytes(), &r) == nil {
			all = append(all, r)
		}
	}
	return all
}

// table returns the figure of all results in Markdown, "" if there is none. It
// puts settings of one interval together unless each is asked for.
func (v *view) table(all []result) string {
	cells, lines := map[[3]string][]time.Duration{}, map[[2]string]bool{}
	for _, r := range all {
		if !slices.Contains(v.events, r.Event) {
			continue
		}
		name := r.Setting
		if i := slices.IndexFunc(settings, func(s setting) bool { return s.name == r.Setting }); i >= 0 && !*each {
			name = settings[i].group()
		}
		key := [3]string{r.Event, name, r.Pair}
		cells[key] = append(cells[key], v.figure(r))
		lines[[2]string{r.Event, name}] = true
	}
	if len(lines) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s:\n\n| event | adverts |", v.title)
	for _, p := range pairs {
		fmt.Fprintf(&b, " %s |", strings.ReplaceAll(p.String(), "-", " → "))
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(pairs)) + "\n")
	for _, l := range inOrder(lines) {
		fmt.Fprintf(&b, "| %s | %s |", l[0], l[1])
		for _, p := range pairs {
			fmt.Fprintf(&b, " %s |", cell(cells[[3]string{l[0], l[1], p.String()}]))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// inOrder sorts lines as events and settings stand in the code; others behind.
func inOrder(lines map[[2]string]bool) [][2]string {
	place := func(l [2]string) int {
		e := slices.IndexFunc(events, func(e event) bool { return e.name == l[0] })
		s := slices.IndexFunc(settings, func(s setting) bool { return s.name == l[1] || s.group() == l[1] })
		return (e+1)*100 + s + 1
	}
	return slices.SortedFunc(maps.Keys(lines), func(x, y [2]string) int {
		if d := place(x) - place(y); d != 0 {
			return d
		}
		return strings.Compare(x[0]+x[1], y[0]+y[1])
	})
}

// cell is median (least–most) in milliseconds, and of how many.
func cell(of []time.Duration) string {
	if len(of) == 0 {
		return "–"
	}
	of = slices.Sorted(slices.Values(of))
	return fmt.Sprintf("**%s** (%s–%s) of %d", millis(of[len(of)/2]), millis(of[0]), millis(of[len(of)-1]), len(of))
}

func millis(d time.Duration) string {
	switch ms := float64(d) / float64(time.Millisecond); {
	case d < 0:
		return "never"
	case ms < 20:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", ms), ".0")
	default:
		return fmt.Sprintf("%.0f", ms)
	}
}

func TestTableOfResults(t *testing.T) {
	ms := time.Millisecond
	all := []result{
		{Setting: "v3 1 s", Pair: "vipd-vipd", Event: "stop", Gap: 2 * ms, BackGap: 3 * ms, Back: 3500 * ms},
		{Setting: "v2 1 s", Pair: "vipd-vipd", Event: "stop", Gap: 4 * ms, Back: 3600 * ms},
		{Setting: "v2 1 s", Pair: "keepalived-keepalived", Event: "stop", Gap: 613 * ms, Back: -1},
		{Setting: "v3 0.1 s", Pair: "vipd-keepalived", Event: "stop", Gap: 65 * ms},
	}
	want := `
Client without an answer, ms:

| event | adverts | vipd → vipd | keepalived → keepalived | vipd → keepalived | keepalived → vipd |
|---|---|---|---|---|---|
| stop | 1 s | **4** (2–4) of 2 | **613** (613–613) of 1 | – | – |
| stop | 0.1 s | – | – | **65** (65–65) of 1 | – |
`
	if got := views[0].table(all); got != want {
		t.Errorf("got%s\nwant%s", got, want)
	}
	if got := cell([]time.Duration{-1}); got != "**never** (never–never) of 1" {
		t.Errorf("what never came: %s", got)
	}
}
