package policy_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/geo"
	"github.com/geodns-vipd/geodns/pkg/health"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

func ExamplePolicy_Pick() {
	sites := policy.NewSites([]policy.SiteSpec{
		{Name: "fra", Addrs: []netip.Addr{netip.MustParseAddr("203.0.113.10")}},
		{Name: "iad", Addrs: []netip.Addr{netip.MustParseAddr("198.51.100.10")}},
	})
	places := geo.NewSourceBuilder()
	places.Add(netip.MustParsePrefix("192.0.2.0/24"), geo.Place{Country: "DE"})
	fra := &policy.Spec{Kind: policy.KindSite, Name: "fra"}
	iad := &policy.Spec{Kind: policy.KindSite, Name: "iad"}
	spec := &policy.Spec{Kind: policy.KindGeo, Name: "web", Rules: []policy.Rule{
		{Continents: []string{"EU"}, Use: fra},
		{Use: iad},
	}}
	web, findings := policy.Compile(spec, sites, geo.Merge(places.Source("example")))
	if findings.HasErrors() {
		fmt.Println(findings.Err())
		return
	}

	snap := health.NewSnapshot(len(sites.Subjects()))
	in := policy.Input{Client: netip.MustParseAddr("192.0.2.7"), Health: snap, Draw: rand.New(rand.NewPCG(1, 2))}
	var choice policy.Choice
	web.Pick(&in, &choice)
	fmt.Println(choice.Addrs, choice.Scope)

	in.Health = snap.With(sites.At(0).ID, health.Entry{Up: true, Forced: health.ForcedDown, Share: health.FullShare})
	web.Pick(&in, &choice)
	fmt.Println(choice.Addrs, choice.Scope)
	// Output:
	// [203.0.113.10] 24
	// [198.51.100.10] 24
}

// The steps are shown by `explain --json`, so their keys are a promise.
func TestTraceAsJSON(t *testing.T) {
	sites := policy.NewSites([]policy.SiteSpec{{Name: "fra", Addrs: []netip.Addr{netip.MustParseAddr("203.0.113.10")}}})
	fra := &policy.Spec{Kind: policy.KindSite, Name: "fra"}
	spec := &policy.Spec{Kind: policy.KindFailover, Name: "web", Pos: diag.Pos{File: "s.yaml", Line: 2, Col: 3},
		Targets: []policy.Target{{Spec: fra}}}
	p, _ := policy.Compile(spec, sites, nil)
	var out policy.Choice
	trace := policy.Trace{Why: func(id health.ID) string { return strings.Repeat("x", int(id)) }}
	p.Pick(&policy.Input{Trace: &trace}, &out)
	got, err := json.Marshal(&trace)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"steps":[` +
		`{"depth":0,"kind":"client","verdict":"no address"},` +
		`{"depth":0,"kind":"policy","name":"web","target":"failover","pos":"s.yaml:2:3","verdict":"up","reason":"takes fra"},` +
		`{"depth":1,"kind":"site","name":"fra","verdict":"up"},` +
		`{"depth":2,"kind":"address","name":"203.0.113.10","verdict":"up","reason":"x"},` +
		`{"depth":0,"kind":"answer","name":"fra","verdict":"addresses","reason":"203.0.113.10"}],"summary":"fra: the only choice"}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
