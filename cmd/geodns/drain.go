package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/geodns-vipd/geodns/internal/cli"
	"github.com/geodns-vipd/geodns/internal/control"
	"github.com/geodns-vipd/geodns/internal/geodns"
)

// changeFlags are those of the commands that change something about a site.
type changeFlags struct {
	clientFlags
	body       control.ChangeBody
	over, hold time.Duration
}

// add adds the flags that a command takes, by the names of the body's keys.
func (f *changeFlags) add(cmd *cobra.Command, keys ...string) {
	f.clientFlags.add(cmd)
	flags := cmd.Flags()
	for _, key := range append(keys, "address", "policy", "reason") {
		switch key {
		case "for":
			flags.DurationVar(&f.hold, "for", 0, "end by itself after this time, such as 2h (default: until taken back)")
		case "over":
			flags.DurationVar(&f.over, "over", 0, "by degrees over this time, such as 10m, always the same clients first")
		case "beyond":
			flags.BoolVar(&f.body.BeyondGuard, "yes-beyond-guard", false, "also if a guard forbids it")
		case "address":
			flags.StringVar(&f.body.Address, "address", "", "only this address of the site")
		case "policy":
			flags.StringVar(&f.body.Policy, "policy", "", "only as a target of this policy; SITE may then be a policy's name too")
		case "reason":
			flags.StringVar(&f.body.Reason, "reason", "", "why, for those who look at the status later")
		}
	}
}

func drainCommand() *cobra.Command {
	var f changeFlags
	cmd := &cobra.Command{
		Use:   "drain SITE",
		Short: "Take a site out of service, at once or by degrees",
		Long: `Take a site, or one of its addresses, out of service: its clients go where they
would go if it were down. With --over it loses them by degrees, always the same
ones first. The drain holds over restarts until "geodns undrain", or with --for
until its time is over.

A drain that would break a guard is refused, unless --yes-beyond-guard says that
it is known. It goes to every server; one that was not reached is named, and the
exit code is then 1.`,
		Example: `  geodns drain fra --for 2h --reason "new disks"
  geodns drain fra --over 10m
  geodns drain fra --address 203.0.113.10`,
		Args: cli.Args(cobra.ExactArgs(1)),
	}
	f.add(cmd, "for", "over", "beyond")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return f.change(cmd, "drain", args[0]) }
	return cmd
}

func undrainCommand() *cobra.Command {
	var f changeFlags
	cmd := &cobra.Command{
		Use:   "undrain SITE",
		Short: "Put a drained site into service again, at once or by degrees",
		Long: `Put a drained site, address or target into service again, over the time of
--over, or else of the site's slow_start. A site that has recovered and is held
back by fail_back is let in too. It goes to every server; one that was not
reached is named, and the exit code is then 1.`,
		Args: cli.Args(cobra.ExactArgs(1)),
	}
	f.add(cmd, "over")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return f.change(cmd, "undrain", args[0]) }
	return cmd
}

func forceCommand() *cobra.Command {
	var f changeFlags
	cmd := &cobra.Command{
		Use:   "force SITE up|down|none",
		Short: "Decide in place of the checks whether a site is up",
		Long: `Take a site, or one of its addresses, as up or down whatever its checks say;
none lets them decide again. The decision holds over restarts until it is taken
back, or with --for until its time is over.

It goes to every server; one that was not reached is named, and the exit code is
then 1.`,
		Example: `  geodns force fra down --for 1h --reason "bad release"
  geodns force fra none`,
		Args: cli.Args(cobra.ExactArgs(2)),
	}
	f.add(cmd, "for", "beyond")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch args[1] {
		case "up", "down", "none":
		default:
			return &cli.UsageError{Command: cmd.CommandPath(), Err: fmt.Errorf("%q: up, down or none", args[1])}
		}
		f.body.State = args[1]
		return f.change(cmd, "force", args[0])
	}
	return cmd
}

// change sends the request to each server and prints what they answered.
func (f *changeFlags) change(cmd *cobra.Command, action, site string) error {
	if cmd.Flags().Changed("for") && f.hold <= 0 {
		return &cli.UsageError{Command: cmd.CommandPath(), Err: fmt.Errorf("--for %v: a time above 0, or no --for to hold until it is taken back", f.hold)}
	}
	if f.hold > 0 {
		hold := control.Duration(f.hold)
		f.body.For = &hold
	}
	if cmd.Flags().Changed("over") {
		over := control.Duration(f.over)
		f.body.Over = &over
	}
	nodes, err := f.ask(cmd.Context(), func(ctx context.Context, c *control.Client) (json.RawMessage, error) {
		return c.Change(ctx, action, site, f.body)
	})
	if err != nil {
		return err
	}
	failed := 0
	for _, n := range nodes {
		if err := f.printChange(cmd, n, len(nodes) > 1); err != nil {
			failed++
			fmt.Fprintf(cmd.ErrOrStderr(), "geodns: %s: NOT DONE: %v\n", n.server, err)
		}
	}
	if failed == 0 {
		return nil
	}
	if len(nodes) > 1 {
		fmt.Fprintf(cmd.ErrOrStderr(), "geodns: %d of %d servers have not taken the change: they answer as before\n", failed, len(nodes))
	}
	return cli.ErrTold
}

// printChange prints what a server answered; what could not be kept on its disk
// is told beside it.
func (f *changeFlags) printChange(cmd *cobra.Command, n node, several bool) error {
	if n.err != nil {
		return n.err
	}
	var reply geodns.ChangeReply
	if err := json.Unmarshal(n.reply, &reply); err != nil {
		return err
	}
	if f.json {
		_, err := cmd.OutOrStdout().Write(n.reply)
		return err
	}
	prefix := ""
	if several {
		prefix = n.server + ": "
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s%s\n", prefix, reply.Message)
	for _, note := range reply.Notes {
		fmt.Fprintf(cmd.ErrOrStderr(), "geodns: %s: %s\n", n.server, note)
	}
	return nil
}
