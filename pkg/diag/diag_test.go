package diag

import "testing"

func TestDiagLine(t *testing.T) {
	var l List
	l.Warnf(Pos{"b.zone", 3, 1}, "", "TTL differs")
	l.Errorf(Pos{"a.zone", 7, 12}, "one SOA at the origin", "%d SOA records", 2)
	l.Notef(Pos{File: "a.zone"}, "%s", "fine")
	l.Sort()
	want := []string{
		"a.zone: note: fine",
		"a.zone:7:12: 2 SOA records: one SOA at the origin",
		"b.zone:3:1: warning: TTL differs",
	}
	for i, w := range want {
		if got := l[i].String(); got != w {
			t.Errorf("line %d: got %q, want %q", i, got, w)
		}
	}
	if got, want := l.Err().Error(), want[1]; got != want {
		t.Errorf("Err: got %q, want %q", got, want)
	}
	if (List{{Severity: Warning}}).Err() != nil {
		t.Error("a warning became an error")
	}
}

func TestNearest(t *testing.T) {
	known := []string{"interval", "timeout", "fall", "rise", "weighted"}
	for word, want := range map[string]string{
		"interva":  "interval",
		"timeotu":  "timeout",
		"Weighted": "weighted",
		"rsie":     "rise",
		"banana":   "",
		"x":        "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("Nearest(%q): got %q, want %q", word, got, want)
		}
	}
}

func TestShorten(t *testing.T) {
	for text, want := range map[string]string{"": "", "abcd": "abcd", "abcde": "abc…", "äöüß": "äöüß", "äöüßé": "äöü…"} {
		if got := Shorten(text, 4); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
