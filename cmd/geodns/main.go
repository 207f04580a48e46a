// Command geodns is an authoritative DNS server that answers by the place of
// the client, by weight, by order of preference and by health.
package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/geodns-vipd/geodns/internal/cli"
)

// version is set by the linker.
var version = "devel"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is main with its surroundings as arguments; it returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return cli.Run(rootCommand(), args, stdin, stdout, stderr)
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "geodns",
		Short: "Authoritative DNS that answers by place, weight, preference and health",
		Long: `geodns serves ordinary zone files in which a name can be steered: the answer
then depends on where the client is, on weights, on an order of preference, and
on health checks that the server makes itself. It can always say why.

Begin with "geodns demo". A mistake in a file is told as file:line:column.
Exit codes: 0 done, 1 it is not so or could not be done, 2 wrong command line.`,
		Version: version,
		Args:    cli.Args(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(serveCommand(), demoCommand(), checkCommand(), explainCommand(), simulateCommand(), statusCommand(),
		drainCommand(), undrainCommand(), forceCommand(), delegationCommand(), importCommand())
	return root
}
