package state

import (
	"bytes"
	"os"
	"testing"
	"time"
)

const (
	hexOne = "000102030405060708090a0b0c0d0e0f"
	hexTwo = "ffffffffffffffffffffffffffffff01"
)

func TestSecretsAreReadFromOctetsAndLines(t *testing.T) {
	one := [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	two := [16]byte(bytes.Repeat([]byte{0xff}, 16))
	two[15] = 1
	for text, want := range map[string]Secrets{
		string(one[:]):                          {one, one},
		hexOne:                                  {one, one},
		hexOne + "\n" + hexTwo + "\n":           {one, two},
		"# shared\n\n " + hexOne + " # new\r\n": {one, one},
	} {
		if got, err := ParseSecrets([]byte(text)); err != nil || got != want {
			t.Errorf("%q: got %x, %v, want %x", text, got, err, want)
		}
	}
	for _, text := range []string{"", "\n", "short", hexOne + hexTwo, hexOne[:31] + "g", hexOne + "\n" + hexTwo + "\n" + hexOne, hexOne + "\n" + hexTwo[:30]} {
		if got, err := ParseSecrets([]byte(text)); err == nil {
			t.Errorf("%q: got %x", text, got)
		} else if bytes.Contains([]byte(err.Error()), []byte(hexOne[:20])) {
			t.Errorf("%q: the error tells the secret: %v", text, err)
		}
	}
}

func TestSecretsAreRolledAtTheirAge(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	first, err := d.Secrets("cookie")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if rolled, err := d.RollSecrets("cookie", time.Hour, now); rolled || err != nil {
		t.Errorf("rolled at once: %v, %v", rolled, err)
	}
	if rolled, err := d.RollSecrets("cookie", time.Hour, now.Add(2*time.Hour)); !rolled || err != nil {
		t.Errorf("not rolled: %v, %v", rolled, err)
	}
	second, err := d.ReadSecrets("cookie")
	if err != nil || second.Other != first.Current || second.Current == first.Current {
		t.Errorf("after the roll: %x, %v; before %x", second, err, first)
	}
	if fi, _ := os.Stat(d.SecretPath("cookie")); fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", fi.Mode())
	}
	os.Remove(d.SecretPath("cookie"))
	if _, err := d.ReadSecrets("cookie"); err == nil {
		t.Error("no error about a file that is gone")
	}
}

func FuzzParseSecrets(f *testing.F) {
	f.Add([]byte(hexOne + "\n" + hexTwo))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSecrets(data)
		if err != nil {
			return
		}
		if again, err := ParseSecrets(s.format()); err != nil || again != s {
			t.Errorf("%q: %x becomes %x, %v", data, s, again, err)
		}
	})
}
