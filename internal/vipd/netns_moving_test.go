package vipd_test

import (
	"syscall"
	"testing"
	"time"
)

// The way that docs/vipd.md tells: two keepalived become two vipd node by node,
// the backup first, with the files as they are; and one goes back.
func TestMovingFromKeepalivedNodeByNode(t *testing.T) {
	t.Parallel()
	l := newLab(t, "a", "b")
	stopA, stopB := l.keepalived("a", instance(150)), l.keepalived("b", instance(100))
	l.within(8*time.Second, "keepalived on a is master alone", func() bool { return l.has("a", vip) && !l.has("b", vip) })

	stopB()
	b := l.start("b", instance(100))
	b.never(700*time.Millisecond, "the address left a", func() bool { return b.master() || !l.has("a", vip) })

	stopA()
	l.within(4*time.Second, "vipd on b takes over from keepalived", func() bool { return b.master() && !l.has("a", vip) })
	a := l.start("a", instance(150))
	l.settled(a, b)

	a.signal(syscall.SIGTERM)
	l.within(4*time.Second, "b has it while a goes back to keepalived", func() bool { return b.master() && !a.master() })
	l.keepalived("a", instance(150))
	l.within(8*time.Second, "keepalived on a preempts vipd", func() bool { return l.has("a", vip) && !b.master() })
}
