package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/geodns-vipd/geodns/internal/cli"
	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/internal/control"
	"github.com/geodns-vipd/geodns/internal/geodns"
	"github.com/geodns-vipd/geodns/pkg/simulate"
)

// simulateFlags are those of the command.
type simulateFlags struct {
	clientFlags
	req     control.SimulateRequest
	set     []string
	compare string
	weights string
	load    []string
	failOn  []string
}

func simulateCommand() *cobra.Command {
	var f simulateFlags
	cmd := &cobra.Command{
		Use:   "simulate --down SITE…",
		Short: "Say who is served where before and after a change",
		Long: `Say for each policy who is served where before and after a change, as share of
address space by country, with the biggest moves first and warnings. The
evaluator is the one that answers the wire. Nothing is changed.

With -c (or a geodns.yaml here) it works from files alone, and unknown health
counts as up. With --server it starts from the health of a running server; what
--set, --config, --weights and --load ask for is then worked out here, from the
files of -c.

The exit code is 1 if a warning of --fail-on stands, 2 if the command line makes
no sense, else 0.`,
		Example: `  geodns simulate --down fra
  geodns simulate --drain fra=50% --policy web --json
  geodns simulate --set policies.split.weighted.fra=5
  geodns simulate --config new/geodns.yaml --server http://127.0.0.1:8053 --fail-on nobody,capacity
  geodns simulate --down fra --weights queries.csv --load fra=120 --load iad=80`,
		Args: cli.Args(cobra.NoArgs),
	}
	cmd.Flags().StringVarP(&f.config, "old", "c", "", "configuration file to start from (default: the first of "+strings.Join(config.DefaultConfigFiles, ", ")+" that exists)")
	f.addServer(cmd)
	cmd.Flags().Lookup("server").Usage = "admin URL of a running server whose health counts (default: work from files)"
	cmd.Flags().StringVar(&f.req.Policy, "policy", "", "only this policy, or the one of this name (default: all that a STEER names)")
	cmd.Flags().StringVar(&f.req.Type, "type", "A", "A or AAAA")
	cmd.Flags().StringArrayVar(&f.req.Down, "down", nil, "site to take as down, repeatable")
	cmd.Flags().StringArrayVar(&f.req.Drain, "drain", nil, "SITE or SITE=PERCENT to take as drained, repeatable")
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "PATH=VALUE to change in the steering files, such as policies.split.weighted.fra=5, repeatable")
	cmd.Flags().StringVar(&f.compare, "config", "", "another geodns.yaml to compare with")
	cmd.Flags().StringVar(&f.weights, "weights", "", "file with rows country,count or a log with clients, - for standard input (default: address space)")
	cmd.Flags().StringArrayVar(&f.load, "load", nil, "SITE=N, the load of a site now in the unit of its capacity, repeatable")
	cmd.Flags().StringSliceVar(&f.failOn, "fail-on", []string{string(simulate.NobodyLeft)}, "warnings that make the exit code 1: "+kindWords()+", any or none")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return f.run(cmd) }
	return cmd
}

func kindWords() string {
	words := make([]string, len(simulate.Kinds))
	for i, k := range simulate.Kinds {
		words[i] = string(k)
	}
	return strings.Join(words, ", ")
}

// run simulates, prints, and tells by its error what the exit code is.
func (f *simulateFlags) run(cmd *cobra.Command) error {
	misused := func(err error) error { return &cli.UsageError{Command: cmd.CommandPath(), Err: err} }
	if err := f.check(); err != nil {
		return misused(err)
	}
	result, err := f.simulate(cmd)
	var bad *control.BadRequest
	switch {
	case errors.As(err, &bad):
		return misused(err)
	case err != nil:
		return err
	}
	if f.json {
		enc := json.NewEncoder(cmd.OutOrStdout())
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = enc.Encode(result)
	} else {
		printSimulation(cmd.OutOrStdout(), result)
	}
	if err == nil && f.fails(result) {
		return cli.ErrTold
	}
	return err
}

// check looks at the flags together.
func (f *simulateFlags) check() error {
	if len(f.req.Down)+len(f.req.Drain)+len(f.set) == 0 && f.compare == "" {
		return errors.New("nothing to simulate: at least one of --down, --drain, --set and --config")
	}
	if len(f.servers) > 1 {
		return errors.New("--server: one server")
	}
	for _, word := range f.failOn {
		if word != "any" && word != "none" && !slices.Contains(simulate.Kinds, simulate.Kind(word)) {
			return fmt.Errorf("--fail-on %s: %s, any or none", word, kindWords())
		}
	}
	return nil
}

// local reports whether the simulation is made here and not by the server.
func (f *simulateFlags) local() bool {
	return len(f.servers) == 0 || len(f.set) > 0 || f.compare != "" || f.weights != "" || len(f.load) > 0
}

func (f *simulateFlags) simulate(cmd *cobra.Command) (*simulate.Result, error) {
	if f.local() {
		return f.rehearse(cmd)
	}
	var out simulate.Result
	return &out, f.askOne(cmd.Context(), &out, func(ctx context.Context, c *control.Client) (json.RawMessage, error) {
		return c.Simulate(ctx, f.req)
	})
}

// askOne asks the one server.
func (f *simulateFlags) askOne(ctx context.Context, into any, call func(context.Context, *control.Client) (json.RawMessage, error)) error {
	nodes, err := f.ask(ctx, call)
	if err != nil {
		return err
	}
	if n := nodes[0]; n.err != nil {
		return fmt.Errorf("%s: %w", n.server, n.err)
	}
	return json.Unmarshal(nodes[0].reply, into)
}

// rehearse simulates from files.
func (f *simulateFlags) rehearse(cmd *cobra.Command) (*simulate.Result, error) {
	r := geodns.Rehearsal{SimulateRequest: f.req, Set: f.set, Load: map[string]float64{}}
	cfg, list := config.Load(f.config, nil)
	r.Config = cfg
	if f.compare != "" {
		next, more := config.Load(f.compare, nil)
		r.New, list = &next, append(list, more...)
	}
	if list.HasErrors() {
		cli.PrintDiags(cmd.ErrOrStderr(), list)
		return nil, cli.ErrTold
	}
	for _, text := range f.load {
		site, number, _ := strings.Cut(text, "=")
		n, err := strconv.ParseFloat(number, 64)
		if err != nil || !(n >= 0) {
			return nil, &control.BadRequest{Text: fmt.Sprintf("--load %q: SITE=N, such as fra=120", text)}
		}
		r.Load[site] = n
	}
	var err error
	if r.Weights, err = f.readWeights(cmd); err != nil {
		return nil, err
	}
	if len(f.servers) > 0 {
		r.Health = new(geodns.Status)
		err := f.askOne(cmd.Context(), r.Health, func(ctx context.Context, c *control.Client) (json.RawMessage, error) {
			return c.Status(ctx)
		})
		if err != nil {
			return nil, err
		}
	}
	result, list, err := r.Run()
	if list.HasErrors() {
		cli.PrintDiags(cmd.ErrOrStderr(), list)
		return nil, cli.ErrTold
	}
	return result, err
}

func (f *simulateFlags) readWeights(cmd *cobra.Command) (*simulate.Weights, error) {
	if f.weights == "" {
		return nil, nil
	}
	var in io.Reader = cmd.InOrStdin()
	if f.weights != "-" {
		file, err := os.Open(f.weights)
		if err != nil {
			return nil, fmt.Errorf("--weights: %w", err)
		}
		defer file.Close()
		in = file
	}
	w, err := simulate.ReadWeights(in)
	if err != nil {
		return nil, fmt.Errorf("--weights %s: %w", f.weights, err)
	}
	return w, nil
}

// fails reports whether a warning stands that is a failure.
func (f *simulateFlags) fails(r *simulate.Result) bool {
	bad := func(warnings []string) bool {
		return slices.ContainsFunc(warnings, func(w string) bool {
			return !slices.Contains(f.failOn, "none") && (slices.Contains(f.failOn, "any") || slices.Contains(f.failOn, string(simulate.KindOf(w))))
		})
	}
	return bad(r.Warnings) || slices.ContainsFunc(r.Policies, func(p simulate.PolicyResult) bool { return bad(p.Warnings) })
}
