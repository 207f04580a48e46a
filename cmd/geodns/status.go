package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/geodns-vipd/geodns/internal/cli"
	"github.com/geodns-vipd/geodns/internal/control"
	"github.com/geodns-vipd/geodns/internal/geodns"
	"github.com/geodns-vipd/geodns/pkg/health"
)

func statusCommand() *cobra.Command {
	var f clientFlags
	var top bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show sites, addresses and checks of a running server, since when, and the last error",
		Long: `Show the state of a running server: each site, each address, since when it is
up or down, and the last error of its checks. The exit code is 1 if a server
could not be reached or refused its last reload, else 0.`,
		Args: cli.Args(cobra.NoArgs),
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&top, "top", false, "also show which blocks of clients asked most in the last full minute")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		nodes, err := f.ask(cmd.Context(), func(ctx context.Context, c *control.Client) (json.RawMessage, error) {
			return c.Status(ctx)
		})
		if err != nil {
			return err
		}
		failed := false
		for i, n := range nodes {
			if len(nodes) > 1 && !f.json {
				fmt.Fprintf(cmd.OutOrStdout(), "%s== %s\n", strings.Repeat("\n", min(i, 1)), n.server)
			}
			ok, err := f.printStatus(cmd.OutOrStdout(), n, top)
			if err != nil {
				fmt.Fprintf(cmd.ErrOrStderr(), "geodns: %s: %v\n", n.server, err)
			}
			failed = failed || !ok || err != nil
		}
		if failed {
			return cli.ErrTold
		}
		return nil
	}
	return cmd
}

// printStatus prints what a server answered; it reports false if the server is
// not well.
func (f *clientFlags) printStatus(w io.Writer, n node, top bool) (ok bool, err error) {
	if n.err != nil {
		return false, n.err
	}
	var st geodns.Status
	if err := json.Unmarshal(n.reply, &st); err != nil {
		return false, err
	}
	if f.json {
		_, err := w.Write(n.reply)
		return st.Config.OK, err
	}
	printStatusTable(w, st, time.Now())
	if top {
		printTop(w, st.Top)
	}
	return st.Config.OK, nil
}

// printTop prints which blocks of clients asked most.
func printTop(w io.Writer, top []geodns.TopStatus) {
	if len(top) == 0 {
		fmt.Fprintln(w, "\nno queries in the last full minute")
		return
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CLIENTS\tQUERIES/S\tSHARE")
	for _, e := range top {
		fmt.Fprintf(t, "%s\t%.4g\t%.1f%%\n", e.Block, e.QueriesPerSecond, 100*e.Share)
	}
	t.Flush()
}

func printStatusTable(w io.Writer, st geodns.Status, now time.Time) {
	fmt.Fprintf(w, "geodns %s, up %s, %d zones, listening at %s\n",
		st.Version, ago(&st.StartedAt, now), len(st.Zones), strings.Join(st.Listen, " "))
	for _, d := range st.Databases {
		fmt.Fprintf(w, "geo database %s (%s), %d days old\n", d.Path, d.Fields, d.AgeDays)
	}
	if !st.Config.OK {
		fmt.Fprintf(w, "the last reload was refused %s ago; what was loaded %s ago is served:\n",
			ago(&st.Config.At, now), ago(&st.Config.LoadedAt, now))
		for _, e := range st.Config.Errors {
			fmt.Fprintf(w, "  %s\n", e)
		}
	}
	if !st.State.OK && st.State.Error != "" {
		fmt.Fprintf(w, "overrides and states are not kept as they should: %s\n", st.State.Error)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SITE\tADDRESS\tSTATE\tSINCE\tLATENCY\tLAST ERROR")
	for _, s := range st.Sites {
		fmt.Fprintf(t, "%s\t\t%s\t%s\t\t\n", s.Name, siteState(s), ago(s.Since, now))
		for _, a := range s.Addresses {
			fmt.Fprintf(t, "\t%s\t%s\t%s\t%s\t%s\n", a.Address, addressState(a), ago(a.Since, now), latency(a), a.LastError)
			printMembers(t, a.Checks, now)
		}
	}
	t.Flush()
	if len(st.Overrides) > 0 {
		fmt.Fprintln(w)
	}
	for _, o := range st.Overrides {
		target := health.Target{Policy: o.Policy, Site: o.Site}
		target.Addr, _ = netip.ParseAddr(o.Address)
		fmt.Fprintf(w, "%s is %s; set %s ago\n", target, o.Text(), ago(o.Set, now))
	}
}

// printMembers tells of calculated checks from which others they come, and how
// those stand.
func printMembers(w io.Writer, checks []geodns.CheckStatus, now time.Time) {
	for _, c := range checks {
		if c.Calculated == "" {
			continue
		}
		of := c.Check
		fmt.Fprintf(w, "\t  %s: %s\t%s\t%s\t\t%s\n", c.Check, c.Calculated, c.State, ago(c.Since, now), needs(&c))
		for _, m := range c.Members {
			if m.Of != of {
				of = m.Of
				fmt.Fprintf(w, "\t  %s:\t\t\t\t\n", of)
			}
			name, err := m.Check, m.LastError
			if m.Calculated != "" {
				name += ": " + m.Calculated
			}
			if m.State == "up" {
				err = ""
			}
			took := ""
			if m.LatencyMS > 0 {
				took = fmt.Sprintf("%.1f ms", m.LatencyMS)
			}
			fmt.Fprintf(w, "\t    %s\t%s\t%s\t%s\t%s\n", name, m.State, ago(m.Since, now), took, err)
		}
	}
}

// needs says how many members are up and how many must be.
func needs(c *geodns.CheckStatus) string {
	if c.Needed == 0 {
		return fmt.Sprintf("%d up, none may be", c.Up())
	}
	return fmt.Sprintf("%d up, %d needed", c.Up(), c.Needed)
}

func siteState(s geodns.SiteStatus) string {
	text := stateText(s.Up, s.Forced, s.Share)
	if s.Load != nil {
		text += fmt.Sprintf(", load %.4g of %.4g", *s.Load, s.Capacity)
	}
	if len(s.KeptBy) > 0 {
		text += ", kept in by the guard of " + strings.Join(s.KeptBy, " and ")
	}
	return text
}

func addressState(a geodns.AddressStatus) string {
	text := stateText(a.Up, a.Forced, a.Share)
	switch {
	case a.Held && a.HeldUntil != nil:
		text += ", held back until " + a.HeldUntil.Format(time.TimeOnly)
	case a.Held:
		text += ", held back until undrain"
	}
	return text
}

// stateText says what the checks found, and what an operator made of it.
func stateText(up bool, forced string, share float64) string {
	text := "down"
	if up {
		text = "up"
	}
	if forced != "" {
		text += ", forced " + forced
	}
	switch {
	case share <= 0:
		text += ", drained"
	case share < 1:
		text += fmt.Sprintf(", %.0f%%", 100*share)
	}
	return text
}

// latency is that of the slowest check.
func latency(a geodns.AddressStatus) string {
	var most float64
	for _, c := range a.Checks {
		most = max(most, c.LatencyMS)
		for _, m := range c.Members {
			most = max(most, m.LatencyMS)
		}
	}
	if len(a.Checks) == 0 {
		return "no check"
	}
	return fmt.Sprintf("%.1f ms", most)
}

// ago says how long ago a time was.
func ago(t *time.Time, now time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	d := now.Sub(*t)
	switch {
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < 48*time.Hour:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
