package steering_test

import (
	"fmt"

	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/steering"
)

func ExampleParse() {
	config, findings := steering.Parse([]steering.File{{Name: "zones/steering.yaml", Data: []byte(`
sites:
  fra: {addresses: [203.0.113.10]}
  iad: {addresses: [198.51.100.10]}
policies:
  web: {failover: [fra, iad]}
  api: {wieghted: {fra: 3, iad: 1}}
`)}})
	for _, f := range findings {
		fmt.Println(f)
	}
	_, findings = config.Resolve("wbe", diag.Pos{File: "zones/example.com.zone", Line: 7, Col: 14})
	for _, f := range findings {
		fmt.Println(f)
	}
	// Output:
	// zones/steering.yaml:7:9: unknown key "wieghted" in policy api: did you mean weighted?
	// zones/example.com.zone:7:14: STEER: unknown site or policy "wbe": did you mean web?
}
