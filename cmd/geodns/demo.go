package main

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/geodns-vipd/geodns/internal/cli"
	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/internal/daemon"
	"github.com/geodns-vipd/geodns/internal/demo"
	"github.com/geodns-vipd/geodns/internal/geodns"
	"github.com/geodns-vipd/geodns/zones"
)

// demoPorts are the ports of the example, all counted from one.
type demoPorts struct{ dns, admin, site uint16 }

// demoSitePort stands in zones/steering.yaml; another --port moves it.
const demoSitePort = 5380

func portsFrom(port uint16) demoPorts { return demoPorts{port, port + 1, port + 80} }

func demoCommand() *cobra.Command {
	var port uint16
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the embedded example: zones, three small web sites, a server",
		Long: `Run the embedded example on loopback: zones, three small web sites that play
Frankfurt, Ashburn and Singapore, the embedded geo database, and a server. It
prints what to try. Type the name of a site and Enter to kill its web server or
to start it again, or use "geodns demo down SITE" in another terminal.`,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runDemo(cmd, portsFrom(port)) },
	}
	cmd.PersistentFlags().Uint16Var(&port, "port", 5300, "port of DNS; the admin listener has the next one, the web sites the 80th after it")
	for _, verb := range []string{"down", "up"} {
		sub := &cobra.Command{
			Use:   verb + " SITE",
			Short: map[string]string{"down": "Kill the web server of a site of the running example", "up": "Start it again"}[verb],
			Args:  cli.Args(cobra.ExactArgs(1)),
		}
		sub.RunE = func(cmd *cobra.Command, args []string) error {
			if err := demo.Command(cmd.Context(), demoControl(portsFrom(port)), args[0], verb); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is %s\n", args[0], verb)
			return nil
		}
		cmd.AddCommand(sub)
	}
	return cmd
}

func loopback(last byte, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, last}), port)
}

func demoControl(p demoPorts) netip.AddrPort { return loopback(10, p.site) }

func demoSites(p demoPorts) []demo.Site {
	return []demo.Site{
		{Name: "fra", City: "Frankfurt", Addr: loopback(11, p.site)},
		{Name: "iad", City: "Ashburn", Addr: loopback(12, p.site)},
		{Name: "sgp", City: "Singapore", Addr: loopback(13, p.site)},
	}
}

// runDemo starts the sites, writes the embedded files into a folder of its own
// and serves them as serve would.
func runDemo(cmd *cobra.Command, p demoPorts) error {
	dir, err := os.MkdirTemp("", "geodns-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := writeExample(dir, p); err != nil {
		return err
	}
	sites, err := demo.Start(demoSites(p), demoControl(p))
	if err != nil {
		return fmt.Errorf("%w: is an example running already? another --port makes room", err)
	}
	defer sites.Close()

	cfg := config.Geodns{
		Listen:    []netip.AddrPort{loopback(1, p.dns)},
		Folders:   []string{dir + "/zones"},
		Databases: []string{"builtin"},
		Admin:     loopback(1, p.admin).String(),
		State:     dir + "/state",
		Limits:    config.DefaultLimits(),
	}
	log, err := daemon.Logger(cmd.ErrOrStderr(), "info", "text")
	if err != nil {
		return err
	}
	srv := &geodns.Server{Config: cfg, Log: log, Version: version}
	srv.Ready = func() { fmt.Fprint(cmd.OutOrStdout(), demoText(p)) }
	go toggleByKey(cmd.InOrStdin(), cmd.OutOrStdout(), sites)
	if err := srv.Run(cmd.Context()); err != nil {
		return tell(cmd, err)
	}
	fmt.Fprintln(cmd.OutOrStdout(), "bye")
	return nil
}

// writeExample writes the embedded files into dir/zones.
func writeExample(dir string, p demoPorts) error {
	if err := os.Mkdir(dir+"/zones", 0o700); err != nil {
		return err
	}
	entries, err := zones.Files.ReadDir(".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		data, err := zones.Files.ReadFile(e.Name())
		if err != nil {
			return err
		}
		text := strings.ReplaceAll(string(data), fmt.Sprintf("port: %d", demoSitePort), fmt.Sprintf("port: %d", p.site))
		if err := os.WriteFile(dir+"/zones/"+e.Name(), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// toggleByKey takes a site down or up for each line that names one. It ends
// with its input; a daemon's input may be closed from the start.
func toggleByKey(in io.Reader, out io.Writer, sites *demo.Sites) {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		name := strings.TrimSpace(lines.Text())
		if name == "" {
			continue
		}
		act, verb := sites.Up, "up"
		if sites.IsUp(name) {
			act, verb = sites.Down, "down"
		}
		if err := act(name); err != nil {
			fmt.Fprintln(out, err)
			continue
		}
		fmt.Fprintf(out, "%s is %s\n", name, verb)
	}
}

// demoText says what is running and what to try.
func demoText(p demoPorts) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nThe example is running. DNS on 127.0.0.1:%d (UDP and TCP), admin on http://127.0.0.1:%d, and three web sites:\n\n", p.dns, p.admin)
	for _, s := range demoSites(p) {
		fmt.Fprintf(&b, "  %s  %-10s http://%s/\n", s.Name, s.City, s.Addr)
	}
	dig := fmt.Sprintf("dig @127.0.0.1 -p %d +short www.example.com", p.dns)
	down := "geodns demo down fra"
	if p.dns != 5300 {
		down += fmt.Sprintf(" --port %d", p.dns)
	}
	self := selfCommand()
	fmt.Fprintf(&b, `
Try, in a second terminal:

  %[1]s +subnet=91.10.0.0/24     # a German client: Frankfurt, 127.0.0.11
  %[1]s +subnet=12.0.0.0/24      # an American one: Ashburn, 127.0.0.12; one in four Singapore
  %[1]s +subnet=1.128.0.0/24     # an Australian one: the nearest, Singapore, 127.0.0.13

  %[2]s   # kill Frankfurt's web server (or type fra and Enter here); two seconds later
  %[1]s +subnet=91.10.0.0/24     # Germans go to Ashburn; "up" instead of "down" brings it back

  %[3]s explain www.example.com A --client 91.10.0.1 --server http://127.0.0.1:%[4]d
  %[1]s +subnet=91.10.0.0/24 +noshort    # the whole answer, with its scope

Ctrl-C ends it.
`, dig, strings.Replace(down, "geodns", self, 1), self, p.admin)
	return b.String()
}

// selfCommand returns how this program was called, for lines to copy.
func selfCommand() string {
	if len(os.Args) > 0 && os.Args[0] != "" {
		return os.Args[0]
	}
	return "geodns"
}
