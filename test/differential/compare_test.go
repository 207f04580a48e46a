package differential

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// verdict is what a comparison of one question comes to.
type verdict uint8

const (
	agreed    verdict = iota // with all who gave a majority's reply
	majority                 // with two of three
	divided                  // the others all differ, and one of them sides with us
	decided                  // we differ, for a reason that is written down
	disagreed                // we differ
)

var verdictNames = [...]string{"agreed", "majority", "divided", "decided", "disagreed"}

func (v verdict) String() string { return verdictNames[v] }

// tally counts verdicts and what was decided.
type tally struct {
	zones, questions int
	verdicts         [disagreed + 1]int
	reasons          map[string]int
	dissent          map[string]int // how often each other server stood alone
}

func newTally() *tally { return &tally{reasons: map[string]int{}, dissent: map[string]int{}} }

func (c *tally) String() string {
	s := fmt.Sprintf("%d zones, %d questions: all agree %d, majority with us %d, divided with us %d, decided %d, disagreements %d",
		c.zones, c.questions, c.verdicts[agreed], c.verdicts[majority], c.verdicts[divided], c.verdicts[decided], c.verdicts[disagreed])
	for reason, n := range c.reasons {
		s += fmt.Sprintf("\n  decided, %d times: %s", n, reason)
	}
	for name, n := range c.dissent {
		s += fmt.Sprintf("\n  %s stood alone %d times", name, n)
	}
	return s
}

// judge compares our reply with those of the others.
func judge(ours reply, theirs []reply) verdict {
	same, best := 0, 0
	for _, a := range theirs {
		n := 0
		for _, b := range theirs {
			if a == b {
				n++
			}
		}
		best = max(best, n)
		if a == ours {
			same++
		}
	}
	switch {
	case same == len(theirs):
		return agreed
	case same > 0 && same == best && best > 1:
		return majority
	case same > 0 && best == 1:
		return divided
	}
	return disagreed
}

// mostShown bounds the disagreements that are told in full.
const mostShown = 30

// compare asks all servers and judges every question. DIFFERENTIAL_SHOW=divided
// (majority, decided) shows those too that are no mistake.
func compare(t *testing.T, count *tally, ours server, others []server, questions []question, zoneOf func(int) string) {
	t.Helper()
	mine := ours.ask(t, questions)
	theirs := make([][][]byte, len(others))
	for i, s := range others {
		theirs[i] = s.ask(t, questions)
	}
	shown, perZone := 0, map[string]int{}
	for i, q := range questions {
		our, all := normal(q, mine[i]), make([]reply, len(others))
		for j := range others {
			all[j] = normal(q, theirs[j][i])
		}
		v := judge(our, all)
		if v == disagreed {
			if reason := decision(q, our, all); reason != "" {
				v = decided
				count.reasons[reason]++
			}
		}
		count.questions++
		count.verdicts[v]++
		if v == majority {
			for j, r := range all {
				if r != our {
					count.dissent[others[j].name]++
				}
			}
		}
		if v != disagreed {
			if v > agreed && v.String() == os.Getenv("DIFFERENTIAL_SHOW") {
				t.Log(account(q, our, others, all, ""))
			}
			continue
		}
		z := zoneOf(i)
		if perZone[z]++; perZone[z] > 3 {
			continue // most likely for the same reason
		}
		if shown++; shown <= mostShown {
			t.Error(account(q, our, others, all, z))
		}
	}
}

// brief cuts a long reply.
func brief(r reply) string {
	const most = 500
	s := r.String()
	if len(s) > most {
		s = s[:most] + " …"
	}
	return s
}

// account tells of a disagreement.
func account(q question, our reply, others []server, all []reply, zone string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s over %s\n  %-7s %s\n", q, q.how, "geodns", brief(our))
	for j, s := range others {
		fmt.Fprintf(&b, "  %-7s %s\n", s.name, brief(all[j]))
	}
	if zone != "" {
		fmt.Fprintf(&b, "in\n%s", zone)
	}
	return b.String()
}
