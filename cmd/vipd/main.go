// Command vipd keeps a site's virtual addresses alive: VRRP between its nodes,
// and where the address is a cloud's, calls to that cloud. It reads
// keepalived.conf.
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
		Use:   "vipd",
		Short: "Keeps virtual IP addresses alive; reads keepalived.conf",
		Long: `vipd runs on the two or three nodes of a site and keeps its virtual IP
addresses on one of them that works: VRRP between the nodes, addresses through
netlink, gratuitous ARP, and calls to a cloud's API where the address is one of
a cloud. It reads keepalived.conf unchanged and can always say why.

Begin with "vipd check". A mistake in a file is told as file:line:column.
Exit codes: 0 done, 1 it is not so or could not be done, 2 wrong command line.`,
		Version: version,
		Args:    cli.Args(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(runCommand(), checkCommand(), statusCommand(), whyCommand(), drainCommand(), undrainCommand(), reloadCommand())
	return root
}
