// Package policy owns the choice of sites for one client: the tree of
// policies as written ([Spec]), the same tree compiled against the geographic
// databases ([Policy]), and the one evaluator that decides by it ([Policy.Pick]).
//
// It does not know DNS messages, how health is found out, or the syntax of
// steering.yaml (pkg/steering reads that into a Spec). Randomness and health
// come in as arguments; nothing here reads a clock or keeps state.
//
// The way through the package: [NewSites] numbers the configured sites and
// their addresses, a [Compiler] turns each Spec that a STEER record names into
// a Policy, and Pick answers a query. With [Input.Trace] set, the same Pick
// also says why.
package policy
