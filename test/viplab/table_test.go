package viplab

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// report prints a table of what was measured, one line for each event and
// setting, one column for each pair.
func report() {
	all := log.results
	if *rawFile != "" {
		all = readRaw(*rawFile)
	}
	if !*whole || len(all) == 0 {
		return
	}
	load := func(r result) bool { return r.Event == "calm" || r.Event == "busy" }
	for _, f := range []struct {
		title  string
		figure func(result) (time.Duration, bool)
	}{
		{"Client without an answer, ms: median (least to most) and how often it was measured",
			func(r result) (time.Duration, bool) { return r.Gap, r.Event != "partition" }},
		{"The other node has the address after, ms",
			func(r result) (time.Duration, bool) { return r.Moved, !load(r) }},
		{"Address on both nodes at once, ms", // a node without power is out of reach
			func(r result) (time.Duration, bool) { return r.Both, r.Event != "power" && !load(r) }},
		{"On the way back, client without an answer, ms",
			func(r result) (time.Duration, bool) { return r.BackGap, !load(r) }},
		{"On the way back, until the first node has the address again, ms (partition: until the other has not; hang: where it had lost it)",
			func(r result) (time.Duration, bool) {
				return r.Back, !load(r) && (r.Event != "hang" || r.Back >= 0)
			}},
		{"How often the address moved with nothing wrong",
			func(r result) (time.Duration, bool) {
				return time.Duration(r.Takeovers) * time.Millisecond, load(r)
			}},
	} {
		fmt.Println(table(f.title, all, f.figure))
	}
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

// table returns the figure of all results in Markdown.
func table(title string, all []result, figure func(result) (time.Duration, bool)) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n\n| event | setting |", title)
	for _, p := range pairs {
		fmt.Fprintf(&b, " %s |", strings.ReplaceAll(p.String(), "-", " → "))
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(pairs)) + "\n")
	cells := map[[3]string][]time.Duration{}
	lines := map[[2]string]bool{}
	for _, r := range all {
		if d, ok := figure(r); ok {
			cells[[3]string{r.Event, r.Setting, r.Pair}] = append(cells[[3]string{r.Event, r.Setting, r.Pair}], d)
			lines[[2]string{r.Event, r.Setting}] = true
		}
	}
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
		s := slices.IndexFunc(settings, func(s setting) bool { return s.name == l[1] })
		return (e+1)*100 + s + 1
	}
	return slices.SortedFunc(maps.Keys(lines), func(x, y [2]string) int {
		if d := place(x) - place(y); d != 0 {
			return d
		}
		return strings.Compare(x[0]+x[1], y[0]+y[1])
	})
}

// cell is median (least to most) in milliseconds, and of how many.
func cell(of []time.Duration) string {
	if len(of) == 0 {
		return "–"
	}
	of = slices.Sorted(slices.Values(of))
	return fmt.Sprintf("**%s** (%s–%s) %d", millis(of[len(of)/2]), millis(of[0]), millis(of[len(of)-1]), len(of))
}

func millis(d time.Duration) string {
	switch ms := float64(d) / float64(time.Millisecond); {
	case d < 0:
		return "never"
	case ms < 20:
		return fmt.Sprintf("%.1f", ms)
	default:
		return fmt.Sprintf("%.0f", ms)
	}
}
