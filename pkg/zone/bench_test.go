package zone

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"testing/fstest"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// bigZone returns the text of a zone of about n records of the usual kinds.
func bigZone(n int) []byte {
	var b bytes.Buffer
	b.WriteString(verdictHead)
	for i := 0; b.Len() == 0 || i < n; i++ {
		switch i % 8 {
		case 0, 1, 2:
			fmt.Fprintf(&b, "host%d\t300\tIN\tA\t192.0.%d.%d\n", i/2, i>>8&255, i&255)
		case 3:
			fmt.Fprintf(&b, "host%d\tAAAA\t2001:db8::%x:%x\n", i/2, i>>16, i&0xffff)
		case 4:
			fmt.Fprintf(&b, "alias%d\tCNAME\thost%d\n", i, i/2)
		case 5:
			fmt.Fprintf(&b, "mail%d\tMX\t10 ns1\n", i)
		case 6:
			fmt.Fprintf(&b, "\tTXT\t\"v=spf1 include:spf.example.net -all\" ; %d\n", i)
		case 7:
			fmt.Fprintf(&b, "sub%d\tNS\tns%d.example.net.\n", i, i&7)
		}
	}
	return b.Bytes()
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			if n > 100_000 && testing.Short() {
				b.Skip()
			}
			fsys := fstest.MapFS{"z": {Data: bigZone(n)}}
			origin := exampleCom(b)
			b.ReportAllocs()
			for b.Loop() {
				z, list := Load(fsys, "z", origin, Options{})
				if z == nil {
					b.Fatal(list[0])
				}
				runtime.KeepAlive(z)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
		})
	}
}

// TestMemoryOfALargeZone guards what a record costs while it is served.
func TestMemoryOfALargeZone(t *testing.T) {
	const n = 100_000
	fsys := fstest.MapFS{"z": {Data: bigZone(n)}}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	z, list := Load(fsys, "z", exampleCom(t), Options{})
	if z == nil {
		t.Fatal(list[0])
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / n
	t.Logf("%d octets for each record", each)
	if each > 150 {
		t.Errorf("%d octets for each record, want at most 150", each)
	}
	runtime.KeepAlive(z)
	runtime.KeepAlive(fsys)
}

func mustWire(t testing.TB, name string) []byte {
	t.Helper()
	n, err := dnswire.ParseName(name)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(n)
}
