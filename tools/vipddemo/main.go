// Command vipddemo shows vipd at work: two nodes in network namespaces, and a
// client that pings their virtual address a hundred times a second while the
// master is drained, killed and hung. It needs root, touches nothing outside
// its own namespaces, and takes about 20 seconds.
//
//	vipddemo PATH-OF-VIPD
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	vip    = "10.77.0.100"
	prefix = "vipddemo-"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: vipddemo PATH-OF-VIPD")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "vipddemo:", err)
		os.Exit(1)
	}
}

func run(vipd string) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("network namespaces need root")
	}
	dir, err := os.MkdirTemp("", "vipddemo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	defer removeNetwork()
	if err := makeNetwork(); err != nil {
		return err
	}
	d := &demo{vipd: vipd, dir: dir, start: time.Now()}
	defer d.stopAll()
	return d.play()
}

// makeNetwork makes a bridge with nodes a and b and a client c.
func makeNetwork() error {
	removeNetwork()
	lines := []string{
		"netns add %ss", "-n %ss link add br0 type bridge mcast_snooping 0", "-n %ss link set br0 up",
	}
	for i, n := range []string{"a", "b", "c"} {
		lines = append(lines, "netns add %s"+n, "-n %s"+n+" link set lo up",
			"-n %s"+n+" link add eth0 type veth peer name p"+n+" netns %ss", "-n %ss link set p"+n+" master br0 up",
			fmt.Sprintf("-n %%s%s addr add 10.77.0.%d/24 dev eth0", n, i+1), "-n %s"+n+" link set eth0 up")
	}
	for _, l := range lines {
		args := strings.Fields(strings.ReplaceAll(l, "%s", prefix))
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

func removeNetwork() {
	for _, n := range []string{"a", "b", "c", "s"} {
		exec.Command("ip", "netns", "del", prefix+n).Run() // there may be none
	}
}

// demo is the stage.
type demo struct {
	vipd, dir string
	start     time.Time
	nodes     map[string]*exec.Cmd
}

func (d *demo) say(format string, args ...any) {
	fmt.Printf("%6.2f s  %s\n", time.Since(d.start).Seconds(), fmt.Sprintf(format, args...))
}

func (d *demo) socket(n string) string { return filepath.Join(d.dir, n+".sock") }

// run starts vipd on a node.
func (d *demo) run(n string, priority int) error {
	config := filepath.Join(d.dir, n+".conf")
	text := fmt.Sprintf(`vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    version 3
    virtual_router_id 50
    priority %d
    advert_int 1
    virtual_ipaddress { %s/24 }
}
`, priority, vip)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(d.dir, n+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("ip", "netns", "exec", prefix+n, d.vipd, "run", "-f", config, "--control", d.socket(n), "--state", filepath.Join(d.dir, n+".state"))
	cmd.Stdout, cmd.Stderr = log, log
	if d.nodes == nil {
		d.nodes = map[string]*exec.Cmd{}
	}
	d.nodes[n] = cmd
	return cmd.Start()
}

func (d *demo) signal(n string, s syscall.Signal) { d.nodes[n].Process.Signal(s) }

func (d *demo) stopAll() {
	for _, cmd := range d.nodes {
		cmd.Process.Signal(syscall.SIGCONT)
		cmd.Process.Kill()
		cmd.Wait()
	}
}

// has reports whether a node has the virtual address.
func has(n string) bool {
	out, _ := exec.Command("ip", "-n", prefix+n, "-o", "addr", "show", "eth0").Output()
	return strings.Contains(string(out), " "+vip+"/")
}

// until waits for something, and says it.
func (d *demo) until(what string, so func() bool) error {
	for end := time.Now().Add(15 * time.Second); !so(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("this never happened: %s", what)
		}
	}
	d.say("%s", what)
	return nil
}

func (d *demo) ask(n string, args ...string) {
	out, err := exec.Command(d.vipd, append(args, "--control", d.socket(n))...).CombinedOutput()
	d.say("$ vipd %s   (on %s)", strings.Join(args, " "), n)
	for line := range strings.Lines(string(out)) {
		fmt.Printf("           %s", line)
	}
	if err != nil {
		d.say("it failed: %v", err)
	}
}
