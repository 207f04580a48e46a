package zone

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/geodns-vipd/geodns/internal/goldentest"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

var checkers = flag.Bool("checkers", false, "run BIND's, Knot's and NSD's checkers over all cases")

// verdict is one case of testdata/verdicts.txt.
type verdict struct {
	name  string
	text  string // as in the transcript
	zone  string // what it stands for
	found string // "ok" or "error", and the findings
}

const verdictHead = `$TTL 300
@ SOA ns1 hostmaster 1 3600 600 604800 300
@ NS ns1
ns1 A 192.0.2.53
`

// readVerdicts returns the preamble of the transcript and its cases. In the text
// of a zone "%head" stands for the usual beginning, %r for CR, %0 for NUL, %bom
// for the byte order mark, and %c takes away the end of its line.
func readVerdicts(t *testing.T) (preamble string, cases []verdict) {
	t.Helper()
	data, err := os.ReadFile("testdata/verdicts.txt")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(data), "=== ")
	for _, p := range parts[1:] {
		name, rest, _ := strings.Cut(p, "\n")
		text, found, _ := strings.Cut(rest, "--- ")
		zone := strings.NewReplacer("%head\n", verdictHead, "%r", "\r", "%0", "\x00", "%bom", "\ufeff", "%c\n", "").Replace(text)
		cases = append(cases, verdict{name, text, zone, found})
	}
	return parts[0], cases
}

func exampleCom(t testing.TB) dnswire.Name {
	t.Helper()
	name, err := dnswire.ParseName("example.com")
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// found returns what Load finds, in the form of the transcript.
func found(t *testing.T, v verdict) string {
	fsys := fstest.MapFS{v.name + ".zone": {Data: []byte(v.zone)}}
	z, list := Load(fsys, v.name+".zone", exampleCom(t), Options{Display: "z"})
	var b strings.Builder
	b.WriteString("ok\n")
	if z == nil {
		b.Reset()
		b.WriteString("error\n")
	}
	if (z == nil) != list.HasErrors() {
		t.Errorf("%s: zone nil is %t, but errors are %t", v.name, z == nil, list.HasErrors())
	}
	for _, d := range list {
		fmt.Fprintln(&b, d)
	}
	return b.String()
}

// TestFindings holds what is said about each zone of the transcript.
func TestFindings(t *testing.T) {
	preamble, cases := readVerdicts(t)
	var out bytes.Buffer
	out.WriteString(preamble)
	for _, v := range cases {
		got := found(t, v)
		if got != v.found && !goldentest.Updating() {
			t.Errorf("%s:\n%s\ngot:\n%s\nwant:\n%s", v.name, v.zone, got, v.found)
		}
		fmt.Fprintf(&out, "=== %s\n%s--- %s", v.name, v.text, got)
	}
	if goldentest.Updating() {
		goldentest.Compare(t, "testdata/verdicts.txt", "", out.String())
	}
}

// generate is why NSD and Knot refuse what they do not know.
const generate = "$GENERATE is BIND's; Knot and NSD do not have it"

// differs are the cases in which this package departs from most of BIND, Knot and
// NSD, and why.
var differs = map[string]string{
	"apex_ns_cname": "an NS that points to a CNAME is a warning wherever it is; NSD agrees",
	"atrel":         "@ within a name is a character, as in BIND",
	"badesc":        `\999 is no octet; Knot and NSD take some other`,
	"bom":           "editors write byte order marks",
	"gen0":          "TYPE65400 is STEER here, which needs a policy",
	"gpos":          "a type that only BIND and miekg/dns know",
	"hip":           "a type that only BIND and miekg/dns know",
	"nottl_firstns": "TTLs are settled as by BIND",
	"origin_rel":    "a relative $ORIGIN is read as by BIND",
	"type255":       "TYPE255 is ANY, which no zone holds",
	"wks":           "WKS is read in the generic form only",
	"gen_dd":        generate,
	"gen_esc":       generate,
	"gen_mx":        generate,
	"gen_neg":       generate,
	"gen_neg2":      generate,
	"gen_nib":       generate,
	"gen_ok":        generate,
	"gen_soa":       generate,
	"gen_step":      generate,
}

// TestVerdictsAgreeWithBINDKnotAndNSD compares with what the three checkers say,
// as kept in testdata/checkers.txt: what most of them refuse is refused here.
func TestVerdictsAgreeWithBINDKnotAndNSD(t *testing.T) {
	_, cases := readVerdicts(t)
	if len(cases) < 150 {
		t.Errorf("%d cases, want at least 150", len(cases))
	}
	kept := readCheckers(t)
	for _, v := range cases {
		said, ok := kept[v.name]
		if !ok {
			t.Errorf("%s: not in checkers.txt; run the test with -update -checkers", v.name)
			continue
		}
		ours := strings.HasPrefix(found(t, v), "error")
		refusals := strings.Count(said, "error")
		if _, known := differs[v.name]; (ours != (refusals >= 2)) != known {
			t.Errorf("%s: refused here: %t; BIND, Knot, NSD: %s\n%s", v.name, ours, said, v.zone)
		}
	}
}

// TestCheckersSayWhatIsKept runs the checkers themselves, over every sixteenth case
// unless -checkers is given: they are a thousand processes.
func TestCheckersSayWhatIsKept(t *testing.T) {
	for _, tool := range []string{"named-checkzone", "kzonecheck", "nsd-checkzone"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	if testing.Short() {
		t.Skip("starts many processes")
	}
	_, cases := readVerdicts(t)
	kept := readCheckers(t)
	var out bytes.Buffer
	for i, v := range cases {
		if !*checkers && i%16 != 0 {
			continue
		}
		said := theirs(t, v)
		fmt.Fprintf(&out, "%-28s %s\n", v.name, said)
		if said != kept[v.name] && !goldentest.Updating() {
			t.Errorf("%s: BIND, Knot and NSD say %s, kept is %s", v.name, said, kept[v.name])
		}
	}
	if goldentest.Updating() && *checkers {
		if err := os.WriteFile("testdata/checkers.txt", out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// readCheckers returns the verdicts of BIND, Knot and NSD by case.
func readCheckers(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile("testdata/checkers.txt")
	if err != nil && !goldentest.Updating() {
		t.Fatal(err)
	}
	kept := map[string]string{}
	for line := range strings.Lines(string(data)) {
		name, said, _ := strings.Cut(line, " ")
		kept[name] = strings.TrimSpace(said)
	}
	return kept
}

// theirs returns what BIND, Knot and NSD say of a zone. A crash counts as
// refusal.
func theirs(t *testing.T, v verdict) string {
	dir := t.TempDir()
	file := filepath.Join(dir, v.name+".zone")
	if err := os.WriteFile(file, []byte(v.zone), 0o600); err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, args := range [][]string{
		{"named-checkzone", "example.com", file},
		{"kzonecheck", "-o", "example.com", file},
		{"nsd-checkzone", "example.com", file},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = dir // for $INCLUDE
		if cmd.Run() == nil {
			said = append(said, "ok")
		} else {
			said = append(said, "error")
		}
	}
	return strings.Join(said, " ")
}

// linesOf returns the findings as lines.
func linesOf(list diag.List) string {
	var b strings.Builder
	for _, d := range list {
		fmt.Fprintln(&b, d)
	}
	return b.String()
}
