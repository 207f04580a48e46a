package steering

import (
	"fmt"
	"strings"
	"testing"

	"github.com/geodns-vipd/geodns/internal/goldentest"
	"github.com/geodns-vipd/geodns/pkg/diag"
	"github.com/geodns-vipd/geodns/pkg/policy"
)

// A transcript is a list of cases with an empty line between:
//
//	# comment
//	parse FILE        the lines below are the file; several before one "----"
//	                  are one configuration
//	resolve REF       data of a STEER record at example.zone:7:14
//	review REF…       what Review says when these records are all there are
//	----
//	what came out
func TestTranscripts(t *testing.T) {
	goldentest.Run(t, "testdata/*.txt", func(_ *testing.T, text string) string { return replay(text) })
}

// replay runs a transcript and returns it with what came out.
func replay(text string) string {
	var c *Config
	var out []string
	for _, block := range strings.Split(strings.TrimRight(text, "\n"), "\n\n") {
		input, _, isCase := strings.Cut(block, "\n----")
		if !isCase {
			out = append(out, block)
			continue
		}
		lines := strings.Split(input, "\n")
		for strings.HasPrefix(lines[0], "#") {
			lines = lines[1:]
		}
		command, args, _ := strings.Cut(lines[0], " ")
		var result string
		switch command {
		case "parse":
			var diags diag.List
			c, diags = Parse(files(lines))
			result = told(diags)
			if !diags.HasErrors() {
				result += summary(c)
			}
		case "resolve":
			result = resolved(c, args)
		case "review":
			var roots []*policy.Spec
			for _, ref := range strings.Fields(args) {
				spec, _ := c.Resolve(ref, diag.Pos{})
				roots = append(roots, spec)
			}
			result = told(c.Review(roots))
		default:
			result = "unknown command " + command + "\n"
		}
		out = append(out, strings.TrimRight(input+"\n----\n"+result, "\n"))
	}
	return strings.Join(out, "\n\n") + "\n"
}

// files splits the lines of a parse command.
func files(lines []string) []File {
	var out []File
	for _, line := range lines {
		if name, ok := strings.CutPrefix(line, "parse "); ok {
			out = append(out, File{Name: name})
			continue
		}
		f := &out[len(out)-1]
		f.Data = append(f.Data, strings.ReplaceAll(line, "<TAB>", "\t")+"\n"...)
	}
	return out
}

func told(diags diag.List) string {
	var b strings.Builder
	for _, d := range diags {
		fmt.Fprintln(&b, d)
	}
	return b.String()
}

func resolved(c *Config, ref string) string {
	spec, diags := c.Resolve(ref, diag.Pos{File: "example.zone", Line: 7, Col: 14})
	if spec == nil {
		return told(diags)
	}
	return told(diags) + spec.Kind.String() + " " + spec.Flow() + "\n"
}

// summary writes out what a configuration says.
func summary(c *Config) string {
	var b strings.Builder
	for _, k := range c.Checks {
		fmt.Fprintf(&b, "check %s every %v timeout %v fall %d rise %d", k.Name, k.Spec.Interval, k.Spec.Timeout, k.Spec.Fall, k.Spec.Rise)
		if k.TCP != nil {
			fmt.Fprintf(&b, " tcp %d", k.TCP.Port)
		}
		if h := k.HTTP; h != nil {
			fmt.Fprintf(&b, " %s %s://%s:%d%s %v want %v", h.Method, h.Scheme, h.Host, h.Port, h.Path, h.Headers, h.Status)
			if h.Body != "" {
				fmt.Fprintf(&b, " body %q", h.Body)
			}
			if h.BodyRegex != nil {
				fmt.Fprintf(&b, " matching %s", h.BodyRegex)
			}
			fmt.Fprintf(&b, " insecure %v redirects %d keep-alive %v", h.Insecure, h.Redirects, h.KeepAlive)
		}
		fmt.Fprintln(&b)
	}
	for _, s := range c.Sites {
		fmt.Fprintf(&b, "site %s %v checks %v", s.Name, s.Addrs, s.Checks)
		if s.Location != nil {
			fmt.Fprintf(&b, " at %v,%v", s.Location.Lat, s.Location.Lon)
		}
		fmt.Fprintln(&b)
	}
	for _, p := range c.Policies {
		fmt.Fprintf(&b, "policy %s %s\n", p.Name, p.Flow())
	}
	return b.String()
}
