package geodns

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/pkg/health"
)

const policiesZone = "$TTL 300\n@ SOA ns1 h 1 3600 600 604800 300\n@ NS ns1\nns1 A 192.0.2.53\n"

func loadPolicies(t *testing.T, zone string) *Loaded {
	t.Helper()
	dir := tree(t, map[string]string{
		"example.com.zone": policiesZone + zone,
		"steering.yaml": "sites:\n  a: {addresses: [192.0.2.1]}\n  b: {addresses: [192.0.2.2]}\n" +
			"policies:\n  web: {geo: [{country: [DE], use: first}, {use: b}]}\n  first: {weighted: {a: 3, b: 1}, sticky: true}\n",
	})
	l, list := Load(config.Geodns{Folders: []string{dir}, Databases: []string{"builtin"}, Limits: config.DefaultLimits()})
	if l == nil {
		t.Fatal(list)
	}
	return l
}

func TestPoliciesAreToldOnceWithTheirNames(t *testing.T) {
	l := loadPolicies(t, "www STEER web\napi STEER web\nold STEER \"{failover: [a, b]}\"\n")
	down, _ := l.Sites.Find("a")
	snap := health.NewSnapshot(len(l.Sites.Subjects())).With(l.Sites.At(down).ID, health.Entry{})
	got := policiesStatus(l, snap)
	slices.SortFunc(got.Policies, func(a, b PolicyStatus) int { return strings.Compare(b.Policy, a.Policy) })
	if len(got.Policies) != 2 || len(got.Policies[1].Names)+len(got.Policies[0].Names) != 3 {
		t.Fatalf("got %+v, want two policies with three names", got)
	}
	var b strings.Builder
	var write func(n PolicyNode, depth int)
	write = func(n PolicyNode, depth int) {
		weight := ""
		if n.Weight != nil {
			weight = fmt.Sprint(" weight ", *n.Weight)
		}
		fmt.Fprintf(&b, "%s%s %q when %q%s notes %q up %v taken %v\n", strings.Repeat("  ", depth), n.Kind, n.Name, n.When, weight, n.Notes, n.Up, n.Taken)
		for _, k := range n.Targets {
			write(k, depth+1)
		}
	}
	for _, p := range got.Policies {
		if p.Policy == "web" {
			write(p.Tree, 0)
		}
	}
	want := `geo "web" when "" notes "" up true taken true
  weighted "first" when "country: [DE]" notes "sticky: true" up true taken true
    site "a" when "" weight 3 notes "" up false taken false
    site "b" when "" weight 1 notes "" up true taken true
  site "b" when "" notes "" up true taken true
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestPoliciesToldAreBounded(t *testing.T) {
	var zone strings.Builder
	for i := range maxTrees + 3 {
		fmt.Fprintf(&zone, "w%d STEER \"{weighted: {a: %d, b: 1}}\"\n", i, i+1)
	}
	fmt.Fprintf(&zone, "wide STEER \"{all: [\" %s \"a]}\"\n", strings.Repeat("\"{failover: [a, b]}, \" ", 200))
	l := loadPolicies(t, zone.String())
	got := policiesStatus(l, nil)
	if len(got.Policies) != maxTrees || got.Left != 4 {
		t.Errorf("%d told and %d left, want %d and 4", len(got.Policies), got.Left, maxTrees)
	}
	zones := l.bound[0]
	for i, p := range zones.Policies {
		if !strings.HasPrefix(zones.Steers[i].Owner.String(), "wide") {
			continue
		}
		told := policyStatus(p, nil)
		var count func(n PolicyNode) int
		count = func(n PolicyNode) (sum int) {
			for _, k := range n.Targets {
				sum += count(k)
			}
			return sum + 1
		}
		if n := count(told.Tree); n > maxTreeNodes || n+told.Left != 602 {
			t.Errorf("%d nodes told and %d left of 602, want at most %d", n, told.Left, maxTreeNodes)
		}
	}
}
