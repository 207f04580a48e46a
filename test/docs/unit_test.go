package docs

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnitIsAccepted lets systemd judge the unit, with the program where the
// test has it.
func TestUnitIsAccepted(t *testing.T) {
	unit := read(t, "dist/geodns.service")
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	w := newWorld(t, bin)
	w.write("geodns.service", strings.ReplaceAll(unit, "/usr/local/bin/geodns", filepath.Join(bin, "geodns")))
	if out, code := w.run("systemd-analyze verify --man=no ./geodns.service"); code != 0 || strings.Contains(out, "geodns.service") {
		t.Errorf("systemd-analyze verify: code %d\n%s", code, out)
	}
}

// TestUnitRunsWhatThereIs starts what ExecStart says, but for the place of the
// configuration.
func TestUnitRunsWhatThereIs(t *testing.T) {
	_, rest, _ := strings.Cut(read(t, "dist/geodns.service"), "\nExecStart=/usr/local/bin/")
	line, _, _ := strings.Cut(rest, "\n")
	w := newWorld(t, bin)
	w.write("geodns.yaml", "listen: [\"127.0.0.1:5300\"]\nadmin: \"\"\nzones: zones\nstate: state\n")
	w.write("zones/example.com.zone", "$TTL 300\n@ SOA ns1.example.net. hostmaster 1 3600 600 604800 300\n@ NS ns1.example.net.\n")
	command := strings.Replace(line, "/etc/geodns/", "", 1)
	if err := w.start("unit", command, "…\ntime=… msg=ready …\n"); err != nil {
		t.Errorf("%s: %v", command, err)
	}
}
