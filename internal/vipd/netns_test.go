package vipd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestStopHandsOverWithinMilliseconds(t *testing.T) {
	a, b := pair(t)
	a.signal(syscall.SIGTERM)
	took := a.within(time.Second, "b takes over", b.master)
	if a.has("a", vip) {
		t.Error("a still has the address")
	}
	if err := a.cmd.Wait(); err != nil {
		t.Errorf("vipd ended with %v", err)
	}
	t.Logf("b has the address %v after SIGTERM", took)
	if !strings.Contains(b.log.String(), "cause=handover") {
		a.wrong("b did not take over by hand-over")
	}
}

func TestKilledMasterLosesItsAddress(t *testing.T) {
	a, b := pair(t)
	a.signal(syscall.SIGKILL)
	took := a.within(time.Second, "b takes over", b.master)
	gone := a.within(2500*time.Millisecond, "the kernel removes the address from a", func() bool { return !a.has("a", vip) })
	t.Logf("b after %v, a without it after %v", took, took+gone)
	if !a.has("a", "10.77.0.1") {
		t.Error("a lost its own address too")
	}
	a.run() // and comes back
	a.within(5*time.Second, "a preempts", func() bool { return a.master() && !b.master() })
}

func TestStoppedProcessLosesItsAddressAndNeverBringsItBack(t *testing.T) {
	a, b := pair(t)
	a.signal(syscall.SIGSTOP)
	a.within(time.Second, "b takes over", b.master)
	a.within(2500*time.Millisecond, "the kernel removes the address from a", func() bool { return !a.has("a", vip) })
	time.Sleep(500 * time.Millisecond)
	// b wins while a sleeps, by priority: a must see that before it acts.
	b.write(instance(200))
	if out, err := b.vipd("reload"); err != nil {
		t.Fatalf("reload: %v: %s", err, out)
	}
	time.Sleep(300 * time.Millisecond)
	a.signal(syscall.SIGCONT)
	a.never(time.Second, "a took the address back from a better master", func() bool { return a.has("a", vip) })
	st, _ := a.status()
	if st.State != "BACKUP" {
		a.wrong("a is %s, want BACKUP", st.State)
	}
}

func TestLinkLoss(t *testing.T) {
	a, b := pair(t)
	a.ip("s", "link set pa down")
	a.within(time.Second, "b takes over", b.master)
	a.within(time.Second, "a is in FAULT", func() bool { st, _ := a.status(); return st.State == "FAULT" && !a.master() })
	if st, _ := a.status(); !strings.Contains(st.Fault, "eth0 has no carrier") {
		t.Errorf("fault %q", st.Fault)
	}
	a.ip("s", "link set pa up")
	a.within(5*time.Second, "a preempts", func() bool { return a.master() && !b.master() })
}

func TestNoPreempt(t *testing.T) {
	a, b := pair(t, "nopreempt")
	a.signal(syscall.SIGKILL)
	a.within(time.Second, "b takes over", b.master)
	time.Sleep(2500 * time.Millisecond)
	a.run()
	a.never(1500*time.Millisecond, "a preempted", func() bool { return a.has("a", vip) })
	if !b.master() {
		a.wrong("b lost the address")
	}
}

func TestTrackedProcessAndHooks(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a", "b")
	log := filepath.Join(l.dir, "notify.log")
	script := filepath.Join(l.dir, "notify.sh")
	os.WriteFile(script, []byte("#!/bin/sh\necho \"$@\" \"$SECRET\" \"$VIPD_STATE\" >> "+log+"\n"), 0o755)
	daemon := exec.Command("sleep", "3600")
	daemon.Args[0] = "service-" + l.prefix
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { daemon.Process.Kill(); daemon.Wait() }()
	more := "track_process { service }\n notify " + script
	process := "vrrp_track_process service { process service-" + l.prefix + " 3600\n param_match\n weight 0 }\n"
	a, b := l.start("a", process+instance(150, more)), l.start("b", instance(100))
	l.settled(a, b)
	daemon.Process.Kill()
	daemon.Wait()
	took := l.within(time.Second, "b takes over", b.master)
	t.Logf("b has the address %v after the process ended", took)
	l.within(2*time.Second, "hooks ran in order", func() bool {
		got, _ := os.ReadFile(log)
		return string(got) == "INSTANCE VI_1 BACKUP 150  BACKUP\nINSTANCE VI_1 MASTER 150  MASTER\nINSTANCE VI_1 FAULT 150  FAULT\n"
	})
}

func TestDrainOutlivesARestart(t *testing.T) {
	a, b := pair(t)
	out, err := a.vipd("drain")
	if err != nil || !strings.Contains(out, "handed over to 10.77.0.2") {
		a.wrong("drain: %v: %s", err, out)
		t.FailNow()
	}
	a.within(time.Second, "b takes over", b.master)
	if out, err := b.vipd("drain"); err == nil {
		a.wrong("b could be drained with nobody left: %s", out)
	}
	a.signal(syscall.SIGTERM)
	a.cmd.Wait()
	a.run()
	a.never(time.Second, "a drained node took over", func() bool { return a.has("a", vip) })
	if st, _ := a.status(); !st.Drained || st.State != "BACKUP" {
		a.wrong("state %s, drained %v", st.State, st.Drained)
	}
	if out, err := a.vipd("undrain"); err != nil {
		a.wrong("undrain: %v: %s", err, out)
	}
	a.within(5*time.Second, "a preempts", a.master)
}

func TestReload(t *testing.T) {
	a, b := pair(t)
	since := func() time.Time { st, _ := a.status(); return st.Since }
	before := since()
	a.write(instance(150) + "nonsense {\n")
	if out, err := a.vipd("reload"); err == nil || !strings.Contains(out, "a.conf:") {
		t.Errorf("a file with a mistake was taken: %v: %s", err, out)
	}
	a.write("# a comment moves every line\n\n" + instance(150))
	if out, err := a.vipd("reload"); err != nil {
		t.Fatalf("reload: %v: %s", err, out)
	}
	if d := since().Sub(before).Abs(); d > 5*time.Millisecond {
		t.Errorf("an unchanged instance was touched: since moved by %v", d)
	}
	a.write(strings.Replace(instance(150), "{ 10.77.0.100/24 }", "{\n10.77.0.100/24\n10.77.0.101/24\n}", 1))
	if out, err := a.vipd("reload"); err != nil {
		t.Fatalf("reload: %v: %s", err, out)
	}
	a.within(time.Second, "the new address is added", func() bool { return a.has("a", "10.77.0.101") && a.master() })
	a.write(instance(90))
	if out, err := a.vipd("reload"); err != nil {
		t.Fatalf("reload: %v: %s", err, out)
	}
	a.within(500*time.Millisecond, "b takes over from a master of lower priority", func() bool { return b.master() && !a.master() })
	if a.has("a", "10.77.0.101") {
		t.Error("an address that is no longer configured stayed")
	}
}

// neighbour returns the link address at which a node believes the VIP, having
// sent something there.
func (l *lab) neighbour(n string) string {
	exec.Command("ip", "netns", "exec", l.prefix+n, "bash", "-c", "echo > /dev/udp/"+vip+"/9").Run()
	out, _ := exec.Command("ip", "-n", l.prefix+n, "neigh", "show", vip).Output()
	_, mac, _ := strings.Cut(string(out), "lladdr ")
	mac, _, _ = strings.Cut(mac, " ")
	return mac
}

func (l *lab) mac(n string) string {
	out, _ := exec.Command("ip", "netns", "exec", l.prefix+n, "cat", "/sys/class/net/eth0/address").Output()
	return strings.TrimSpace(string(out))
}

func TestHealAnnouncesAndLeavesOneMaster(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a", "b", "c")
	a, b := l.start("a", instance(150)), l.start("b", instance(100))
	l.settled(a, b)
	// Only what a and b say to each other is cut: c reaches both.
	l.ip("s", "link set pb type bridge_slave isolated on")
	l.ip("s", "link set pa type bridge_slave isolated on")
	l.within(2*time.Second, "both are master", func() bool { return a.master() && b.master() })
	l.within(2*time.Second, "c sends to b", func() bool { return l.neighbour("c") == l.mac("b") })
	l.ip("s", "link set pb type bridge_slave isolated off")
	l.ip("s", "link set pa type bridge_slave isolated off")
	healed := time.Now()
	l.within(time.Second, "b gives way", func() bool { return a.master() && !b.master() })
	l.within(time.Second, "c sends to a", func() bool { return l.neighbour("c") == l.mac("a") })
	t.Logf("healed within %v", time.Since(healed))
}

// keepalived starts the real one on a node, stopped at the end of the test or
// by the function that it returns.
func (l *lab) keepalived(n, config string) (stop func()) {
	l.t.Helper()
	path, err := exec.LookPath("keepalived")
	if err != nil {
		l.t.Skip("keepalived is not installed")
	}
	file := filepath.Join(l.dir, n+"-keepalived.conf")
	os.WriteFile(file, []byte(config), 0o644)
	k := exec.Command("ip", "netns", "exec", l.prefix+n, path, "-n", "-l", "-P", "-f", file,
		"-p", filepath.Join(l.dir, n+".pid"), "-r", filepath.Join(l.dir, n+"-vrrp.pid"))
	out := &safeBuffer{}
	k.Stdout, k.Stderr = out, out
	if err := k.Start(); err != nil {
		l.t.Fatal(err)
	}
	stop = sync.OnceFunc(func() { k.Process.Signal(syscall.SIGTERM); k.Wait() })
	l.t.Cleanup(func() {
		stop()
		if l.t.Failed() {
			l.t.Logf("keepalived:\n%s", out)
		}
	})
	return stop
}

func TestWithKeepalived(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a", "k")
	l.keepalived("k", instance(100))
	l.within(5*time.Second, "keepalived is master alone", func() bool { return l.has("k", vip) })
	a := l.start("a", instance(150))
	l.within(5*time.Second, "vipd preempts", func() bool { return a.master() && !l.has("k", vip) })
	a.never(time.Second, "keepalived took the address", func() bool { return l.has("k", vip) })
	out, err := a.vipd("drain")
	if err != nil || !strings.Contains(out, "successor unknown") {
		a.wrong("drain: %v: %s", err, out)
	}
	l.within(2*time.Second, "keepalived takes over", func() bool { return l.has("k", vip) && !a.master() })
}

func TestWithKeepalivedOverUnicastWithPassword(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a", "k")
	config := func(priority int, me, peer string) string {
		s := strings.Replace(instance(priority, "unicast_src_ip "+me, "unicast_peer {\n "+peer+"\n }",
			"authentication {\n auth_type PASS\n auth_pass 5678\n }"), "version 3", "version 2", 1)
		return strings.Replace(s, "advert_int 0.1", "advert_int 1", 1)
	}
	a := l.start("a", config(100, "10.77.0.1", "10.77.0.2"))
	l.keepalived("k", config(150, "10.77.0.2", "10.77.0.1"))
	l.within(8*time.Second, "keepalived is master, vipd hears it", func() bool {
		st, _ := a.status()
		return l.has("k", vip) && !a.master() && st.Master != nil && *st.Master == "10.77.0.2"
	})
	if st, _ := a.status(); len(st.Refused) > 0 {
		t.Errorf("refused: %+v", st.Refused)
	}
	a.write(config(200, "10.77.0.1", "10.77.0.2"))
	if out, err := a.vipd("reload"); err != nil {
		t.Fatalf("reload: %v: %s", err, out)
	}
	l.within(6*time.Second, "vipd preempts by its new priority", func() bool { return a.master() && !l.has("k", vip) })
	a.signal(syscall.SIGTERM)
	l.within(2*time.Second, "keepalived takes over when vipd ends", func() bool { return l.has("k", vip) })
}
