package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/geodns-vipd/geodns/internal/cli"
	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/internal/geodns"
	"github.com/geodns-vipd/geodns/pkg/diag"
)

func checkCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Load everything and name every mistake",
		Long: `Load everything that serve would load and name every mistake as
file:line:column: what is wrong: what is right. A line that begins with
"warning:" after its place does not forbid serving. Nothing is served, probed or
written. The exit code is 1 if there is an error, else 0.`,
		Args: cli.Args(cobra.NoArgs),
	}
	configFlag(cmd, &file)
	config.AddFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		loaded, list := loadFiles(file, cmd.Flags())
		cli.PrintDiags(cmd.OutOrStdout(), list)
		if list.HasErrors() {
			return cli.ErrTold
		}
		fmt.Fprintln(cmd.OutOrStdout(), loaded.Summary())
		return nil
	}
	return cmd
}

// loadFiles reads the configuration and all that it names. The result is nil
// if the findings hold an error.
func loadFiles(file string, flags *pflag.FlagSet) (*geodns.Loaded, diag.List) {
	cfg, list := config.Load(file, flags)
	if list.HasErrors() {
		return nil, list
	}
	loaded, more := geodns.Load(cfg)
	return loaded, append(list, more...)
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
