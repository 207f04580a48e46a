package route53

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/geodns-vipd/geodns/internal/goldentest"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/dnswire"
	"github.com/geodns-vipd/geodns/pkg/steering"
	"github.com/geodns-vipd/geodns/pkg/zone"
)

// read returns an input of files in testdata.
func read(t testing.TB, names ...string) *Input {
	t.Helper()
	var in Input
	for _, name := range names {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if list := in.Read(name, data); len(list) > 0 {
			t.Fatal(list)
		}
	}
	return &in
}

// TestTranscripts holds what becomes of the zone in testdata: the files, and
// what is told.
func TestTranscripts(t *testing.T) {
	goldentest.Run(t, "testdata/*.txt", func(t *testing.T, _ string) string {
		got := read(t, "records.json", "checks.json").Convert()
		var b strings.Builder
		for _, d := range got.Left {
			b.WriteString(d.String() + "\n")
		}
		for _, f := range append(got.Zones, got.Steering) {
			b.WriteString("\n== " + f.Name + "\n" + string(f.Data))
		}
		return b.String()
	})
}

// What is written must load, with nothing to complain of but what was told.
func TestWhatIsWrittenLoads(t *testing.T) {
	got := read(t, "records.json", "checks.json").Convert()
	cfg, list := steering.Parse([]steering.File{{Name: "steering.yaml", Data: got.Steering.Data}})
	if len(list) > 0 {
		t.Fatalf("steering.yaml: %v\n%s", list, got.Steering.Data)
	}
	for _, s := range cfg.Sites {
		for _, r := range s.Records {
			if _, _, list := zone.ParseRecord(r.Text); len(list) > 0 {
				t.Errorf("site %s: %v", s.Name, list)
			}
		}
	}
	z, list := zone.Load(fstest.MapFS{"z": {Data: got.Zones[0].Data}}, "z", "\x07example\x03com\x00", zone.Options{})
	if z == nil {
		t.Fatalf("%s: %v\n%s", got.Zones[0].Name, list, got.Zones[0].Data)
	}
	if len(z.Steers) != got.Steered || z.Records != got.Steered+got.Plain {
		t.Errorf("%d steered, %d records; told were %d and %d", len(z.Steers), z.Records, got.Steered, got.Plain)
	}
	for _, s := range z.Steers {
		if _, list := cfg.Resolve(s.Text, s.Pos); len(list) > 0 {
			t.Errorf("%s: %v", s.Owner, list)
		}
	}
	mx, list := zone.Load(fstest.MapFS{"z": {Data: got.Zones[0].Data}}, "z", "\x07example\x03com\x00", zone.Options{})
	if mx == nil || mx.Node("\x07example\x03com\x00").Set(dnswire.TypeMX) == nil {
		t.Errorf("the MX of the origin is gone: %v", list)
	}
}

func TestMistakesInTheInput(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "f:1:1: neither ResourceRecordSets nor HealthChecks nor CidrBlocks: " + asPrinted},
		{"{}", "f:1:1: neither ResourceRecordSets nor HealthChecks nor CidrBlocks: " + asPrinted},
		{"[]", "f:1:1: not of the shape that the aws command prints: " + asPrinted},
		{"{\"HealthChecks\": 3}", "f:1:18: not of the shape that the aws command prints: " + asPrinted},
		{"{\"ResourceRecordSets\": [\n  {\"Name\": 3}]}", "f:2:3: Name is a number: " + asPrinted},
		{"{\"HealthChecks\": [\n  {\"Id\": \"x\",}]}", "f:2:8: no JSON: invalid character '}' looking for beginning of object key string: " + asPrinted},
		{"{\"HealthChecks\": [", "f:1:19: the file ends in the middle: the whole of it"},
		{"{\"HealthChecks\": [], \"IsTruncated\": true}", "f:1:37: the answer is truncated: all of it: run the aws command without --max-items"},
	} {
		var in Input
		var told []string
		for _, d := range in.Read("f", []byte(c.text)) {
			told = append(told, d.String())
		}
		if got := strings.Join(told, "\n"); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
		}
	}
	in := Input{}
	in.Read("f", []byte(`{"ResourceRecordSets": [{"Name": "www.example.com.", "Type": "A"}]}`))
	if got := in.Convert(); !got.Left.HasErrors() || len(got.Zones) > 0 {
		t.Errorf("records without SOA: %v", got.Left)
	}
}

func TestMasterName(t *testing.T) {
	for in, want := range map[string]string{
		"WWW.Example.com":          "www.example.com.",
		`\052.example.com.`:        "*.example.com.",
		`a\040b.example.com.`:      `a\032b.example.com.`,
		`0\05725.2.0.192.example.`: `0\04725.2.0.192.example.`,
		`\999.example.`:            `\999.example.`,
		`_dmarc.example.`:          "_dmarc.example.",
	} {
		if got := masterName(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// Whatever the answers hold: no panic, and files that can at least be read as
// what they are.
func FuzzConvert(f *testing.F) {
	for _, name := range []string{"records.json", "checks.json"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var in Input
		in.records = append(in.records, recordSet{Name: "example.com.", Type: "SOA"})
		in.Read("f", data)
		got := in.Convert()
		for _, d := range got.Left {
			if d.Pos != (diag.Pos{}) && d.Pos.File != "f" {
				t.Errorf("%s stands in no file of the input", d)
			}
		}
		if !json.Valid(data) && len(got.Zones) == 0 {
			t.Error("no zone, although there is an SOA")
		}
	})
}

// Whatever a file holds: no panic, mistakes with a place within it, and of what
// is read without a mistake as many elements as the standard library finds.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"records.json", "checks.json"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, text := range []string{
		`{"CidrBlocks": [{"CidrBlock": "10.0.0.0/8", "LocationName": "x"}]}`, `{"HealthChecks": [], "IsTruncated": true}`, `{"HealthChecks": [],} {}`,
		`{"HealthChecks": null}`, `{"ResourceRecordSets": [{"TTL": -1}]}`, `{"ResourceRecordSets": [null, {}], "x": [{"y": 1}]} {"HealthChecks": [{}]}`, "{", "[]",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var in Input
		list := in.Read("f", data)
		for _, d := range list {
			if d.Pos.File != "f" || d.Pos.Line < 1 || d.Pos.Line > 1+strings.Count(string(data), "\n") || d.Pos.Col < 1 || d.Pos.Col > 1+len(data) {
				t.Errorf("%q: %s stands outside of the file", data, d)
			}
		}
		if len(list) > 0 || !json.Valid(data) { // several documents in one file have no oracle here
			return
		}
		if strings.Count(string(data), `"ResourceRecordSets"`) > 1 || strings.Count(string(data), `"HealthChecks"`) > 1 {
			return // of keys that stand twice the library keeps the last
		}
		var all map[string]json.RawMessage
		if err := json.Unmarshal(data, &all); err != nil {
			t.Fatalf("%q was taken: %v", data, err)
		}
		count := func(key string) (n int) {
			var list []json.RawMessage
			_ = json.Unmarshal(all[key], &list)
			return len(list)
		}
		if r, c := count("ResourceRecordSets"), count("HealthChecks"); r != len(in.records) || c != len(in.checks) {
			t.Errorf("%q: %d records and %d checks, want %d and %d", data, len(in.records), len(in.checks), r, c)
		}
	})
}
