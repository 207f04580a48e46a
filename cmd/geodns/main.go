// Command geodns is an authoritative DNS server that answers by the place of
// the client, by weight, by order of preference and by health.
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
var errTold = errors.New("told already")

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
		fmt.Fprintf(stderr, "geodns: %v\nsee: %s --help\n", misuse.err, misuse.command)
		return exitMisused
	}
	fmt.Fprintf(stderr, "geodns: %v\n", err)
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
		Use:   "geodns",
		Short: "Authoritative DNS that answers by place, weight, preference and health",
		Long: `geodns serves ordinary zone files in which a name can be steered: the answer
then depends on where the client is, on weights, on an order of preference, and
on health checks that the server makes itself. It can always say why.

Begin with "geodns demo". A mistake in a file is told as file:line:column.
Exit codes: 0 done, 1 it is not so or could not be done, 2 wrong command line.`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          usage(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{cmd.CommandPath(), err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(serveCommand(), demoCommand(), checkCommand(), explainCommand(), statusCommand(), delegationCommand())
	return root
}

// printDiags writes the findings to w, sorted, one a line.
func printDiags(w io.Writer, list diag.List) {
	list.Sort()
	for _, d := range list {
		fmt.Fprintln(w, d)
	}
}
