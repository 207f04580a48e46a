package vipd_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/geodns-vipd/geodns/internal/vipd"
)

// all returns every instance of a node.
func (n *node) all() []vipd.InstanceStatus {
	out, err := exec.Command(n.binary, "status", "--json", "--control", n.socket).Output()
	var st vipd.Status
	if err != nil || json.Unmarshal(out, &st) != nil {
		return nil
	}
	return st.Instances
}

// dual is a sync group of an IPv4 instance over unicast and an IPv6 one over
// multicast; me and peer are the last bytes of addresses.
func dual(priority, me, peer int, more string) string {
	return fmt.Sprintf(`
vrrp_script chk { script "/usr/bin/test -e %s"
  interval 0.1
  rise 1
  fall 2 }
vrrp_sync_group G {
    group {
        V4
        V6
    }
    track_script { chk }
}
vrrp_instance V4 {
    interface eth0
    version 3
    virtual_router_id 51
    priority %d
    advert_int 0.1
    unicast_src_ip 10.77.0.%d
    unicast_peer { 10.77.0.%d }
    virtual_ipaddress { 10.77.0.100/24 }
    virtual_routes { 192.0.2.0/24 via 10.77.0.200 }
}
vrrp_instance V6 {
    interface eth0
    virtual_router_id 51
    priority %d
    advert_int 0.1
    virtual_ipaddress { 2001:db8::100/64 }
}
`, more, priority, me, peer, priority)
}

func TestSyncGroupOverBothFamilies(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a", "b")
	file := filepath.Join(l.dir, "ok")
	os.WriteFile(file, nil, 0o644)
	a, b := l.start("a", dual(150, 1, 2, file)), l.start("b", dual(100, 2, 1, "/"))
	both := func(n *node) bool { return n.has(n.name, vip) && n.has(n.name, "2001:db8::100") }
	neither := func(n *node) bool { return !n.has(n.name, vip) && !n.has(n.name, "2001:db8::100") }
	l.within(8*time.Second, "a has both", func() bool { return both(a) && neither(b) })
	out, _ := exec.Command("ip", "-n", l.prefix+"a", "route", "show", "192.0.2.0/24").Output()
	if !strings.Contains(string(out), "proto keepalived") {
		t.Errorf("virtual route: %q", out)
	}
	os.Remove(file)
	took := l.within(3*time.Second, "b has both", func() bool { return both(b) && neither(a) })
	t.Logf("b has both %v after the script began to fail", took)
	for _, st := range a.all() {
		if st.State != "FAULT" {
			l.wrong("%s is %s: %s", st.Name, st.State, st.Reason)
		}
	}
	if out, _ := exec.Command("ip", "-n", l.prefix+"a", "route", "show", "192.0.2.0/24").Output(); len(out) > 0 {
		t.Errorf("virtual route stayed: %s", out)
	}
	os.WriteFile(file, nil, 0o644)
	l.within(5*time.Second, "a has both again", func() bool { return both(a) && neither(b) })
}

func TestGroupHooksAndPipe(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a")
	log, fifo := filepath.Join(l.dir, "hooks.log"), filepath.Join(l.dir, "fifo")
	script := filepath.Join(l.dir, "notify.sh")
	os.WriteFile(script, []byte("#!/bin/sh\necho \"$*\" >> "+log+"\n"), 0o755)
	config := strings.Replace(dual(150, 1, 2, "/"), "    track_script { chk }\n", fmt.Sprintf("    notify_master \"%s gm\"\n    notify_stop \"%s gs\"\n    notify %s\n", script, script, script), 1)
	reader, copied := filepath.Join(l.dir, "reader.sh"), filepath.Join(l.dir, "copied")
	os.WriteFile(reader, []byte("#!/bin/sh\nexec cat \"$1\" > "+copied+"\n"), 0o755)
	config = "global_defs {\n vrrp_notify_fifo " + fifo + "2\n vrrp_notify_fifo_script " + reader + "\n notify_fifo " + fifo + " }\n" + config[strings.Index(config, "vrrp_sync_group"):]
	a := l.start("a", config)
	pipe, err := os.OpenFile(fifo, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	l.within(5*time.Second, "the group is master", func() bool {
		got, _ := os.ReadFile(log)
		return strings.Contains(string(got), "gm\nGROUP G MASTER 0\n")
	})
	a.signal(syscall.SIGTERM)
	if err := a.cmd.Wait(); err != nil {
		t.Errorf("vipd ended with %v", err)
	}
	got, _ := os.ReadFile(log)
	if !strings.Contains(string(got), "gs\nGROUP G STOP 0\n") {
		t.Errorf("hooks of the group: %s", got)
	}
	lines, _ := io.ReadAll(pipe)
	for _, want := range []string{
		"INSTANCE \"V4\" BACKUP 150\n", "INSTANCE \"V6\" MASTER 150\n", "GROUP \"G\" MASTER 0\n", "INSTANCE \"V4\" STOP 150\n", "GROUP \"G\" STOP 0\n",
	} {
		if !strings.Contains(string(lines), want) {
			t.Errorf("no %q in the pipe:\n%s", want, lines)
		}
	}
	if got, _ := os.ReadFile(copied); string(got) != string(lines) {
		t.Errorf("the script read\n%s\nof\n%s", got, lines)
	}
}

func TestStaticThingsAndLeftovers(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a")
	l.ip("a", "addr add 10.77.0.100/24 dev eth0")            // left behind by keepalived
	l.ip("a", "route add 198.51.100.0/24 dev eth0 proto 18") // likewise
	static := func(addr string) string {
		return "static_ipaddress { " + addr + " dev eth0 }\nstatic_routes { 192.0.2.0/24 via 10.77.0.9 dev eth0 }\n" + instance(150)
	}
	a := l.start("a", static("10.99.0.1/24"))
	if !strings.Contains(a.log.String(), "left-over address removed") {
		t.Error("the log does not tell of the left-over address")
	}
	routes := func() string {
		out, _ := exec.Command("ip", "-n", l.prefix+"a", "route", "show", "proto", "18").Output()
		return string(out)
	}
	if got := routes(); !strings.Contains(got, "192.0.2.0/24") || strings.Contains(got, "198.51.100.0/24") {
		t.Errorf("routes: %s", got)
	}
	if !l.has("a", "10.99.0.1") {
		t.Error("no static address")
	}
	l.within(3*time.Second, "a is master", a.master)
	a.write(static("10.99.0.2/24"))
	if out, err := a.vipd("reload"); err != nil {
		t.Fatalf("reload: %v: %s", err, out)
	}
	if !l.has("a", "10.99.0.2") || l.has("a", "10.99.0.1") {
		t.Error("the reload did not change the static address")
	}
	a.signal(syscall.SIGTERM)
	a.cmd.Wait()
	if l.has("a", "10.99.0.2") || l.has("a", vip) || routes() != "" {
		t.Errorf("left behind at the end: %s", routes())
	}
}

func TestOnlyAddressIsNeverTakenAway(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a")
	config := filepath.Join(l.dir, "wrong.conf")
	os.WriteFile(config, []byte(strings.Replace(instance(150), vip+"/24", "10.77.0.1/24", 1)), 0o644)
	out, err := exec.Command("ip", "netns", "exec", l.prefix+"a", l.binary, "run", "-f", config, "--control", filepath.Join(l.dir, "s"), "--state", l.dir).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "10.77.0.1 is the only address of eth0") {
		t.Errorf("got %v: %s", err, out)
	}
	if !l.has("a", "10.77.0.1") {
		t.Error("the node lost its address")
	}
}

func TestWrongPasswordIsSaid(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a", "b")
	auth := func(pass string) string { return "authentication {\n auth_type PASS\n auth_pass " + pass + "\n }" }
	v2 := func(priority int, pass string) string {
		s := strings.Replace(instance(priority, auth(pass)), "version 3", "version 2", 1)
		return strings.Replace(s, "advert_int 0.1", "advert_int 1", 1)
	}
	a, _ := l.start("a", v2(150, "right")), l.start("b", v2(100, "wrong"))
	l.within(10*time.Second, "a says whom it does not believe", func() bool {
		out, _ := a.vipd("why")
		return strings.Contains(out, "not believed: 10.77.0.2") && strings.Contains(out, "wrong password")
	})
}

func TestInterfaceThatComesLater(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a")
	config := strings.ReplaceAll(instance(150), "eth0", "late0")
	config = "global_defs { dynamic_interfaces }\n" + config
	a := l.start("a", config)
	l.within(time.Second, "FAULT while there is no interface", func() bool {
		st, _ := a.status()
		return st.State == "FAULT" && strings.Contains(st.Fault, "there is no interface late0")
	})
	l.ip("a", "link add late0 type veth peer name other")
	l.ip("a", "link set other up")
	l.ip("a", "link set late0 up")
	l.ip("a", "addr add 10.77.1.1/24 dev late0")
	l.within(3*time.Second, "MASTER once it is there", func() bool { st, _ := a.status(); return st.State == "MASTER" })
	out, _ := exec.Command("ip", "-n", l.prefix+"a", "-o", "addr", "show", "late0").Output()
	if !strings.Contains(string(out), vip) {
		t.Errorf("no VIP on it: %s", out)
	}
	l.ip("a", "link del late0")
	l.within(2*time.Second, "FAULT when it goes", func() bool { st, _ := a.status(); return st.State == "FAULT" })
}

func TestRemovedAddressIsPutBack(t *testing.T) {
	a, b := pair(t)
	a.ip("a", "addr del 10.77.0.100/24 dev eth0")
	took := a.within(2*time.Second, "somebody has the address", func() bool { return a.master() != b.master() })
	t.Logf("back after %v", took)
	if out, _ := a.vipd("why"); !strings.Contains(out, vip) {
		t.Errorf("why does not tell of it:\n%s", out)
	}
}

func TestSecondVipdIsRefused(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a")
	a := l.start("a", instance(150))
	out, err := exec.Command("ip", "netns", "exec", l.prefix+"a", l.binary, "run", "-f", a.config, "--control", a.socket, "--state", l.dir).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "another vipd answers at") {
		t.Errorf("got %v: %s", err, out)
	}
}

func TestThreadsAreOfRealTimePriorityAndHooksAreNot(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a")
	log, script := filepath.Join(l.dir, "hook.log"), filepath.Join(l.dir, "hook.sh")
	os.WriteFile(script, []byte("#!/bin/sh\nchrt -p $$ >> "+log+"\n"), 0o755)
	a := l.start("a", instance(150, "notify_master "+script))
	l.within(3*time.Second, "a is master", a.master)
	l.within(3*time.Second, "every thread of vipd has real-time priority", func() bool {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", a.cmd.Process.Pid))
		for _, path := range threads {
			tid, _ := strconv.Atoi(filepath.Base(path))
			attr, err := unix.SchedGetAttr(tid, 0)
			if err == nil && attr.Policy != unix.SCHED_RR {
				return false
			}
		}
		return len(threads) > 0
	})
	l.within(3*time.Second, "the hook has none", func() bool {
		got, _ := os.ReadFile(log)
		return strings.Contains(string(got), "SCHED_OTHER")
	})
}
