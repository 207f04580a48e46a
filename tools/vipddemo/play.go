package main

import (
	"errors"
	"syscall"
	"time"
)

// play is the timeline.
func (d *demo) play() error {
	d.say("node a (priority 150) and node b (priority 100) start; advert_int is 1 s")
	if err := errors.Join(d.run("a", 150), d.run("b", 100)); err != nil {
		return err
	}
	if err := d.until("a has "+vip, func() bool { return has("a") && !has("b") }); err != nil {
		return err
	}
	client, err := newPinger(prefix+"c", vip)
	if err != nil {
		return err
	}
	defer client.close()
	time.Sleep(2 * time.Second)
	d.ask("a", "status")

	d.ask("a", "drain")
	if err := d.until("b has it, a has not", func() bool { return has("b") && !has("a") }); err != nil {
		return err
	}
	d.gap(client, "a planned hand-over")

	d.ask("a", "undrain")
	if err := d.until("a has it again", func() bool { return has("a") && !has("b") }); err != nil {
		return err
	}
	d.gap(client, "coming back")

	d.say("kill -9 of vipd on a; the node itself lives on")
	d.signal("a", syscall.SIGKILL)
	if err := d.until("the kernel has taken the address from a by itself", func() bool { return !has("a") }); err != nil {
		return err
	}
	if err := d.until("b has it", func() bool { return has("b") }); err != nil {
		return err
	}
	d.gap(client, "a crash")
	d.nodes["a"].Wait()
	if err := d.run("a", 150); err != nil {
		return err
	}
	if err := d.until("vipd is back on a", func() bool { return has("a") && !has("b") }); err != nil {
		return err
	}
	time.Sleep(2 * time.Second)
	client.worst()

	d.say("vipd on a hangs (SIGSTOP)")
	d.signal("a", syscall.SIGSTOP)
	if err := d.until("the kernel has taken the address from a by itself", func() bool { return !has("a") }); err != nil {
		return err
	}
	if err := d.until("b has it", func() bool { return has("b") }); err != nil {
		return err
	}
	d.gap(client, "a hang")
	d.signal("a", syscall.SIGCONT)
	if err := d.until("a goes on, and takes it back in good order", func() bool { return has("a") && !has("b") }); err != nil {
		return err
	}
	d.ask("a", "why")
	return nil
}

// gap says how long the client heard nothing.
func (d *demo) gap(c *pinger, of string) {
	time.Sleep(1500 * time.Millisecond)
	d.say("the client lost %v to %s", c.worst().Round(time.Millisecond), of)
}
