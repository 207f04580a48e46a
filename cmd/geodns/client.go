package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/internal/control"
	"github.com/geodns-vipd/geodns/internal/state"
)

// clientFlags are what every command that talks to a running server takes.
type clientFlags struct {
	config    string
	servers   []string
	tokenFile string
	json      bool
}

func (f *clientFlags) add(cmd *cobra.Command) {
	configFlag(cmd, &f.config)
	f.addServer(cmd)
}

// addServer adds the flags that say whom to ask and how the reply is printed.
func (f *clientFlags) addServer(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.servers, "server", nil, "admin URL of a running server, or unix: and the path of its socket; repeatable (default: servers of the configuration, else the socket in its state folder)")
	cmd.Flags().StringVar(&f.tokenFile, "token-file", "", "file with the bearer token")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
}

// node is one server with what it answered.
type node struct {
	server string
	reply  json.RawMessage
	err    error
}

// ask calls all servers at the same time and returns the replies in their order.
func (f *clientFlags) ask(ctx context.Context, call func(context.Context, *control.Client) (json.RawMessage, error)) ([]node, error) {
	servers, err := f.targets()
	if err != nil {
		return nil, err
	}
	token, err := f.token()
	if err != nil {
		return nil, err
	}
	nodes := make([]node, len(servers))
	var wg sync.WaitGroup
	for i, s := range servers {
		wg.Go(func() {
			reply, err := call(ctx, &control.Client{Server: s, Token: token})
			nodes[i] = node{s, reply, err}
		})
	}
	wg.Wait()
	return nodes, nil
}

// targets returns the servers to call.
func (f *clientFlags) targets() ([]string, error) {
	if len(f.servers) > 0 {
		out := make([]string, len(f.servers))
		for i, s := range f.servers {
			if strings.HasPrefix(s, "unix:") {
				out[i] = s
				continue
			}
			u, err := config.ServerURL(s)
			if err != nil {
				return nil, fmt.Errorf("--server %s: %w", s, err)
			}
			out[i] = u
		}
		return out, nil
	}
	cfg, list := config.Load(f.config, nil)
	if err := list.Err(); err != nil {
		return nil, err
	}
	if len(cfg.Servers) > 0 {
		return cfg.Servers, nil
	}
	return []string{"unix:" + state.Socket(cfg.State)}, nil
}

func (f *clientFlags) token() (string, error) {
	if f.tokenFile == "" {
		return "", nil
	}
	data, err := os.ReadFile(f.tokenFile)
	return strings.TrimSpace(string(data)), err
}
