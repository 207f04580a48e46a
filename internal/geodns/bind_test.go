package geodns

import (
	"slices"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/pkg/answer"
)

const bindHead = "$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 604800 60\n@ NS ns1\nns1 A 192.0.2.53\n"

const bindSteering = `sites:
  fra: {addresses: [203.0.113.10]}
  iad: {addresses: [198.51.100.10]}
policies:
  web: {failover: [fra, iad]}
  last: {failover: [iad, fra], all_down: fallback}
`

// loadText loads zones by name and one steering file with the embedded
// database.
func loadText(t *testing.T, steering string, zones map[string]string) (*Loaded, string) {
	t.Helper()
	all := map[string]string{"steering.yaml": steering}
	for name, text := range zones {
		all[name+".zone"] = bindHead + text
	}
	dir := tree(t, all)
	l, list := Load(config.Geodns{Folders: []string{dir}, Databases: []string{"builtin"}, Limits: config.DefaultLimits()})
	var told []string
	for _, d := range list {
		if !strings.Contains(d.String(), "builtin geo database") { // its age depends on the day
			told = append(told, strings.ReplaceAll(d.String(), dir+"/", ""))
		}
	}
	return l, strings.Join(told, "\n")
}

func TestEqualRecordsShareOnePolicy(t *testing.T) {
	l, told := loadText(t, bindSteering, map[string]string{
		"example.com": "a STEER web\nb STEER web\nc STEER last\nd STEER \"{failover: [fra, iad]}\"\ne STEER \"{failover: [fra, iad]}\"\nf STEER fra\n",
		"example.net": "a STEER web\n",
	})
	if l == nil || told != "" {
		t.Fatalf("findings:\n%s", told)
	}
	com, net := l.bound[0], l.bound[1]
	p := com.Policies
	if len(p) != 6 || p[0] == nil || p[0] != p[1] || p[0] != net.Policies[0] || p[3] != p[4] {
		t.Errorf("records with one text have several policies: %v, %v", p, net.Policies)
	}
	if p[0] == p[2] || p[0] == p[3] || p[0] == p[5] {
		t.Error("records with different texts share a policy")
	}
	if got, want := l.Summary(), ", 7 steered names, 2 sites, 0 targets to probe"; !strings.HasPrefix(got, "ok: 2 zones with ") || !strings.HasSuffix(got, want) {
		t.Errorf("summary: %s", got)
	}
}

func TestMistakesAreToldAtEachRecord(t *testing.T) {
	l, told := loadText(t, bindSteering, map[string]string{
		"example.com": "a STEER wbe\nb STEER wbe\nc STEER \"{failover: [fra, nowhere]}\"\n",
		"example.net": "d STEER wbe\n",
	})
	if l != nil {
		t.Fatal("loaded")
	}
	for _, want := range []string{"example.com.zone:5:", "example.com.zone:6:", "example.com.zone:7:", "example.net.zone:5:"} {
		if strings.Count(told, want) != 1 {
			t.Errorf("%s is told %d times:\n%s", want, strings.Count(told, want), told)
		}
	}
}

func TestAddressesThatAreNeverServedAreWarnedAbout(t *testing.T) {
	l, told := loadText(t, bindSteering, map[string]string{
		"example.com": "a STEER web\na A 192.0.2.80\na AAAA 2001:db8::80\na TXT served\nb STEER last\nb A 192.0.2.80\n",
	})
	if l == nil {
		t.Fatalf("findings:\n%s", told)
	}
	for _, want := range []string{
		"example.com.zone:5:9: warning: the A records beside STEER at a.example.com. are never served: all_down: fallback in the policy serves them when nothing is up",
		"example.com.zone:5:9: warning: the AAAA records beside STEER",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("not told: %s", want)
		}
	}
	if n := strings.Count(told, "\n") + 1; n != 2 {
		t.Errorf("%d findings:\n%s", n, told)
	}
}

func TestUnusedThingsAreWarnedAbout(t *testing.T) {
	l, told := loadText(t, bindSteering+"  spare: {failover: [iad]}\n", map[string]string{"example.com": "a STEER fra\n"})
	if l == nil {
		t.Fatalf("findings:\n%s", told)
	}
	for _, want := range []string{"nothing uses policy web", "nothing uses policy last", "nothing uses policy spare"} {
		if !strings.Contains(told, want) {
			t.Errorf("not told: %s; told:\n%s", want, told)
		}
	}
	if strings.Contains(told, "site ") {
		t.Errorf("a site that something names is called unused:\n%s", told)
	}
}

func TestSitesOfAPolicy(t *testing.T) {
	l, told := loadText(t, bindSteering+"  deep: {geo: [{country: [DE], use: {weighted: {fra: 1, web: 2}}}, {use: last}]}\n",
		map[string]string{"example.com": "a STEER deep\nb STEER fra\n"})
	if l == nil {
		t.Fatalf("findings:\n%s", told)
	}
	for i, want := range []int{2, 1} {
		if got := sitesOf(l.bound[0].Policies[i].Spec()); len(got) != want || !slices.Contains(got, "fra") {
			t.Errorf("record %d: sites %v, want %d of them", i, got, want)
		}
	}
}

// TestANewStateKnowsNothing is what explain from files alone stands on.
func TestANewStateKnowsNothing(t *testing.T) {
	l, told := loadText(t, bindSteering, map[string]string{"example.com": "a STEER web\n"})
	if l == nil {
		t.Fatalf("findings:\n%s", told)
	}
	snap := l.State(answer.Cookies{}).Health.Load()
	for _, s := range l.Sites.Subjects() {
		if e := snap.At(s.ID); !e.Up {
			t.Errorf("%s %v: %+v", s.Site, s.Addr, e)
		}
	}
}

func TestWhereTheCNAMEOfASiteMayStand(t *testing.T) {
	const steer = `sites:
  fra: {addresses: [203.0.113.10]}
  cdn: {records: [CNAME d1.example.net.]}
policies:
  one: {failover: [fra, cdn]}
  two: {all: [fra, cdn]}
`
	for zone, wrong := range map[string]string{
		"www STEER one\n": "",
		"@ STEER one\n":   "STEER at the origin can choose the CNAME of site cdn: a name below it, or addresses in site cdn",
		"www STEER one\nwww MX 10 ns1\n": "MX beside STEER at www.example.com., which can choose the CNAME of site cdn: " +
			"a name without other data, or addresses in site cdn",
		"www STEER two\n": "STEER at www.example.com. can choose the CNAME of site cdn together with others: " +
			"a policy that chooses one, such as weighted",
	} {
		l, told := loadText(t, steer, map[string]string{"example.com": zone})
		if (l != nil) != (wrong == "") || !strings.Contains(told, wrong) {
			t.Errorf("%s: %s\nwant %s", zone, told, wrong)
		}
	}
}

func TestMistakesInTheRecordsOfASite(t *testing.T) {
	_, told := loadText(t, `sites:
  far: {addresses: [203.0.113.11], records: [CNAME d1.example.net.]}
  dup: {addresses: [203.0.113.12], records: ["TXT x", "TXT x", "MX 10 mail"]}
`, map[string]string{"example.com": "www STEER far\nwww2 STEER dup\n"})
	const want = `steering.yaml:2:46: site far: records: CNAME beside other data: a site of its own for the CNAME (RFC 1034, Section 3.6.2)
steering.yaml:3:55: warning: site dup: records: TXT record stands twice: each record once
steering.yaml:3:64: site dup: records: MX record with a relative name: the whole name with a dot at its end`
	if told != want {
		t.Errorf("got\n%s\nwant\n%s", told, want)
	}
}
