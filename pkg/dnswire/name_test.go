package dnswire

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestParseName(t *testing.T) {
	long := strings.Repeat("a", 63)
	for _, row := range []struct {
		text string
		want Name
		back string // what String makes of it
	}{
		{".", "\x00", "."},
		{"com", "\x03com\x00", "com."},
		{"www.example.com.", "\x03www\x07example\x03com\x00", "www.example.com."},
		{"WWW.Example.COM", "\x03www\x07example\x03com\x00", "www.example.com."},
		{`*.example`, "\x01*\x07example\x00", "*.example."},
		{`a\.b.c`, "\x03a.b\x01c\x00", `a\.b.c.`},
		{`a\\.b`, "\x02a\\\x01b\x00", `a\\.b.`},
		{`\065b.c`, "\x02ab\x01c\x00", "ab.c."},
		{`\000\255\032.c`, "\x03\x00\xff \x01c\x00", `\000\255\032.c.`},
		{`\A\;\".c`, "\x03a;\"\x01c\x00", `a\;\".c.`},
		{`0/25.2.0.192.in-addr.arpa`, "\x040/25\x012\x010\x03192\x07in-addr\x04arpa\x00", "0/25.2.0.192.in-addr.arpa."},
		{"müll", "\x05m\xc3\xbcll\x00", `m\195\188ll.`},
		{long + ".b", "\x3f" + Name(long) + "\x01b\x00", long + ".b."},
	} {
		got, err := ParseName(row.text)
		if err != nil || got != row.want {
			t.Errorf("ParseName(%q): got %q, %v, want %q", row.text, got, err, row.want)
		}
		if s := got.String(); s != row.back {
			t.Errorf("%q in text: got %q, want %q", row.text, s, row.back)
		}
	}
}

func TestParseNameRefuses(t *testing.T) {
	label := strings.Repeat("a", 63)
	for text, want := range map[string]error{
		"":                         errEmptyName,
		"..":                       errEmptyLabel,
		".com":                     errEmptyLabel,
		"www..com":                 errEmptyLabel,
		"com..":                    errEmptyLabel,
		`a\`:                       errEscape,
		`a\.b\`:                    errEscape,
		`\25`:                      errEscape,
		`\256.com`:                 errEscape,
		`\12x`:                     errEscape,
		label + "a.com":            errLongLabel,
		strings.Repeat(`\097`, 64): errLongLabel,
		strings.Repeat("a.", 128):  errLongName,
		label + "." + label + "." + label + "." + label[:62]: errLongName,
	} {
		if got, err := ParseName(text); !errors.Is(err, want) {
			t.Errorf("ParseName(%q): got %q, %v, want error %q", text, got, err, want)
		}
	}
}

func TestLongestNamesAreAccepted(t *testing.T) {
	label := strings.Repeat("a", 63)
	for _, text := range []string{
		label + "." + label + "." + label + "." + label[:61],
		label + "." + label + "." + label + "." + label[:61] + ".",
		strings.Repeat("a.", 127),
		strings.Repeat("a.", 126) + "a",
	} {
		if n, err := ParseName(text); err != nil || len(n) != MaxName {
			t.Errorf("ParseName(%q): %d octets, %v, want %d", text, len(n), err, MaxName)
		}
	}
}

func TestNameParts(t *testing.T) {
	for _, row := range []struct {
		name   string
		labels int
		parent string
	}{
		{".", 0, "."},
		{"com.", 1, "."},
		{"www.example.com.", 3, "example.com."},
		{`a\.b.com.`, 2, "com."},
	} {
		n, err := ParseName(row.name)
		if err != nil {
			t.Fatal(err)
		}
		if got := n.NumLabels(); got != row.labels {
			t.Errorf("%s has %d labels, want %d", n, got, row.labels)
		}
		if got := n.Parent().String(); got != row.parent {
			t.Errorf("the parent of %s is %s, want %s", n, got, row.parent)
		}
	}
}

func TestIsSubdomainOf(t *testing.T) {
	for _, row := range []struct {
		name, zone string
		want       bool
	}{
		{"www.example.com", "example.com", true},
		{"example.com", "example.com", true},
		{"example.com", ".", true},
		{".", ".", true},
		{".", "com", false},
		{"example.com", "www.example.com", false},
		{"badexample.com", "example.com", false},
		{"www.example.org", "example.com", false},
		// The octets at the end are those of the zone, but inside a label.
		{`x\007example\003com`, "example.com", false},
		{`x\007example.com`, "example.com", false},
		{`a.b\001c`, "c", false},
	} {
		name, err1 := ParseName(row.name)
		zone, err2 := ParseName(row.zone)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if got := name.IsSubdomainOf(zone); got != row.want {
			t.Errorf("%s in %s: got %v, want %v", name, zone, got, row.want)
		}
	}
}

// What is no name at all must not hang or panic.
func TestBrokenNamesAreHarmless(t *testing.T) {
	for _, n := range []Name{"", "\x03", "\x03ww", "\x3fa", "\x05a\x00"} {
		_, _, _ = n.String(), n.NumLabels(), n.Parent()
		_ = n.IsSubdomainOf("\x01a\x00")
		_ = n.IsSubdomainOf(n)
		if _, err := NameOf([]byte(n)); err == nil {
			t.Errorf("NameOf took %q", n)
		}
	}
}

func TestNameOf(t *testing.T) {
	got, err := NameOf([]byte("\x03WwW\x07eXAMPLE\x00"))
	if want := Name("\x03www\x07example\x00"); err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if _, err := NameOf([]byte("\x03www\x00\x00")); err == nil {
		t.Error("an octet after the name was accepted")
	}
}

func TestAppendLowerFoldsLettersOfASCIIOnly(t *testing.T) {
	var all []byte
	for c := range 256 {
		all = append(all, byte(c))
	}
	got := AppendLower([]byte("A"), all)
	want := []byte("A")
	for _, c := range all {
		if c >= 'A' && c <= 'Z' {
			c += 32
		}
		want = append(want, c)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %x", got)
	}
}

// randomName returns a name in wire form with labels of a small alphabet, so that
// names often share an end.
func randomName(r *rand.Rand) []byte {
	var name []byte
	for range r.IntN(5) {
		size := 1 + r.IntN(3)
		name = append(name, byte(size))
		for range size {
			name = append(name, "abAB.\\\x00\xff"[r.IntN(8)])
		}
	}
	return append(name, 0)
}

// miekg/dns is the oracle of the text form: it must read what String writes.
func TestNamesInTextAreReadBackByMiekg(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		name := randomName(r)
		text := FormatName(name)
		buf := make([]byte, MaxName)
		end, err := dns.PackDomainName(text, buf, 0, nil, false)
		if err != nil || !bytes.Equal(buf[:end], name) {
			t.Fatalf("%x became %q and then %x, %v", name, text, buf[:end], err)
		}
		back, err := ParseName(text)
		if want := Name(AppendLower(nil, name)); err != nil || back != want {
			t.Fatalf("%q: ParseName gave %q, %v, want %q", text, back, err, want)
		}
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{".", "www.example.com.", `a\.b\000\255`, `\`, "..", strings.Repeat("a.", 128)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseName(text)
		if err != nil {
			return
		}
		if size, ok := NameLen([]byte(n)); !ok || size != len(n) {
			t.Fatalf("ParseName(%q) gave %q, which is no name", text, n)
		}
		if back, err := ParseName(n.String()); err != nil || back != n {
			t.Fatalf("%q: %q in text is %q, and that is %q, %v", text, n, n.String(), back, err)
		}
		if !n.IsSubdomainOf(n.Parent()) || n.NumLabels() != dns.CountLabel(n.String()) {
			t.Fatalf("%q: parts of %q are wrong", text, n)
		}
	})
}
