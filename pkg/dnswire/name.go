package dnswire

import (
	"errors"
	"strings"
)

// Name is a domain name in uncompressed wire form and lower case, its root byte
// included; see the package comment. It can be the key of a map, and equal
// strings are equal names. The zero value "" is no name.
type Name string

// Root is the name of the root.
const Root Name = "\x00"

// What ParseName finds wrong; the texts are fit for an operator.
var (
	errEmptyName  = errors.New("empty name")
	errEmptyLabel = errors.New("empty label")
	errLongLabel  = errors.New("label of more than 63 octets")
	errLongName   = errors.New("name of more than 255 octets")
	errEscape     = errors.New(`bad escape: a backslash stands before one character or three digits up to 255`)
	errNotAName   = errors.New("not a name in wire form")
)

// ParseName reads a name in presentation form (RFC 1035, Section 5.1), absolute
// with or without its final dot, and returns it in lower case. \X stands for the
// character X without its meaning, \DDD for the octet of that decimal number;
// every other octet stands for itself. The root is ".".
func ParseName(text string) (Name, error) {
	switch text {
	case "":
		return "", errEmptyName
	case ".":
		return Root, nil
	}
	var buf [MaxName]byte
	wire := buf[:1] // the length byte of the first label, filled in at its end
	label := 0      // where that byte stands
	for i := 0; i < len(text); {
		if text[i] == '.' {
			size := len(wire) - label - 1
			if size == 0 {
				return "", errEmptyLabel
			}
			wire[label] = byte(size)
			i++
			if i == len(text) {
				return Name(append(wire, 0)), nil
			}
			label = len(wire)
			wire = append(wire, 0)
			continue
		}
		c, used := unescape(text[i:])
		switch {
		case used == 0:
			return "", errEscape
		case len(wire)-label-1 == MaxLabel:
			return "", errLongLabel
		case len(wire) >= MaxName-1: // the root needs an octet too
			return "", errLongName
		}
		wire = append(wire, folded[c])
		i += used
	}
	wire[label] = byte(len(wire) - label - 1)
	return Name(append(wire, 0)), nil
}

// unescape returns the octet that the start of text stands for, and how many
// octets of text it took; 0 if there is no such octet.
func unescape(text string) (c byte, used int) {
	switch {
	case text[0] != '\\':
		return text[0], 1
	case len(text) < 2:
		return 0, 0
	case !isDigit(text[1]):
		return text[1], 2
	case len(text) < 4 || !isDigit(text[2]) || !isDigit(text[3]):
		return 0, 0
	}
	n := int(text[1]-'0')*100 + int(text[2]-'0')*10 + int(text[3]-'0')
	if n > 255 {
		return 0, 0
	}
	return byte(n), 4
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// NameOf returns the uncompressed name that is the whole of wire, in lower case.
func NameOf(wire []byte) (Name, error) {
	if n, ok := NameLen(wire); !ok || n != len(wire) {
		return "", errNotAName
	}
	var buf [MaxName]byte
	return Name(AppendLower(buf[:0], wire)), nil
}

// String returns n in presentation form with its final dot; what is not a
// printable character of its own is escaped, so that ParseName gives n back.
func (n Name) String() string { return formatName(n) }

// FormatName returns the name at the start of wire in presentation form, its
// letters as they are; otherwise as [Name.String].
func FormatName(wire []byte) string { return formatName(wire) }

func formatName[T ~string | ~[]byte](wire T) string {
	if len(wire) == 0 || wire[0] == 0 {
		return "."
	}
	var b strings.Builder
	b.Grow(len(wire))
	for i := 0; i < len(wire) && wire[i] != 0; {
		end := min(i+1+int(wire[i]), len(wire))
		for i++; i < end; i++ {
			writeEscaped(&b, wire[i])
		}
		b.WriteByte('.')
	}
	return b.String()
}

// writeEscaped writes one octet of a label as master files have it.
func writeEscaped(b *strings.Builder, c byte) {
	switch {
	case strings.IndexByte(`."\;()@$`, c) >= 0:
		b.WriteByte('\\')
		b.WriteByte(c)
	case c <= ' ' || c > '~':
		b.WriteByte('\\')
		b.WriteByte('0' + c/100)
		b.WriteByte('0' + c/10%10)
		b.WriteByte('0' + c%10)
	default:
		b.WriteByte(c)
	}
}

// NumLabels returns the number of labels, the root's not counted: 3 for
// www.example.com.
func (n Name) NumLabels() int {
	labels := 0
	for i := 0; i < len(n) && n[i] != 0; i += 1 + int(n[i]) {
		labels++
	}
	return labels
}

// Parent returns n without its first label; the parent of the root is the root.
func (n Name) Parent() Name {
	if len(n) == 0 || n[0] == 0 || 1+int(n[0]) >= len(n) {
		return Root
	}
	return n[1+int(n[0]):]
}

// IsSubdomainOf reports whether n is zone or a name below it.
func (n Name) IsSubdomainOf(zone Name) bool {
	at := len(n) - len(zone)
	if at < 0 || n[at:] != zone {
		return false
	}
	// The shared end must begin at a label and not within one.
	i := 0
	for i < at {
		i += 1 + int(n[i])
	}
	return i == at
}
