package policy

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/geodns-vipd/geodns/pkg/health"
)

// TestWhatIsRememberedIsWhatIsChosen asks policies again and again, over
// changing states of health, with a Choice that remembers and with a new one
// each time, which does not.
func TestWhatIsRememberedIsWhatIsChosen(t *testing.T) {
	recalled, all := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		world := drawWorld(t, 3)
		c := NewCompiler(world.sites, worldIndex())
		var policies []*Policy
		for range 2 {
			p, diags := c.Compile(world.spec)
			if p == nil {
				t.Fatal(diags.Err())
			}
			policies = append(policies, p)
		}
		snaps := []*health.Snapshot{drawHealth(t, policies[0], true), drawHealth(t, policies[0], false), nil}
		clients := []netip.Addr{drawClient(t), drawClient(t), drawClient(t)}
		rnd := rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "seed")))
		var kept Choice
		for i := range 300 {
			in := Input{Client: clients[rnd.IntN(len(clients))], Family: Family(rnd.IntN(3)), Health: snaps[i/100]}
			p := policies[rnd.IntN(len(policies))]
			seed := rnd.Uint64()
			in.Draw = rand.New(rand.NewPCG(seed, 1))
			var once Choice
			p.Pick(&in, &once)
			in.Draw = rand.New(rand.NewPCG(seed, 1))
			p.Pick(&in, &kept)
			if all++; len(kept.Sites) > 0 && len(once.from) > 0 && len(kept.from) == 0 {
				recalled++
			}
			if once.Action != kept.Action || once.LastResort != kept.LastResort || once.Horizon != kept.Horizon ||
				once.Scope != kept.Scope || !slices.Equal(once.Sites, kept.Sites) || !slices.Equal(once.Addrs, kept.Addrs) {
				t.Fatalf("%s for %v, %v: %v %v %v /%d for %d s, remembered %v %v %v /%d for %d s", world.spec, in.Client, in.Family,
					once.Action, once.Sites, once.Addrs, once.Scope, once.Horizon, kept.Action, kept.Sites, kept.Addrs, kept.Scope, kept.Horizon)
			}
		}
	})
	t.Logf("%d of %d choices were remembered", recalled, all)
	if recalled < all/50 {
		t.Error("next to nothing was remembered")
	}
}
