package daemon

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Program is how this process was started, for starting another like it.
type Program struct {
	path string
	args []string
}

// ThisProgram returns how this process was started. It must be asked early:
// once the file has been replaced, the kernel no longer knows its path.
func ThisProgram() (Program, error) {
	path, err := os.Executable()
	if err != nil {
		return Program{}, fmt.Errorf("the path of this program: %w", err)
	}
	return Program{path, os.Args[1:]}, nil
}

// Start starts the file that is now at the program's path, with the arguments
// of this process and one more, and this process's standard error. It returns
// a channel that gets how the new process ended.
func (p Program) Start(flag string) (pid int, ended <-chan error, err error) {
	args := slices.Clone(p.args)
	if !slices.Contains(args, flag) {
		args = append(args, flag)
	}
	cmd := exec.Command(p.path, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "WATCHDOG_PID=") // that is this process
	})
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	return cmd.Process.Pid, done, nil
}
