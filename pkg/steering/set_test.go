package steering

import (
	"strings"
	"testing"
)

func TestSet(t *testing.T) {
	files := []File{
		{"sites.yaml", []byte("sites:\n  fra: {addresses: [192.0.2.1]}\n  iad: {addresses: [192.0.2.2]}\n  a.b: {addresses: [192.0.2.3]}\n")},
		{"policies.yaml", []byte("policies:\n  split:\n    weighted: {fra: 3, iad: 1}\n  web:\n    geo:\n      - {continent: [EU], use: fra}\n      - {use: iad}\n")},
	}
	for _, c := range []struct{ assignment, file, want, err string }{
		{"policies.split.weighted.fra=5", "policies.yaml", "weighted: {fra: 5, iad: 1}", ""},
		{"policies.split.sticky=true", "policies.yaml", "sticky: true", ""},
		{"policies.web.geo.1.use=fra", "policies.yaml", "- {use: fra}", ""},
		{"policies.web.geo.0.continent=[EU, AF]", "policies.yaml", "continent: [EU, AF]", ""},
		{"sites.fra.capacity=100", "sites.yaml", "capacity: 100", ""},
		{"sites.a.b.capacity=7", "sites.yaml", "capacity: 7", ""},
		{"policies.new={failover: [fra, iad]}", "policies.yaml", "new: {failover: [fra, iad]}", ""},
		{"policies.splot.weighted.fra=5", "", "", "there is no policies.splot: did you mean split?"},
		{"policies.web.geo.7.use=fra", "", "", "there is no policies.web.geo.7"},
		{"polices.split=1", "", "", "there is no polices: did you mean policies?"},
		{"policies.split.weighted.fra", "", "", "PATH=VALUE"},
		{"policies.split.weighted.fra=[", "", "", "is no value"},
		{"policies.split.weighted.fra=", "", "", "is no value"},
		{"policies.split.weighted.fra.x=1", "", "", "there is no policies.split.weighted.fra.x"},
	} {
		out, err := Set(files, c.assignment)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: got %v, want %q", c.assignment, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.assignment, err)
			continue
		}
		for i, f := range out {
			changed := f.Name == c.file+Edited
			if changed != (strings.TrimSuffix(f.Name, Edited) == c.file) || changed != strings.Contains(string(f.Data), c.want) || !changed && string(f.Data) != string(files[i].Data) {
				t.Errorf("%s: %s\n%s", c.assignment, f.Name, f.Data)
			}
		}
		if _, list := Parse(out); list.HasErrors() {
			t.Errorf("%s: %v", c.assignment, list)
		}
	}
}
