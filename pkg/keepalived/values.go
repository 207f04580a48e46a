package keepalived

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

var errNumber = errors.New("no number")

// parseInt reads a whole number in base 10, with an optional sign.
func parseInt(s string) (int64, error) {
	return strconv.ParseInt(s, 10, 64)
}

// parseSeconds reads a decimal number of seconds exactly, down to the
// microsecond, as keepalived does; digits beyond are cut off.
func parseSeconds(s string) (time.Duration, error) {
	sign := time.Duration(1)
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		sign, s = -1, rest
	}
	whole, frac, dot := strings.Cut(s, ".")
	if !digits(whole) || !digits(frac) || whole+frac == "" || dot && frac == "" && whole == "" {
		return 0, errNumber
	}
	if len(whole) > 9 {
		return 0, errNumber
	}
	n, _ := strconv.ParseInt("0"+whole, 10, 64)
	us, _ := strconv.ParseInt((frac + "000000")[:6], 10, 64)
	return sign * (time.Duration(n)*time.Second + time.Duration(us)*time.Microsecond), nil
}

func digits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// seconds writes a duration as the file would: 3.61 s.
func seconds(d time.Duration) string {
	return trimFloat(d.Seconds(), 6) + " s"
}

// about writes a duration for people: two digits, or milliseconds.
func about(d time.Duration) string {
	if d < time.Second {
		return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + " ms"
	}
	return trimFloat(d.Seconds(), 1) + " s"
}

func trimFloat(f float64, digits int) string {
	s := strconv.FormatFloat(f, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// rangeText says which numbers are allowed.
func rangeText(lo, hi int64) string {
	return fmt.Sprintf("%d to %d", lo, hi)
}

// isURL reports whether s is a URL of the web: http or https, a host, and
// nothing that no URL holds.
func isURL(s string) bool {
	rest, ok := strings.CutPrefix(s, "http://")
	if !ok {
		rest, ok = strings.CutPrefix(s, "https://")
	}
	host, _, _ := strings.Cut(rest, "/")
	odd := strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`"<>\^{|}`+"`", r) })
	return ok && !odd && strings.Trim(host, ":") != "" && !strings.HasPrefix(host, ":")
}

// list joins names: a, b and c.
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
