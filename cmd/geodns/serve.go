package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/geodns-vipd/geodns/internal/cli"
	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/internal/daemon"
	"github.com/geodns-vipd/geodns/internal/geodns"
	"github.com/geodns-vipd/geodns/pkg/diag"
)

func serveCommand() *cobra.Command {
	var file string
	var replace bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server; logs one line when ready",
		Long: `Run the server. It loads everything, makes one round of checks, binds, and
logs one line when ready. SIGHUP, or a change of any file, reloads: on any
mistake the old configuration keeps serving. SIGINT and SIGTERM end it.

With --replace it takes sockets, connections and health over from the process
that serves with the same state folder, which then ends; no query is lost. If
anything is wrong, that process goes on. SIGUSR2 has a running server start its
own file again, in the same way.

Each key of geodns.yaml is also a flag and an environment variable
(geo.database: --geo-database, GEODNS_GEO_DATABASE); flag before environment
before file. Lists are separated by commas.`,
		Args: cli.Args(cobra.NoArgs),
	}
	configFlag(cmd, &file)
	cmd.Flags().BoolVar(&replace, "replace", false, "take over from the process that serves with the same state folder")
	config.AddFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		read := func() (config.Geodns, diag.List) { return config.Load(file, cmd.Flags()) }
		cfg, list := read()
		if list.HasErrors() {
			_, list = geodns.LoadChecked(cfg, list) // what is wrong with the files too
		}
		cli.PrintDiags(cmd.ErrOrStderr(), list)
		if list.HasErrors() {
			return cli.ErrTold
		}
		log, err := daemon.Logger(cmd.ErrOrStderr(), cfg.Log.Level, cfg.Log.Format)
		if err != nil {
			return err
		}
		daemon.KeepSmall()
		if limit := daemon.LimitMemory(); limit > 0 {
			log.Info("memory limit from the control group", "mib", limit>>20)
		}
		hup := make(chan os.Signal, 1)
		signal.Notify(hup, syscall.SIGHUP)
		defer signal.Stop(hup)
		usr2 := make(chan os.Signal, 1)
		signal.Notify(usr2, syscall.SIGUSR2)
		defer signal.Stop(usr2)
		srv := &geodns.Server{
			Config: cfg, Reread: read, Replace: replace, Log: log, Hangup: hup, Upgrade: usr2, Version: version,
		}
		if err := srv.Run(cmd.Context()); err != nil {
			return tell(cmd, err)
		}
		return nil
	}
	return cmd
}

// tell prints the findings that an error carries, each on its line.
func tell(cmd *cobra.Command, err error) error {
	if list, ok := geodns.Findings(err); ok {
		cli.PrintDiags(cmd.ErrOrStderr(), list)
		return cli.ErrTold
	}
	return err
}

// configFlag adds -c.
func configFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVarP(file, "config", "c", "", fmt.Sprintf("configuration file (default: the first of %v that exists)", config.DefaultConfigFiles))
}
