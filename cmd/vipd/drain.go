package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/geodns-vipd/geodns/internal/cli"
	"github.com/geodns-vipd/geodns/internal/vipd"
)

func drainCommand() *cobra.Command {
	var (
		control string
		req     vipd.DrainRequest
	)
	cmd := &cobra.Command{
		Use:   "drain [INSTANCE…]",
		Short: "Hand the VIPs over and stay out, over restarts and reboots, until undrain",
		Long: `Hand the VIPs of the instances (default: all) over to another node and stay out
until "vipd undrain", over reloads, restarts and reboots.

If no other vipd is known to be fit to take over, nothing happens and the exit
code is 1, unless --force is given. Where the other node is keepalived, which
says nothing of itself, it goes ahead and says "successor unknown".`,
		Args: cli.Args(cobra.ArbitraryArgs),
	}
	controlFlag(cmd, &control)
	cmd.Flags().BoolVar(&req.Force, "force", false, "go ahead although nobody is known to take over")
	cmd.Flags().BoolVar(&req.LastResort, "last-resort", false, "take over, with priority 1, when nobody else does")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		req.Instances = args
		return printReplies(cmd, func(ctx context.Context) ([]vipd.DrainReply, error) {
			return (&vipd.Client{Socket: control}).Drain(ctx, req)
		})
	}
	return cmd
}

func undrainCommand() *cobra.Command {
	var control string
	cmd := &cobra.Command{
		Use:   "undrain [INSTANCE…]",
		Short: "Let drained instances take part again",
		Args:  cli.Args(cobra.ArbitraryArgs),
	}
	controlFlag(cmd, &control)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return printReplies(cmd, func(ctx context.Context) ([]vipd.DrainReply, error) {
			return (&vipd.Client{Socket: control}).Undrain(ctx, vipd.DrainRequest{Instances: args})
		})
	}
	return cmd
}

// printReplies prints what each instance said; one that would not makes the
// command fail.
func printReplies(cmd *cobra.Command, call func(context.Context) ([]vipd.DrainReply, error)) error {
	replies, err := call(cmd.Context())
	if err != nil {
		return err
	}
	failed := false
	for _, r := range replies {
		w := cmd.OutOrStdout()
		if !r.OK {
			w, failed = cmd.ErrOrStderr(), true
		}
		fmt.Fprintf(w, "%s: %s\n", r.Instance, r.Text)
	}
	if failed {
		return cli.ErrTold
	}
	return nil
}

func reloadCommand() *cobra.Command {
	var control string
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Apply the changed file without touching instances that did not change",
		Long: `Make the daemon read its file anew. Instances that did not change are not
touched. A file with a mistake changes nothing: the mistakes are printed and
the exit code is 1.`,
		Args: cli.Args(cobra.NoArgs),
	}
	controlFlag(cmd, &control)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		notes, err := (&vipd.Client{Socket: control}).Reload(cmd.Context())
		for _, n := range notes {
			fmt.Fprintln(cmd.OutOrStdout(), "note:", n)
		}
		var refused *vipd.RefusedError
		if errors.As(err, &refused) && len(refused.Findings) > 0 {
			for _, f := range refused.Findings {
				fmt.Fprintln(cmd.ErrOrStderr(), f)
			}
		}
		return err
	}
	return cmd
}
