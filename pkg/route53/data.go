package route53

import (
	"fmt"
	"strings"
)

// masterData returns the data of a record as a master file writes it. Route 53
// takes every name as a whole one, with a dot at its end or without, and has
// three octal digits behind a backslash where a master file has decimal ones
// (Developer Guide, "Supported DNS record types").
func masterData(kind, value string) string {
	fields := strings.Fields(value)
	switch kind {
	case "CNAME", "NS", "PTR", "MX", "SRV", "DNAME", "AFSDB":
		return withNames(fields, len(fields)-1)
	case "SOA":
		return withNames(fields, 0, 1)
	case "HTTPS", "SVCB":
		return withNames(fields, 1)
	case "NAPTR":
		// The strings before it may hold blanks, so only the last field is touched.
		if i := strings.LastIndexAny(value, " \t"); i >= 0 {
			return decimal(value[:i+1]) + masterName(value[i+1:])
		}
	}
	return decimal(value)
}

// withNames writes the fields at those places as whole names.
func withNames(fields []string, at ...int) string {
	for _, i := range at {
		if i >= 0 && i < len(fields) {
			fields[i] = masterName(fields[i])
		}
	}
	return strings.Join(fields, " ")
}

// decimal returns a text with its octal escapes written as decimal ones.
func decimal(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		var octet int
		switch _, err := fmt.Sscanf(octal(s[i:]), "%o", &octet); {
		case err == nil:
			fmt.Fprintf(&b, `\%03d`, octet)
			i += 3
		case s[i] == '\\' && i+1 < len(s): // \" and \\ stay what they are
			b.WriteString(s[i : i+2])
			i++
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
