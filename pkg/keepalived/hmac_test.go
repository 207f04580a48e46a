package keepalived

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestKeysAreReadFromFiles(t *testing.T) {
	files := map[string]string{
		"/right":  " hex:" + strings.Repeat("0f", 32) + "\n",
		"/plain":  strings.Repeat("k", 40) + "\r\n",
		"/short":  "hex:0f",
		"/wrong":  "hex:secret-things",
		"/folder": "",
	}
	read := func(path string) ([]byte, error) {
		if path == "/none" {
			return nil, errors.New("no such file")
		}
		return []byte(files[path]), nil
	}
	var block strings.Builder
	for i, path := range []string{"/right", "/plain", "/short", "/wrong", "/folder", "/none"} {
		fmt.Fprintf(&block, "key %d file:%s\n", i+1, path)
	}
	cfg, said := parse(t, fmt.Sprintf(minimal, "auth_hmac {\n"+block.String()+"active_key 1\n}\n"))
	if strings.Contains(said, "auth_hmac") {
		t.Errorf("said %s", said)
	}
	var got []string
	for _, d := range cfg.ReadKeys(read) {
		got = append(got, strings.SplitN(d.String(), ": ", 2)[1])
	}
	want := []string{
		"key 3 in /short has 1 bytes: " + keyRight,
		"key 4 in /wrong is not hexadecimal: " + keyRight,
		"key 5 in /folder has 0 bytes: " + keyRight,
		"key 6 cannot be read: no such file: a file with the key",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	keys := cfg.Instances[0].Auth.HMAC.Keys
	if keys[0].Key.Reveal() != strings.Repeat("\x0f", 32) || keys[1].Key.Reveal() != strings.Repeat("k", 40) {
		t.Error("the keys are not those of the files")
	}
}
