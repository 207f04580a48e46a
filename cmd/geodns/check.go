package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/geodns-vipd/geodns/internal/cli"
	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/internal/geodns"
	"github.com/geodns-vipd/geodns/pkg/diag"
)

func checkCommand() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Load everything and name every mistake",
		Long: `Load everything that serve would load and name every mistake as
file:line:column: what is wrong: what is right. A line that begins with
"warning:" after its place does not forbid serving. Nothing is served, probed or
written. For each steered name it says how long it takes at most until clients
avoid a dead site. The exit code is 1 if there is an error, else 0.`,
		Args: cli.Args(cobra.NoArgs),
	}
	configFlag(cmd, &file)
	config.AddFlags(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		loaded, list := loadFiles(file, cmd.Flags())
		out := cmd.OutOrStdout()
		switch {
		case asJSON:
			if err := printCheckJSON(out, loaded, list); err != nil {
				return err
			}
		default:
			cli.PrintDiags(out, list)
			if !list.HasErrors() {
				printFailovers(out, loaded.Failovers())
				fmt.Fprintln(out, loaded.Summary())
			}
		}
		if list.HasErrors() {
			return cli.ErrTold
		}
		return nil
	}
	return cmd
}

// checkReply is what check --json prints.
type checkReply struct {
	OK        bool              `json:"ok"`
	Errors    []string          `json:"errors"`
	Warnings  []string          `json:"warnings"`
	Failovers []geodns.Failover `json:"failovers"`
}

func printCheckJSON(w io.Writer, loaded *geodns.Loaded, list diag.List) error {
	out := checkReply{OK: !list.HasErrors(), Errors: []string{}, Warnings: []string{}, Failovers: []geodns.Failover{}}
	list.Sort()
	for _, d := range list {
		if d.Severity == diag.Error {
			out.Errors = append(out.Errors, d.String())
		} else {
			out.Warnings = append(out.Warnings, d.String())
		}
	}
	if out.OK {
		out.Failovers = loaded.Failovers()
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

// What is shown to people; --json has all.
const (
	failoversShown = 20 // rows
	policyShown    = 40 // characters of a policy in place
)

// printFailovers prints how long clients may be sent to a dead site.
func printFailovers(w io.Writer, list []geodns.Failover) {
	if len(list) == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "A DEAD SITE IS AVOIDED WITHIN\tAT\tBY POLICY\tSLOWEST SITE")
	rows := 0
	for i := range list {
		f := &list[i]
		for _, name := range f.Names {
			if rows++; rows <= failoversShown {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", f.Within(), name, diag.Shorten(f.Policy, policyShown), f.Why())
			}
		}
	}
	t.Flush()
	if rows > failoversShown {
		fmt.Fprintf(w, "and %d more names, none slower: see --json\n", rows-failoversShown)
	}
	printGuards(w, list)
}

// printGuards notes each guard that may keep a dead site in, once.
func printGuards(w io.Writer, list []geodns.Failover) {
	told := map[string]bool{}
	for i := range list {
		for _, g := range list[i].Guards {
			note := g.String()
			if told[note] {
				continue
			}
			if told[note] = true; len(told) <= failoversShown {
				fmt.Fprintf(w, "note: %s\n", note)
			}
		}
	}
	if left := len(told) - failoversShown; left > 0 {
		fmt.Fprintf(w, "and %d more guards: see --json\n", left)
	}
}

// loadFiles reads the configuration and all that it names. The result is nil
// if the findings hold an error.
func loadFiles(file string, flags *pflag.FlagSet) (*geodns.Loaded, diag.List) {
	return geodns.LoadChecked(config.Load(file, flags))
}

// loadOrTell is loadFiles for commands that need the files to be good: it
// prints what is wrong with them.
func loadOrTell(cmd *cobra.Command, file string) (*geodns.Loaded, error) {
	loaded, list := loadFiles(file, nil)
	if list.HasErrors() {
		cli.PrintDiags(cmd.ErrOrStderr(), list)
		return nil, cli.ErrTold
	}
	return loaded, nil
}
