// Package cli owns what the commands of both daemons share: exit codes, how
// mistakes on the command line are told, and how findings in files are printed.
//
// It holds no command of its own. The entry point is [Run].
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// Exit codes, the same for every command.
const (
	ExitOK      = 0
	ExitFailed  = 1 // what was asked for is not so, or could not be done
	ExitMisused = 2 // the command line makes no sense
)

// ErrTold ends a command whose mistakes have been printed already.
var ErrTold = errors.New("told already")

// UsageError is a mistake on the command line.
type UsageError struct {
	Command string // whole path of the command, for the pointer to its help
	Err     error
}

// Error implements error.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e *UsageError) Unwrap() error { return e.Err }

// Args wraps a check of arguments so that its error is one of usage.
func Args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &UsageError{cmd.CommandPath(), err}
		}
		return nil
	}
}

// Run executes root with its surroundings as arguments and returns the exit
// code. SIGINT and SIGTERM end its context.
func Run(root *cobra.Command, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	root.SilenceUsage, root.SilenceErrors = true, true
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &UsageError{cmd.CommandPath(), err} })
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var misuse *UsageError
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, ErrTold):
		return ExitFailed
	case errors.As(err, &misuse):
		fmt.Fprintf(stderr, "%s: %v\nsee: %s --help\n", root.Name(), misuse.Err, misuse.Command)
		return ExitMisused
	}
	fmt.Fprintf(stderr, "%s: %v\n", root.Name(), err)
	return ExitFailed
}

// PrintDiags writes the findings to w, sorted, one a line.
func PrintDiags(w io.Writer, list diag.List) {
	list.Sort()
	for _, d := range list {
		fmt.Fprintln(w, d)
	}
}
