package floatip

import (
	"context"
	"fmt"
	"time"
)

// Commands is a Provider of an operator's own programs. The instance and the
// address are appended to each.
type Commands struct {
	// Observe exits with 0 if the address is here, 1 if it is elsewhere, and
	// anything else if that is not known.
	ObserveArgv []string
	// Claim asks for the address; Confirm, if any, is run after it until it
	// exits with 0 or its time is up.
	ClaimArgv, ConfirmArgv []string
	Instance, Address      string
	// Run runs a program; it is killed with its process group when ctx ends.
	// text is for the log.
	Run func(ctx context.Context, argv []string) (exit int, text string, err error)
}

// Observe implements [Provider].
func (c *Commands) Observe(ctx context.Context) (Observation, error) {
	exit, text, err := c.run(ctx, c.ObserveArgv)
	switch {
	case err != nil:
		return Observation{}, err
	case exit == 0:
		return Observation{Where: Here}, nil
	case exit == 1:
		return Observation{Where: Elsewhere}, nil
	}
	return Observation{}, fmt.Errorf("%s: %s", c.ObserveArgv[0], text)
}

// Claim implements [Provider].
func (c *Commands) Claim(ctx context.Context) error {
	exit, text, err := c.run(ctx, c.ClaimArgv)
	if err != nil {
		return err
	}
	if exit != 0 {
		return fmt.Errorf("%s: %s", c.ClaimArgv[0], text)
	}
	return c.confirm(ctx)
}

func (c *Commands) confirm(ctx context.Context) error {
	for len(c.ConfirmArgv) > 0 {
		exit, _, err := c.run(ctx, c.ConfirmArgv)
		if err != nil || exit == 0 {
			return err
		}
		sleep(ctx, 200*time.Millisecond)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func (c *Commands) run(ctx context.Context, argv []string) (int, string, error) {
	return c.Run(ctx, append(argv[:len(argv):len(argv)], c.Instance, c.Address))
}
