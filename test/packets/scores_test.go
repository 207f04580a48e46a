package packets

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"
)

// scores counts the cases passed, by subject and server.
type scores struct {
	servers  []*server
	subjects []string
	total    map[string]int
	passed   map[string][]int
}

func newScores(servers []*server) *scores {
	return &scores{servers: servers, total: map[string]int{}, passed: map[string][]int{}}
}

// add counts one case.
func (s *scores) add(subject string, servers []*server, of func(int) error) {
	if s.total[subject] == 0 {
		s.subjects = append(s.subjects, subject)
		s.passed[subject] = make([]int, len(servers))
	}
	s.total[subject]++
	for i := range servers {
		if of(i) == nil {
			s.passed[subject][i]++
		}
	}
}

// sum returns all cases and those that server i passed.
func (s *scores) sum(i int) (passed, total int) {
	for _, sub := range s.subjects {
		passed += s.passed[sub][i]
		total += s.total[sub]
	}
	return passed, total
}

// String returns a table.
func (s *scores) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "subject\tcases\t")
	for _, server := range s.servers {
		fmt.Fprintf(w, "%s\t", server.name)
	}
	for _, sub := range s.subjects {
		fmt.Fprintf(w, "\n%s\t%d\t", sub, s.total[sub])
		for _, n := range s.passed[sub] {
			fmt.Fprintf(w, "%d\t", n)
		}
	}
	_, total := s.sum(0)
	fmt.Fprintf(w, "\nall\t%d\t", total)
	for i := range s.servers {
		n, _ := s.sum(i)
		fmt.Fprintf(w, "%.2f %%\t", 100*float64(n)/float64(total))
	}
	fmt.Fprintln(w)
	w.Flush()
	return b.String()
}

// judge fails the test if another server does better than geodns.
func (s *scores) judge(t *testing.T, servers []*server) {
	t.Helper()
	mine, total := s.sum(0)
	for i := 1; i < len(servers); i++ {
		if n, _ := s.sum(i); n > mine {
			t.Errorf("%s passes %d of %d cases, geodns %d", servers[i].name, n, total, mine)
		}
	}
}
