package querylog

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/geodns-vipd/geodns/internal/stalltest"
	"github.com/geodns-vipd/geodns/pkg/answer"
	"github.com/geodns-vipd/geodns/pkg/querylog"
)

func entry(t testing.TB, name string) *querylog.Entry {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, dns.TypeA)
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return &querylog.Entry{Client: netip.MustParseAddrPort("192.0.2.7:4321"), Query: packet, Reply: packet, Size: len(packet), Outcome: answer.Outcome{Steer: -1, Site: -1}}
}

// running starts a log and returns it with what ends it.
func running(t *testing.T, target string, dnstap bool) (*Log, func()) {
	t.Helper()
	l := New(Config{Target: target, Dnstap: dnstap, Workers: 2, Identity: "ns1", Version: "test", Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { _ = l.Run(ctx); close(ended) }()
	stop := func() { cancel(); <-ended }
	t.Cleanup(stop)
	return l, stop
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func names(t *testing.T, file string) (out []string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var l struct{ Name, Client, RCode string }
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Client != "192.0.2.7" || l.RCode != "NOERROR" {
			t.Fatalf("line %q: %v", line, err)
		}
		out = append(out, l.Name)
	}
	return out
}

func TestAFileIsReopened(t *testing.T) {
	file := filepath.Join(t.TempDir(), "q.json")
	l, stop := running(t, file, false)
	l.Add(0, entry(t, "one.example.com."))
	l.Add(1, entry(t, "two.example.com."))
	await(t, "two entries", func() bool { n, _ := l.Counts(); return n == 2 })
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	l.Reopen()
	await(t, "the file is there again", func() bool { _, err := os.Stat(file); return err == nil })
	l.Add(0, entry(t, "three.example.com."))
	stop()
	if got := names(t, file+".1"); len(got) != 2 || got[0] != "one.example.com." {
		t.Errorf("the old file has %v", got)
	}
	if got := names(t, file); len(got) != 1 || got[0] != "three.example.com." {
		t.Errorf("the new file has %v", got)
	}
}

func TestWhatCannotBeWrittenIsDroppedAndCounted(t *testing.T) {
	l, _ := running(t, filepath.Join(t.TempDir(), "no", "such", "folder"), false)
	for range 2000 {
		l.Add(0, entry(t, "www.example.com."))
	}
	await(t, "2000 dropped", func() bool { w, d := l.Counts(); return w == 0 && d == 2000 })
}

// A reader that accepts and then reads nothing holds up the writer, never a worker.
func TestASlowReaderHoldsNobodyUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	l, _ := running(t, "unix:"+path, false)
	e := entry(t, "www.example.com.")
	const n = 20000
	stall, begin := stalltest.Start(t), time.Now()
	for i := range n {
		l.Add(0, e)
		if i%500 == 0 {
			time.Sleep(15 * time.Millisecond) // the writer keeps up until the socket is full
		}
	}
	if took := time.Since(begin); took > 3*time.Second+stall.Lost() {
		t.Errorf("%d entries took %v", n, took)
	}
	await(t, "all are written or dropped", func() bool { w, d := l.Counts(); return w+d == n && d > 0 })
}

func TestAddAllocatesNothing(t *testing.T) {
	l := New(Config{Workers: 1})
	e := entry(t, "www.example.com.")
	if n := testing.AllocsPerRun(2*ringSize, func() { l.Add(0, e) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if _, dropped := l.Counts(); dropped == 0 {
		t.Error("nothing was dropped by a log that is not run")
	}
}

// readFrame returns the next frame; kind is 0 for data.
func readFrame(t *testing.T, r io.Reader) (kind uint32, data []byte) {
	t.Helper()
	word := func() uint32 {
		var b [4]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			t.Fatal(err)
		}
		return binary.BigEndian.Uint32(b[:])
	}
	n := word()
	control := n == 0
	if control {
		n = word() - 4
		kind = word()
	}
	data = make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		t.Fatal(err)
	}
	return kind, data
}

func TestDnstapOverASocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	l, stop := running(t, "unix:"+path, true)
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	want := append([]byte{0, 0, 0, 1, 0, 0, 0, byte(len(querylog.ContentType))}, querylog.ContentType...)
	if kind, data := readFrame(t, conn); kind != querylog.FrameReady || !bytes.Equal(data, want) {
		t.Fatalf("the first frame is %d %q", kind, data)
	}
	// What a reader sends: ACCEPT with the type of the content.
	accept := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 0}, uint32(4+len(want)))
	accept = append(binary.BigEndian.AppendUint32(accept, querylog.FrameAccept), want...)
	if _, err := conn.Write(accept); err != nil {
		t.Fatal(err)
	}
	if kind, data := readFrame(t, conn); kind != querylog.FrameStart || !bytes.Equal(data, want) {
		t.Fatalf("the second frame is %d %q", kind, data)
	}
	e := entry(t, "www.example.com.")
	l.Add(0, e)
	kind, data := readFrame(t, conn)
	if kind != 0 || !bytes.Contains(data, e.Query) || !bytes.Contains(data, []byte("ns1")) || !bytes.Contains(data, []byte(`"name":"www.example.com."`)) {
		t.Errorf("the entry is %d %q", kind, data)
	}
	go stop()
	if kind, _ := readFrame(t, conn); kind != querylog.FrameStop {
		t.Errorf("the last frame is %d", kind)
	}
}

func TestADnstapFileIsNotContinued(t *testing.T) {
	file := filepath.Join(t.TempDir(), "q.tap")
	for range 2 {
		l, stop := running(t, file, true)
		l.Add(0, entry(t, "www.example.com."))
		await(t, "an entry", func() bool { n, _ := l.Counts(); return n == 1 })
		stop()
	}
	all, _ := filepath.Glob(file + "*")
	if len(all) != 2 {
		t.Fatalf("files %v", all)
	}
	for _, f := range all {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		r := bytes.NewReader(data)
		for i, want := range []uint32{querylog.FrameStart, 0, querylog.FrameStop} {
			if kind, _ := readFrame(t, r); kind != want {
				t.Errorf("%s: frame %d is %d, want %d", f, i, kind, want)
			}
		}
		if r.Len() > 0 {
			t.Errorf("%s: %d octets after the end", f, r.Len())
		}
	}
}
