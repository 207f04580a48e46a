package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/geodns-vipd/geodns/internal/cli"
	"github.com/geodns-vipd/geodns/internal/vipd"
)

func statusCommand() *cobra.Command {
	var (
		control string
		asJSON  bool
	)
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show each instance: state, priority and how it came about, master, VIPs, tracked things",
		Args:  cli.Args(cobra.NoArgs),
	}
	controlFlag(cmd, &control)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		st, raw, err := (&vipd.Client{Socket: control}).Status(cmd.Context())
		if err != nil {
			return err
		}
		if asJSON {
			_, err := cmd.OutOrStdout().Write(raw)
			return err
		}
		printStatus(cmd.OutOrStdout(), &st, time.Now())
		return nil
	}
	return cmd
}

func printStatus(w io.Writer, st *vipd.Status, now time.Time) {
	fmt.Fprintf(w, "vipd %s, up %s, %s\n", st.Version, ago(st.StartedAt, now), st.File)
	if !st.Config.OK {
		fmt.Fprintf(w, "the last reload was refused %s ago; what was loaded before runs on:\n", ago(st.Config.At, now))
		for _, e := range st.Config.Errors {
			fmt.Fprintf(w, "  %s\n", e)
		}
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "INSTANCE\tSTATE\tSINCE\tPRIORITY\tMASTER\tINTERFACE\tVRID\tVIPS")
	for _, i := range st.Instances {
		master := "-"
		if i.Master != nil {
			master = *i.Master
		}
		state := i.State
		if i.Drained {
			state += " (drained)"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\t%d\t%s\n", i.Name, state, ago(i.Since, now), i.EffectivePriority, master, i.Interface, i.VRID, strings.Join(i.VIPs, " "))
	}
	t.Flush()
	for _, i := range st.Instances {
		printDetails(w, i.Name, &i, now)
	}
}

// printDetails prints what is worth a line of its own, under a title unless that
// is empty.
func printDetails(w io.Writer, title string, i *vipd.InstanceStatus, now time.Time) {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if i.EffectivePriority != i.Priority {
		add("priority %s", i.PriorityReason)
	}
	if i.Fault != "" {
		add("fault: %s", i.Fault)
	}
	for _, t := range i.Tracked {
		add("tracked %s %s: %s%s", t.Kind, t.Name, upDown(t.Up), weight(&t))
	}
	for _, f := range i.Floating {
		add("floating address %s (%s): %s", f.Address, f.Provider, floating(&f, now))
	}
	for _, r := range i.Refused {
		add("not believed: %s, %d packets: %s (%s)", r.From, r.Count, r.Reason, r.Hint)
	}
	if i.LastAlarm != nil {
		add("last alarm %s ago: %s", ago(i.LastAlarm.At, now), i.LastAlarm.Text)
	}
	if i.Hook != "" {
		add("hook running: %s", i.Hook)
	}
	if len(lines) == 0 {
		return
	}
	if title != "" {
		fmt.Fprintf(w, "\n%s\n", title)
	}
	fmt.Fprintf(w, "  %s\n", strings.Join(lines, "\n  "))
}

// floating says where a floating address is, and what stands in its way here.
func floating(f *vipd.FloatingStatus, now time.Time) string {
	if !f.Wanted {
		return "not looked at: not master"
	}
	text := f.Where
	if f.Holder != "" {
		text += ": " + f.Holder
	}
	if f.Contested {
		text += "; contested"
	}
	if f.Error != "" {
		text += "; last error: " + f.Error
	}
	if f.Next != nil && f.Next.After(now) && (f.Contested || f.Error != "") {
		text += "; again in " + ago(now, *f.Next)
	}
	return text
}

func weight(t *vipd.TrackedStatus) string {
	switch {
	case t.Fault:
		return ", which is a fault"
	case t.Delta != 0:
		return fmt.Sprintf(", %+d", t.Delta)
	}
	return ""
}

func upDown(up *bool) string {
	switch {
	case up == nil:
		return "unknown"
	case *up:
		return "up"
	}
	return "down"
}

// ago says how long ago a time was.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := now.Sub(t)
	switch {
	case d < time.Minute:
		return max(d, 0).Round(100 * time.Millisecond).String()
	case d < 48*time.Hour:
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
