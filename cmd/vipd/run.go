package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/geodns-vipd/geodns/internal/cli"
	"github.com/geodns-vipd/geodns/internal/daemon"
	"github.com/geodns-vipd/geodns/internal/vipd"
)

func runCommand() *cobra.Command {
	var (
		file, control, state string
		level, format        string
		opt                  vipd.LoadOptions
	)
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon; logs one line when ready",
		Long: `Run the daemon. It checks the file first and does not start on a mistake that
would change who is master, what is tracked or which address is served.

SIGHUP reads the file anew: instances that did not change are not touched, and
a file with a mistake changes nothing. SIGTERM and SIGINT hand every address
over and end it. It needs CAP_NET_ADMIN and CAP_NET_RAW, and uses CAP_SYS_NICE.`,
		Args: cli.Args(cobra.NoArgs),
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "configuration file (default: the first of /etc/vipd/vipd.conf, /etc/keepalived/keepalived.conf that exists)")
	controlFlag(cmd, &control)
	cmd.Flags().StringVar(&state, "state", vipd.DefaultState, "folder of what must survive a restart: which instances are drained")
	cmd.Flags().StringVar(&level, "log-level", "info", "debug, info, warn or error")
	cmd.Flags().StringVar(&format, "log-format", "text", "text or json")
	addLoadFlags(cmd, &opt)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if file == "" {
			file = vipd.DefaultFile()
		}
		opt.Seed = rand.Uint64() // the same at every reload
		log, err := daemon.Logger(cmd.ErrOrStderr(), level, format)
		if err != nil {
			return &cli.UsageError{Command: cmd.CommandPath(), Err: err}
		}
		hup := make(chan os.Signal, 1)
		signal.Notify(hup, syscall.SIGHUP)
		defer signal.Stop(hup)
		d := &vipd.Daemon{
			File: file, Load: opt, Control: control, State: state, Log: log.Handler(), Hangup: hup, Version: version,
		}
		return tell(cmd, d.Run(cmd.Context()))
	}
	return cmd
}

// tell prints the findings that an error carries, each on its line.
func tell(cmd *cobra.Command, err error) error {
	var findings *vipd.FindingsError
	if !errors.As(err, &findings) {
		return err
	}
	cli.PrintDiags(cmd.ErrOrStderr(), findings.List)
	fmt.Fprintln(cmd.ErrOrStderr(), "vipd: not started: see the mistakes above, or --keepalived-compat to run as keepalived would")
	return cli.ErrTold
}

func controlFlag(cmd *cobra.Command, control *string) {
	cmd.Flags().StringVar(control, "control", vipd.DefaultControl, "path of the control socket")
}
