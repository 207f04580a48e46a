package simulate

import (
	"math"
	"strings"
	"testing"
)

func TestReadCounts(t *testing.T) {
	w, err := ReadWeights(strings.NewReader("# queries of a day\nDE,300\n\n\"US\", 100\nxx,5\nSG,0\nDE,300\n"))
	if err != nil || text(w.Counts) != `{"DE":600,"SG":0,"US":100,"XX":5}` {
		t.Fatalf("%v, %v", w, err)
	}
	p := w.Population(index(), 100)
	got := map[string]float64{}
	for _, c := range p.Countries {
		got[c.Code] = round(c.Weight)
	}
	if text(got) != `{"DE":0.857143,"US":0.142857}` || len(p.Notes) != 1 {
		t.Errorf("%v %q", got, p.Notes)
	}
	if _, err := ReadWeights(strings.NewReader("DE,300\nsomething else\n")); err == nil || !strings.Contains(err.Error(), `line 2: "something else" is no row`) {
		t.Errorf("not a row: %v", err)
	}
	if _, err := ReadWeights(strings.NewReader("country,count\nDE,5\n")); err != nil {
		t.Errorf("with a heading: %v", err)
	}
}

func TestClientIn(t *testing.T) {
	for line, want := range map[string]string{
		`{"time":"2026-11-21T10:00:00Z","client":"192.0.2.1","name":"www.example.com."}`: "192.0.2.1",
		`{"client":"192.0.2.1:5353","ecs":"198.51.100.0/24"}`:                            "198.51.100.0",
		`{"client":7}`: "",
		`21-Nov-2026 10:00:00.123 client @0x7f 192.0.2.1#1234 (www.example.com): query: www.example.com IN A +E(0) (203.0.113.1)`: "192.0.2.1",
		`21-Nov-2026 client @0x7f 192.0.2.1#1234 (a.example): query: a.example IN A +E(0) (203.0.113.1) [ECS 198.51.100.0/24/0]`:  "198.51.100.0",
		`192.0.2.7 - - [21/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200`:                                                         "192.0.2.7",
		`from 2001:db8::5: timeout`:              "2001:db8::5",
		`[2001:db8::5]:53 asked`:                 "2001:db8::5",
		`::ffff:192.0.2.9 asked`:                 "192.0.2.9",
		`10:00:00 started version 1.2 of things`: "",
		`::`:                                     "",
	} {
		got := ""
		if a, ok := clientIn(line); ok {
			got = a.String()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

func TestReadLog(t *testing.T) {
	log := strings.Repeat("10.0.0.1 asked\n", 3) + "20.0.0.1 asked\nnobody asked\n" + strings.Repeat("x", 2*maxLine) + " 30.0.0.1\n9.9.9.9 asked"
	w, err := ReadWeights(strings.NewReader(log))
	if err != nil || w.Lines != 5 {
		t.Fatalf("%+v, %v", w, err)
	}
	p := w.Population(index(), 0)
	got := map[string]float64{}
	for _, c := range p.Countries {
		got[c.Code] = round(c.Weight)
	}
	if text(got) != `{"":0.2,"DE":0.6,"US":0.2}` {
		t.Errorf("got %v", got)
	}
	if _, err := ReadWeights(strings.NewReader("nothing\n")); err == nil {
		t.Error("a file without clients was taken")
	}
}

// Of a long log the clients kept are drawn evenly.
func TestALongLogIsDrawnFrom(t *testing.T) {
	var b strings.Builder
	for i := range 3 * keptOfLog {
		if i < keptOfLog {
			b.WriteString("10.0.0.1\n")
		} else {
			b.WriteString("20.0.0.1\n")
		}
	}
	w, err := ReadWeights(strings.NewReader(b.String()))
	if err != nil || len(w.Clients) != keptOfLog {
		t.Fatal(err)
	}
	if first := w.Population(index(), 0).Countries[0]; first.Code != "DE" || math.Abs(first.Weight-1.0/3) > 0.01 {
		t.Errorf("got %s with %v", first.Code, first.Weight)
	}
}

func FuzzReadWeights(f *testing.F) {
	f.Add("DE,5\nUS,7")
	f.Add(`{"client":"192.0.2.1"}`)
	f.Add("x [ECS 192.0.2.0/24/0] ::1")
	f.Fuzz(func(t *testing.T, in string) {
		w, err := ReadWeights(strings.NewReader(in))
		if err != nil {
			return
		}
		var sum float64
		for _, c := range w.Population(index(), 10).Countries {
			sum += c.Weight
			if math.IsNaN(c.Weight) || c.Weight < 0 {
				t.Fatalf("weight %v", c.Weight)
			}
		}
		if sum > 1+1e-6 {
			t.Fatalf("weights sum to %v", sum)
		}
	})
}
