package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/internal/geodns"
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
		Args: usage(cobra.NoArgs),
	}
	configFlag(cmd, &file)
	config.AddFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, list := config.Load(file, cmd.Flags())
		var loaded *geodns.Loaded
		if !list.HasErrors() {
			var more = list
			loaded, more = geodns.Load(cfg)
			list = append(list, more...)
		}
		printDiags(cmd.OutOrStdout(), list)
		if list.HasErrors() {
			return errTold
		}
		fmt.Fprintln(cmd.OutOrStdout(), loaded.Summary())
		return nil
	}
	return cmd
}
