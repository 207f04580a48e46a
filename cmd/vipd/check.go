package main

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/geodns-vipd/geodns/internal/cli"
	"github.com/geodns-vipd/geodns/internal/vipd"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/keepalived"
)

func checkCommand() *cobra.Command {
	var (
		file   string
		asJSON bool
		opt    vipd.LoadOptions
	)
	cmd := &cobra.Command{
		Use:   "check [FILE [PEER'S FILE]]",
		Short: "Name every mistake in a file and say what it will do",
		Long: `Read a file and name every mistake as file:line:column: what is wrong: what is
right. "warning:" stands before what will have another effect than the text
says, "note:" before plain sentences: what each instance will do.

With one file its interfaces, addresses and scripts are looked up on this
machine, unless --no-machine is given. With two files, those of two nodes, it
says whether they fit together, and this machine does not matter.

The exit code is 1 if there is an error or the two do not fit, else 0.`,
		Args: cli.Args(cobra.MaximumNArgs(2)),
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "configuration file (default: the first of /etc/vipd/vipd.conf, /etc/keepalived/keepalived.conf that exists)")
	cmd.Flags().BoolVar(&opt.NoMachine, "no-machine", false, "do not look at this machine's interfaces, scripts and users")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON")
	addLoadFlags(cmd, &opt)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		files, err := filesToCheck(cmd, file, args)
		if err != nil {
			return err
		}
		list := check(files, opt)
		if err := printFindings(cmd.OutOrStdout(), list, asJSON); err != nil {
			return err
		}
		if list.HasErrors() {
			return cli.ErrTold
		}
		return nil
	}
	return cmd
}

// addLoadFlags adds the flags that run and check share.
func addLoadFlags(cmd *cobra.Command, opt *vipd.LoadOptions) {
	cmd.Flags().BoolVar(&opt.Compat, "keepalived-compat", false, "do as keepalived does with what it drops: go on without it, with a warning")
	cmd.Flags().StringVarP(&opt.ConfigID, "config-id", "i", "", "what @conditions in the file compare with (default: the host's name)")
}

// filesToCheck puts -f before the arguments.
func filesToCheck(cmd *cobra.Command, file string, args []string) ([]string, error) {
	if file != "" {
		args = append([]string{file}, args...)
	}
	switch len(args) {
	case 0:
		return []string{vipd.DefaultFile()}, nil
	case 1, 2:
		return args, nil
	}
	return nil, &cli.UsageError{Command: cmd.CommandPath(), Err: errors.New("one file, or two for a pair")}
}

// check returns all that is to be said of one file or two.
func check(files []string, opt vipd.LoadOptions) diag.List {
	opt.NoMachine = opt.NoMachine || len(files) > 1
	var (
		list    diag.List
		configs []*keepalived.Config
	)
	for _, f := range files {
		cfg, found := vipd.LoadConfig(f, opt)
		configs = append(configs, cfg)
		list = append(list, found...)
	}
	if list.HasErrors() {
		return list // what would happen is not known
	}
	for _, cfg := range configs {
		list = append(list, keepalived.Describe(cfg)...)
	}
	if len(configs) == 2 {
		list = append(list, keepalived.Pair(configs[0], configs[1])...)
	}
	return list
}

// finding is one line of `check --json`.
type finding struct {
	File     string `json:"file"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Severity string `json:"severity"` // error, warning or note
	What     string `json:"what"`
	Right    string `json:"right,omitempty"`
}

func printFindings(w io.Writer, list diag.List, asJSON bool) error {
	if !asJSON {
		cli.PrintDiags(w, list)
		return nil
	}
	list.Sort()
	out := struct {
		OK       bool      `json:"ok"`
		Findings []finding `json:"findings"`
	}{!list.HasErrors(), []finding{}}
	for _, d := range list {
		severity := d.Severity.String()
		if severity == "" {
			severity = "error"
		}
		out.Findings = append(out.Findings, finding{d.Pos.File, d.Pos.Line, d.Pos.Col, severity, d.What, d.Right})
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
