package geodns

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/internal/config"
	"github.com/geodns-vipd/geodns/pkg/diag"
)

// tree makes a folder with the given files; a text that begins with "-> " is
// the target of a symbolic link.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// listed returns zones and steering files of an inventory, and the findings,
// all relative to dir.
func listed(dir string, inv inventory, list diag.List) (zones, steering, findings []string) {
	rel := func(s string) string { return strings.ReplaceAll(s, dir+"/", "") }
	for _, z := range inv.zones {
		zones = append(zones, z.origin.String()+" "+rel(z.display()))
	}
	for _, f := range inv.steering {
		steering = append(steering, rel(f.Name))
	}
	for _, d := range list {
		findings = append(findings, strings.ReplaceAll(rel(d.String()), dir, "."))
	}
	return zones, steering, findings
}

func TestInventoryOfAFolder(t *testing.T) {
	dir := tree(t, map[string]string{
		"geodns.yaml": "", "steering.yaml": "", "more.yaml": "", "README.md": "", "b.example.zone": "", "a.example.zone": "",
		".hidden.zone": "", ".hidden.yaml": "", "backup.zone~": "", "folder.zone/x": "", "linked.example.zone": "-> a.example.zone",
		"dangling.zone": "-> nowhere",
	})
	inv, list := takeInventory(config.Geodns{File: dir + "/geodns.yaml", Folders: []string{dir}})
	zones, steering, findings := listed(dir, inv, list)
	if want := []string{"a.example. a.example.zone", "b.example. b.example.zone", "linked.example. linked.example.zone"}; !slices.Equal(zones, want) {
		t.Errorf("zones %q, want %q", zones, want)
	}
	if want := []string{"more.yaml", "steering.yaml"}; !slices.Equal(steering, want) {
		t.Errorf("steering %q, want %q: the daemon's own file is none", steering, want)
	}
	if len(findings) > 0 {
		t.Errorf("findings: %q", findings)
	}
	if !slices.Contains(inv.watched, dir) || !slices.Contains(inv.watched, dir+"/steering.yaml") {
		t.Errorf("watched: %q", inv.watched)
	}
}

func TestInventoryOfAConfigMap(t *testing.T) {
	dir := tree(t, map[string]string{
		"..2026_11/example.com.zone": "", "..2026_11/steering.yaml": "", "..data": "-> ..2026_11",
		"example.com.zone": "-> ..data/example.com.zone", "steering.yaml": "-> ..data/steering.yaml",
	})
	inv, list := takeInventory(config.Geodns{Folders: []string{dir}})
	zones, steering, findings := listed(dir, inv, list)
	if len(zones) != 1 || len(steering) != 1 || len(findings) > 0 {
		t.Errorf("zones %q, steering %q, findings %q", zones, steering, findings)
	}
}

func TestInventoryTellsEveryMistake(t *testing.T) {
	dir := tree(t, map[string]string{
		"a/example.com.zone": "", "b/Example.COM.zone": "", "a/x..y.zone": "",
	})
	inv, list := takeInventory(config.Geodns{
		File: dir + "/geodns.yaml", Folders: []string{dir + "/a", dir + "/b", dir + "/nowhere"},
		ZoneFiles: []config.ZoneFile{{Name: strings.Repeat("x", 64), File: dir + "/long"}},
	})
	_, _, findings := listed(dir, inv, list)
	text := strings.Join(findings, "\n")
	for _, want := range []string{
		"a/x..y.zone: \"x..y\" is no zone name",
		"nowhere: no such file or directory: a folder with zone files",
		"geodns.yaml: zone \"xxx",
		"b/Example.COM.zone: zone example.com. is in a/example.com.zone already: one file for each zone",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("not told: %s", want)
		}
	}
	if len(findings) != 4 {
		t.Errorf("%d findings:\n%s", len(findings), text)
	}
}

func TestInventoryOfNamedZoneFiles(t *testing.T) {
	dir := tree(t, map[string]string{"rev/reverse": "", "rev/steering.yaml": "", "zones/example.com.zone": "", "zones/steering.yaml": ""})
	folders := append(make([]string, 0, 8), dir+"/zones")
	inv, list := takeInventory(config.Geodns{Folders: folders, ZoneFiles: []config.ZoneFile{
		{Name: "0/25.2.0.192.in-addr.arpa", File: dir + "/rev/reverse"},
		{Name: "1.0.192.in-addr.arpa", File: dir + "/rev/reverse"},
	}})
	zones, steering, findings := listed(dir, inv, list)
	if want := []string{"example.com. zones/example.com.zone", "0/25.2.0.192.in-addr.arpa. rev/reverse", "1.0.192.in-addr.arpa. rev/reverse"}; !slices.Equal(zones, want) {
		t.Errorf("zones %q, want %q", zones, want)
	}
	if want := []string{"zones/steering.yaml", "rev/steering.yaml"}; !slices.Equal(steering, want) {
		t.Errorf("steering %q, want %q, each once", steering, want)
	}
	if len(findings) > 0 {
		t.Errorf("findings: %q", findings)
	}
	if extra := folders[:2][1]; extra != "" {
		t.Errorf("the configuration was written to: %q", extra)
	}
}

func TestNoZoneFileIsAMistake(t *testing.T) {
	dir := tree(t, map[string]string{"example.com.txt": ""})
	_, list := takeInventory(config.Geodns{Folders: []string{dir}})
	if len(list) != 1 || !strings.Contains(list[0].String(), "no zone file here: a file named after its zone") {
		t.Errorf("findings: %v", list)
	}
}
