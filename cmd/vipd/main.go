// Command vipd keeps a site's virtual addresses alive: VRRP between its nodes,
// and where the address is a cloud's, calls to that cloud. It reads
// keepalived.conf.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// version is set by the linker.
var version = "devel"

// Exit codes, the same for every command.
const (
	exitOK      = 0
	exitFailed  = 1 // what was asked for is not so, or could not be done
	exitMisused = 2 // the command line makes no sense
)

// errTold ends a command whose mistakes have been printed already.
var (
	errTold         = errors.New("told already")
	errTooManyFiles = errors.New("one file, or two for a pair")
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is main with its surroundings as arguments; it returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var misuse *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errTold):
		return exitFailed
	case errors.As(err, &misuse):
		fmt.Fprintf(stderr, "vipd: %v\nsee: %s --help\n", misuse.err, misuse.command)
		return exitMisused
	}
	fmt.Fprintf(stderr, "vipd: %v\n", err)
	return exitFailed
}

// usageError is a mistake on the command line.
type usageError struct {
	command string
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }

// usage wraps a check of arguments so that its error is one of usage.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &usageError{cmd.CommandPath(), err}
		}
		return nil
	}
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
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          usage(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{cmd.CommandPath(), err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(runCommand(), checkCommand(), statusCommand(), whyCommand(), drainCommand(), undrainCommand(), reloadCommand())
	return root
}

// printDiags writes the findings to w, sorted, one a line.
func printDiags(w io.Writer, list diag.List) {
	list.Sort()
	for _, d := range list {
		fmt.Fprintln(w, d)
	}
}
