package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/geodns-vipd/geodns/internal/cli"
	"github.com/geodns-vipd/geodns/internal/control"
	"github.com/geodns-vipd/geodns/internal/geodns"
	"github.com/geodns-vipd/geodns/pkg/answer"
)

func explainCommand() *cobra.Command {
	var f clientFlags
	var req control.ExplainRequest
	cmd := &cobra.Command{
		Use:   "explain NAME [TYPE] --client ADDR[/LEN]",
		Short: "Say how a question is answered, step by step, and why",
		Long: `Say how a question is answered: the client's place, the rules tried, each
site's health and why, the answer, its TTL and its scope. The evaluator is the
one that answers the wire.

With -c (or a geodns.yaml here) it works from files alone, and unknown health
counts as up. With --server it asks a running server, which knows the health.
--down takes a site as failing its checks, for what would happen then.`,
		Example: `  geodns explain www.example.com A --client 2.125.160.1
  geodns explain www.example.com --client 2.125.160.0/24 --down fra --json
  geodns explain www.example.com --client 2001:db8::1 --server http://127.0.0.1:8053`,
		Args: cli.Args(cobra.RangeArgs(1, 2)),
	}
	f.add(cmd)
	cmd.Flags().Lookup("server").Usage = "admin URL of a running server to ask, repeatable (default: work from files)"
	cmd.Flags().StringVar(&req.Client, "client", "", "address or prefix of the client (default: nobody in particular)")
	cmd.Flags().StringArrayVar(&req.Down, "down", nil, "site to take as down, repeatable")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		req.Name = args[0]
		if len(args) == 2 {
			req.Type = args[1]
		}
		out, err := f.explain(cmd, req)
		if err != nil {
			return err
		}
		if f.json {
			return printJSON(cmd.OutOrStdout(), out)
		}
		for _, e := range out {
			printExplanation(cmd.OutOrStdout(), e)
		}
		return nil
	}
	return cmd
}

// explain asks the servers that were named, or works from files.
func (f *clientFlags) explain(cmd *cobra.Command, req control.ExplainRequest) ([]*answer.Explanation, error) {
	if len(f.servers) == 0 {
		e, err := f.explainOffline(cmd, req)
		return []*answer.Explanation{e}, err
	}
	nodes, err := f.ask(cmd.Context(), func(ctx context.Context, c *control.Client) (json.RawMessage, error) {
		return c.Explain(ctx, req)
	})
	if err != nil {
		return nil, err
	}
	var out []*answer.Explanation
	for _, n := range nodes {
		if n.err != nil {
			return nil, fmt.Errorf("%s: %w", n.server, n.err)
		}
		var e answer.Explanation
		if err := json.Unmarshal(n.reply, &e); err != nil {
			return nil, fmt.Errorf("%s: %w", n.server, err)
		}
		out = append(out, &e)
	}
	return out, nil
}

func (f *clientFlags) explainOffline(cmd *cobra.Command, req control.ExplainRequest) (*answer.Explanation, error) {
	loaded, err := loadOrTell(cmd, f.config)
	if err != nil {
		return nil, err
	}
	return geodns.ExplainOffline(loaded, req)
}

// printJSON prints one explanation as an object, several as a list.
func printJSON(w io.Writer, list []*answer.Explanation) error {
	var v any = list
	if len(list) == 1 {
		v = list[0]
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// printExplanation prints an explanation for people.
func printExplanation(w io.Writer, e *answer.Explanation) {
	for _, line := range e.Lines() {
		fmt.Fprintln(w, line)
	}
}
