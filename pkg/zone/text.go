package zone

import (
	"errors"
	"math"

	"github.com/geodns-vipd/geodns/pkg/dnswire"
)

// What is wrong with a name, a string or a number; said after the word itself.
var (
	errEmptyLabel = errors.New("empty label")
	errLongLabel  = errors.New("label of more than 63 octets")
	errLongName   = errors.New("name of more than 255 octets")
	errEscape     = errors.New(`bad escape: a backslash stands before one character or three digits up to 255`)
	errLongString = errors.New("string of more than 255 octets")
)

// unescape returns the octet at the start of text and how many octets of text
// stand for it; none if it is a bad escape. text must not be empty.
func unescape(text []byte) (c byte, used int) {
	if text[0] != '\\' {
		return text[0], 1
	}
	if len(text) < 2 {
		return 0, 0
	}
	if text[1] < '0' || text[1] > '9' {
		return text[1], 2
	}
	if len(text) < 4 {
		return 0, 0
	}
	n := 0
	for _, d := range text[1:4] {
		if d < '0' || d > '9' {
			return 0, 0
		}
		n = n*10 + int(d-'0')
	}
	if n > 255 {
		return 0, 0
	}
	return byte(n), 4
}

// appendName appends the wire form of a name as it stands in a master file to
// dst: "@" is the origin, a name without a final dot is relative to it. Letters
// keep their case.
func appendName(dst, text, origin []byte) ([]byte, error) {
	if len(text) == 1 {
		switch text[0] {
		case '@':
			return append(dst, origin...), nil
		case '.':
			return append(dst, 0), nil
		}
	}
	base := len(dst)
	label := base
	dst = append(dst, 0)
	for i := 0; i < len(text); {
		if text[i] == '.' {
			size := len(dst) - label - 1
			if size == 0 {
				return dst, errEmptyLabel
			}
			dst[label] = byte(size)
			label = len(dst)
			dst = append(dst, 0)
			i++
			continue
		}
		c, used := unescape(text[i:])
		if used == 0 {
			return dst, errEscape
		}
		if len(dst)-label-1 == dnswire.MaxLabel {
			return dst, errLongLabel
		}
		if len(dst)-base >= dnswire.MaxName {
			return dst, errLongName
		}
		dst = append(dst, c)
		i += used
	}
	size := len(dst) - label - 1
	switch {
	case size > 0: // relative
		dst[label] = byte(size)
		dst = append(dst, origin...)
	case len(dst)-base == 1:
		return dst, errEmptyLabel // no text at all
	}
	if len(dst)-base > dnswire.MaxName {
		return dst, errLongName
	}
	return dst, nil
}

// appendString appends text as one character-string, its length first (RFC
// 1035, Section 3.3).
func appendString(dst, text []byte) ([]byte, error) {
	base := len(dst)
	dst = append(dst, 0)
	dst, err := appendOctets(dst, text, 255)
	if err != nil {
		return dst, err
	}
	dst[base] = byte(len(dst) - base - 1)
	return dst, nil
}

// appendOctets appends what text stands for, at most limit octets.
func appendOctets(dst, text []byte, limit int) ([]byte, error) {
	base := len(dst)
	for i := 0; i < len(text); {
		c, used := unescape(text[i:])
		if used == 0 {
			return dst, errEscape
		}
		if len(dst)-base == limit {
			return dst, errLongString
		}
		dst = append(dst, c)
		i += used
	}
	return dst, nil
}

// number reads a decimal number of at most limit; no sign, no blank.
func number(text []byte, limit uint64) (uint64, bool) {
	if len(text) == 0 {
		return 0, false
	}
	n := uint64(0)
	for _, d := range text {
		if d < '0' || d > '9' {
			return 0, false
		}
		if n = n*10 + uint64(d-'0'); n > limit {
			return 0, false
		}
	}
	return n, true
}

// period reads a time in seconds: a number, or numbers each with a unit of w, d,
// h, m or s in any letter case, as BIND has it (1h30m).
func period(text []byte) (seconds uint32, ok bool) {
	if n, ok := number(text, math.MaxUint32); ok {
		return uint32(n), true
	}
	total := uint64(0)
	for start, i := 0, 0; i < len(text); i++ {
		if '0' <= text[i] && text[i] <= '9' {
			if i+1 == len(text) {
				return 0, false // a number without a unit after others
			}
			continue
		}
		n, ok := number(text[start:i], math.MaxUint32)
		unit := unitSeconds(text[i])
		if !ok || unit == 0 {
			return 0, false
		}
		if total += n * unit; total > math.MaxUint32 {
			return 0, false
		}
		start = i + 1
	}
	return uint32(total), len(text) > 0
}

func unitSeconds(c byte) uint64 {
	switch c | 0x20 {
	case 'w':
		return 7 * 24 * 3600
	case 'd':
		return 24 * 3600
	case 'h':
		return 3600
	case 'm':
		return 60
	case 's':
		return 1
	}
	return 0
}

// equalFold reports whether text is the word upper, which is in capitals, in
// any letter case.
func equalFold(text []byte, upper string) bool {
	if len(text) != len(upper) {
		return false
	}
	for i, c := range text {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != upper[i] {
			return false
		}
	}
	return true
}
