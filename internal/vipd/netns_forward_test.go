package vipd_test

import (
	"io"
	"net"
	"runtime"
	"testing"

	"github.com/vishvananda/netns"
)

// forward listens inside a node's namespace and passes every connection on to
// an address of ours; it returns where it listens.
func forward(t *testing.T, l *lab, node, to string) string {
	t.Helper()
	ln := make(chan net.Listener, 1)
	go func() {
		runtime.LockOSThread() // and never back: the thread ends with us
		ns, err := netns.GetFromName(l.prefix + node)
		if err == nil {
			err = netns.Set(ns)
		}
		if err != nil {
			t.Error(err)
			close(ln)
			return
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Error(err)
			close(ln)
			return
		}
		ln <- listener
	}()
	listener, ok := <-ln
	if !ok {
		t.FailNow()
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			go pipe(in, to)
		}
	}()
	return listener.Addr().String()
}

func pipe(in net.Conn, to string) {
	defer in.Close()
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer out.Close()
	go func() { io.Copy(out, in); out.Close() }()
	io.Copy(in, out)
}
