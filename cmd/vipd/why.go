package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/geodns-vipd/geodns/internal/cli"
	"github.com/geodns-vipd/geodns/internal/vipd"
)

func whyCommand() *cobra.Command {
	var (
		control string
		asJSON  bool
		last    int
	)
	cmd := &cobra.Command{
		Use:   "why [INSTANCE]",
		Short: "Say why an instance is in its state, and what would happen if something failed",
		Long: `Print the last transitions with their causes, alarms, changes of priority and
claims of floating addresses, and what would happen now if this node, another, or a tracked thing failed.`,
		Args: cli.Args(cobra.MaximumNArgs(1)),
	}
	controlFlag(cmd, &control)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().IntVarP(&last, "lines", "n", 20, "how many of the last things that happened; 0: all")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		list, raw, err := (&vipd.Client{Socket: control}).Why(cmd.Context(), args)
		if err != nil {
			return err
		}
		if asJSON {
			_, err := cmd.OutOrStdout().Write(raw)
			return err
		}
		for i := range list {
			if i > 0 {
				fmt.Fprintln(cmd.OutOrStdout())
			}
			printWhy(cmd.OutOrStdout(), &list[i], last)
		}
		return nil
	}
	return cmd
}

const clockLayout = "2006-01-02 15:04:05.000"

func printWhy(w io.Writer, why *vipd.Why, last int) {
	i := &why.Instance
	now := time.Now()
	fmt.Fprintf(w, "%s is %s for %s: %s\n", i.Name, i.State, ago(i.Since, now), i.Reason)
	if i.Drained {
		fmt.Fprintln(w, "  drained by an operator")
	}
	printDetails(w, "", i, now)
	history := why.History
	if last > 0 && len(history) > last {
		history = history[len(history)-last:]
	}
	fmt.Fprintf(w, "\nwhat happened, the oldest first:\n")
	for _, h := range history {
		what := h.Text
		switch h.Kind {
		case "transition":
			what = fmt.Sprintf("%s → %s (%s): %s", h.From, h.To, h.Cause, h.Text)
		case "alarm":
			what = "alarm: " + h.Text
		}
		fmt.Fprintf(w, "  %s  %s\n", h.At.Format(clockLayout), what)
	}
	fmt.Fprintf(w, "\nwhat would happen now:\n")
	for _, line := range why.Outlook {
		fmt.Fprintf(w, "  %s\n", line)
	}
}
