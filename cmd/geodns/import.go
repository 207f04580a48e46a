package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/geodns-vipd/geodns/internal/cli"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/route53"
)

func importCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Carry the configuration of another service over",
		Args:  cli.Args(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(importRoute53Command())
	return cmd
}

func importRoute53Command() *cobra.Command {
	var in importing
	cmd := &cobra.Command{
		Use:   "route53 FILE...",
		Short: "Carry hosted zones of Amazon Route 53 over",
		Long: `Write a zone file for each hosted zone, and steering.yaml with its sites, checks
and policies, from what these commands print:

  aws route53 list-resource-record-sets --hosted-zone-id ID > records.json
  aws route53 list-health-checks                            > checks.json
  aws route53 list-cidr-blocks --collection-id ID           > blocks.json

A FILE may hold several answers one after the other; - is standard input. What
could not be carried over, or behaves otherwise here, is told as
file:line:column. Nothing that exists is written over without --force. The exit
code is 0 if files were written, with --strict only if nothing was left to say.`,
		Example: "  geodns import route53 --out zones records.json checks.json && geodns check",
		Args:    cli.Args(cobra.MinimumNArgs(1)),
	}
	cmd.Flags().StringVar(&in.out, "out", ".", "folder to write to")
	cmd.Flags().BoolVar(&in.force, "force", false, "write over files that exist")
	cmd.Flags().BoolVar(&in.strict, "strict", false, "exit code 1 if anything could not be carried over as it was")
	cmd.RunE = func(cmd *cobra.Command, files []string) error { return in.run(cmd, files) }
	return cmd
}

// importing is what the command line says of an import.
type importing struct {
	out           string
	force, strict bool
}

func (i *importing) run(cmd *cobra.Command, files []string) error {
	var input route53.Input
	var list diag.List
	for _, name := range files {
		data, err := readInput(cmd.InOrStdin(), name)
		if err != nil {
			return err
		}
		list = append(list, input.Read(name, data)...)
	}
	if list.HasErrors() {
		cli.PrintDiags(cmd.ErrOrStderr(), list)
		return cli.ErrTold
	}
	got := input.Convert()
	cli.PrintDiags(cmd.ErrOrStderr(), got.Left)
	if got.Left.HasErrors() {
		return cli.ErrTold
	}
	written := got.Zones
	if len(got.Steering.Data) > 0 {
		written = append(written, got.Steering)
	}
	if err := i.write(written); err != nil {
		return err
	}
	for _, f := range written {
		fmt.Fprintln(cmd.OutOrStdout(), filepath.Join(i.out, f.Name))
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d names steered, %d ordinary records, %d things to look at\n", got.Steered, got.Plain, len(got.Left))
	if i.strict && len(got.Left) > 0 {
		return cli.ErrTold
	}
	return nil
}

// readInput reads a file, or standard input for "-".
func readInput(stdin io.Reader, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(name)
}

// write writes all files, or none if one of them exists.
func (i *importing) write(files []route53.File) error {
	if !i.force {
		for _, f := range files {
			name := filepath.Join(i.out, f.Name)
			if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s exists: another --out, or --force", name)
			}
		}
	}
	if err := os.MkdirAll(i.out, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(i.out, f.Name), f.Data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
