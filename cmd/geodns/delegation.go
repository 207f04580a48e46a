package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/geodns-vipd/geodns/internal/cli"
	"github.com/geodns-vipd/geodns/internal/dnsclient"
	"github.com/geodns-vipd/geodns/pkg/delegation"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// delegationReport is the --json form.
type delegationReport struct {
	delegation.Plan
	Records  []string             `json:"records"`
	Findings []delegation.Finding `json:"findings,omitempty"`
	Agree    *bool                `json:"agree,omitempty"` // with --verify
}

func delegationCommand() *cobra.Command {
	var file, verify string
	var port uint16
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "delegation ZONE",
		Short: "Print the NS, glue and DS to paste at the registrar; with --verify, ask whether all agree",
		Long: `Print what the parent of a zone needs: its name servers, and for those inside
the zone their addresses (glue).

With --verify RESOLVER (ADDR or ADDR:PORT) ask over DNS whether the servers of the
parent delegate so, and whether each name server answers with authority, with
the same NS records and serial, over UDP and TCP. The exit code is 0 only if all
agree.`,
		Example: `  geodns delegation example.com
  geodns delegation example.com --verify 9.9.9.9`,
		Args: cli.Args(cobra.ExactArgs(1)),
	}
	configFlag(cmd, &file)
	cmd.Flags().StringVar(&verify, "verify", "", "resolver to ask, ADDR or ADDR:PORT")
	cmd.Flags().Uint16Var(&port, "port", 53, "port of the name servers asked by --verify")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		resolver, err := parseResolver(verify)
		if err != nil {
			return &cli.UsageError{Command: cmd.CommandPath(), Err: err}
		}
		z, err := findZone(cmd, file, args[0])
		if err != nil {
			return err
		}
		plan, err := delegation.FromZone(z)
		if err != nil {
			return err
		}
		r := delegationReport{Plan: plan, Records: plan.Records()}
		if verify != "" {
			c := &dnsclient.Client{Resolver: resolver, Port: port}
			r.Findings = delegation.Compare(plan, c.Learn(cmd.Context(), plan))
			agree := delegation.Agree(r.Findings)
			r.Agree = &agree
		}
		if err := r.print(cmd.OutOrStdout(), asJSON); err != nil {
			return err
		}
		if r.Agree != nil && !*r.Agree {
			return cli.ErrTold
		}
		return nil
	}
	return cmd
}

// parseResolver reads ADDR or ADDR:PORT; empty is none.
func parseResolver(s string) (netip.AddrPort, error) {
	if s == "" {
		return netip.AddrPort{}, nil
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap, nil
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("--verify %q is no address: such as 9.9.9.9 or [2620:fe::fe]:53", s)
	}
	return netip.AddrPortFrom(a, 53), nil
}

// findZone loads the files and returns the zone of that name.
func findZone(cmd *cobra.Command, file, name string) (*zone.Zone, error) {
	origin, err := dnswire.ParseName(name)
	if err != nil {
		return nil, fmt.Errorf("zone %q: %w", name, err)
	}
	loaded, err := loadOrTell(cmd, file)
	if err != nil {
		return nil, err
	}
	var served []string
	for _, z := range loaded.Zones {
		if z.Origin == origin {
			return z, nil
		}
		served = append(served, z.Origin.String())
	}
	if near := diag.Nearest(origin.String(), served); near != "" {
		return nil, fmt.Errorf("zone %s is not served here: did you mean %s?", origin, near)
	}
	return nil, fmt.Errorf("zone %s is not served here: one of %s", origin, strings.Join(served, ", "))
}

// print writes the report for people, or as JSON.
func (r delegationReport) print(w io.Writer, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	fmt.Fprintf(w, "To enter at the registrar, or at whoever runs the zone above %s:\n\n", r.Zone)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME SERVER\tADDRESSES (GLUE)")
	for _, s := range r.Servers {
		glue := "none needed, the name is outside the zone"
		if s.Inside {
			glue = fmt.Sprint(s.Glue)
			glue = strings.Trim(glue, "[]")
		}
		fmt.Fprintf(t, "%s\t%s\n", s.Name, glue)
	}
	t.Flush()
	fmt.Fprintf(w, "\nDS: none, the zone is not signed\n\nThe same as records for the zone above:\n\n")
	for _, rec := range r.Records {
		fmt.Fprintln(w, rec)
	}
	if r.Agree == nil {
		return nil
	}
	fmt.Fprintln(w)
	for _, f := range r.Findings {
		line := fmt.Sprintf("%-7s  %s: %s", f.Level, f.Who, f.What)
		if f.Right != "" {
			line += ": " + f.Right
		}
		fmt.Fprintln(w, line)
	}
	if *r.Agree {
		fmt.Fprintln(w, "all agree")
	}
	return nil
}
