package zone

import (
	"bytes"
	"slices"
	"strings"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// maxIncludeDepth bounds files that include files; NSD stops there too.
const maxIncludeDepth = 10

// maxPath bounds the path of an included file, in octets.
const maxPath = 1024

var directives = []string{"$TTL", "$ORIGIN", "$INCLUDE", "$GENERATE"}

// directive carries out the line that begins with "$" in the first column.
func (r *reader) directive() {
	name, args := r.tokens[0], r.tokens[1:]
	word := r.value(name)
	if r.made != nil {
		r.wrong(name, "", "%s made by $GENERATE", word)
		return
	}
	switch {
	case equalFold(word, "$TTL"):
		r.directiveTTL(name, args)
	case equalFold(word, "$ORIGIN"):
		r.directiveOrigin(name, args)
	case equalFold(word, "$INCLUDE"):
		r.directiveInclude(name, args)
	case equalFold(word, "$GENERATE"):
		r.directiveGenerate(name, args)
	default:
		right := "$TTL, $ORIGIN, $INCLUDE or $GENERATE"
		if near := diag.Nearest(string(word[:min(len(word), 16)]), directives); near != "" {
			right = "did you mean " + near + "?"
		}
		r.wrong(name, right, "unknown directive %q", word)
	}
}

// arguments checks how many words a directive has.
func (r *reader) arguments(name token, args []token, least, most int, right string) bool {
	switch {
	case len(args) < least:
		r.wrong(name, right, "%s without a value", r.value(name))
		return false
	case len(args) > most:
		r.wrong(args[most], right, "%q is one word too many for %s", r.value(args[most]), r.value(name))
		return false
	}
	return true
}

// directiveTTL sets the TTL of records that have none (RFC 2308, Section 4).
func (r *reader) directiveTTL(name token, args []token) {
	const right = "a time, such as $TTL 300 or $TTL 1h"
	// What comes after is not to be blamed for a mistake here.
	r.ttl.hasStandard = true
	if !r.arguments(name, args, 1, 1, right) {
		return
	}
	ttl, ok := period(r.value(args[0]))
	if !ok {
		r.wrong(args[0], right, "bad TTL %q", r.value(args[0]))
		return
	}
	r.ttl.standard = r.ttlOf(args[0], ttl, "$TTL")
}

// directiveOrigin sets what relative names end in. It may be relative itself,
// as in BIND. A blank owner goes on to mean the last one.
func (r *reader) directiveOrigin(name token, args []token) {
	const right = "a name, such as $ORIGIN sub.example.com."
	if !r.arguments(name, args, 1, 1, right) {
		return
	}
	if origin, ok := r.name(args[0]); ok {
		r.moved = !bytes.Equal(origin, r.origin)
		r.origin = origin
	}
}

// name returns the wire form of a word as a new slice.
func (r *reader) name(t token) ([]byte, bool) {
	name, err := appendName(nil, r.value(t), r.origin)
	if err != nil {
		r.wrong(t, rightName(err), "bad name %q, %v", r.value(t), err)
	}
	return name, err == nil
}

// directiveInclude reads another file in the place of the line (RFC 1035,
// Section 5.1). The file starts with the origin given, or that of the line, and
// with the last owner; after it both are as they were.
func (r *reader) directiveInclude(name token, args []token) {
	if !r.arguments(name, args, 1, 2, "the path of a file below the folder of the zones, and an origin if need be") {
		return
	}
	origin := r.origin
	if len(args) == 2 {
		var ok bool
		if origin, ok = r.name(args[1]); !ok {
			return
		}
	}
	unescaped, err := appendOctets(nil, r.value(args[0]), maxPath)
	if err != nil {
		r.wrong(args[0], "", "bad path %q", r.value(args[0]))
		return
	}
	path, err := includePath(string(unescaped))
	if err != nil {
		r.wrong(args[0], "a path below the folder of the zones, such as include/mail.db", "%v %q", err, unescaped)
		return
	}
	r.include(args[0], path, origin)
}

func (r *reader) include(at token, path string, origin []byte) {
	switch {
	case slices.Contains(r.open, path):
		r.wrong(at, "", "include loop: %s", strings.Join(append(slices.Clone(r.open), path), ", "))
		return
	case len(r.open) > maxIncludeDepth:
		r.wrong(at, "", "more than %d files within files", maxIncludeDepth)
		return
	}
	index, err := r.source(path)
	if err != nil {
		r.wrong(at, "paths are taken from the folder of the zones", "%q: %v", path, err)
		// What it would have held is not told as missing.
		r.build.brokenSOA, r.build.brokenNS, r.build.broken = true, true, true
		r.full = r.full || r.bytesLeft < 0
		return
	}
	r.open = append(r.open, path)
	in := newReader(r.loader, index, origin)
	in.owner, in.ownerOf = bytes.Clone(r.owner), r.ownerOf
	in.run()
	r.open = r.open[:len(r.open)-1]
}
