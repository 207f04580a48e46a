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
			if k.TCP.Send+k.TCP.Expect != "" {
				fmt.Fprintf(&b, " send %q expect %q", k.TCP.Send, k.TCP.Expect)
			}
			if k.TCP.TLS != nil {
				fmt.Fprintf(&b, " tls %+v", *k.TCP.TLS)
			}
		}
		if h := k.HTTP; h != nil {
			fmt.Fprintf(&b, " %s %s://%s:%d%s %v want %v", h.Method, h.Scheme, h.Host, h.Port, h.Path, h.Headers, h.Status)
			if h.Body != "" {
				fmt.Fprintf(&b, " body %q", h.Body)
			}
			if h.BodyRegex != nil {
				fmt.Fprintf(&b, " matching %s", h.BodyRegex)
			}
			fmt.Fprintf(&b, " insecure %v redirects %d keep-alive %v", h.TLS.Insecure, h.Redirects, h.KeepAlive)
		}
		b.WriteString(kindText(k))
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

// kindText writes out what is new about a check beside http and tcp.
func kindText(k Check) string {
	var b strings.Builder
	if h := k.HTTP; h != nil && (h.HTTP2 || h.Load != Load{}) {
		fmt.Fprintf(&b, " http2 %v load %+v", h.HTTP2, h.Load)
	}
	if h := k.HTTP; h != nil && (h.TLS.SNI+h.TLS.Min != "" || h.TLS.ExpiryWarn+h.TLS.ExpiryFail != 0) {
		fmt.Fprintf(&b, " tls %+v", h.TLS)
	}
	switch {
	case k.ICMP != nil:
		fmt.Fprintf(&b, " icmp %+v", *k.ICMP)
	case k.DNS != nil:
		fmt.Fprintf(&b, " dns %+v", *k.DNS)
	case k.GRPC != nil:
		fmt.Fprintf(&b, " grpc port %d service %q host %q", k.GRPC.Port, k.GRPC.Service, k.GRPC.Host)
		if k.GRPC.TLS != nil {
			fmt.Fprintf(&b, " tls %+v", *k.GRPC.TLS)
		}
	case k.Exec != nil:
		fmt.Fprintf(&b, " exec %q env %q keep-alive %v", k.Exec.Command, k.Exec.Env, k.Exec.KeepAlive)
	case k.Push != nil:
		fmt.Fprintf(&b, " push %+v", *k.Push)
	case k.File != nil:
		fmt.Fprintf(&b, " file %+v", *k.File)
	case k.Formula != nil:
		fmt.Fprintf(&b, " formula %s", k.Formula)
	}
	if k.Via != (Via{}) {
		fmt.Fprintf(&b, " via %+v", k.Via)
	}
	if k.Spec.Jitter != 0 {
		fmt.Fprintf(&b, " jitter %v", k.Spec.Jitter)
	}
	return b.String()
}
