package keepalived

import (
	"strconv"
	"strings"
)

// sequence is a ~SEQ or ~LST at the head of a line: the rest of the line, once
// for each value.
type sequence struct {
	rest  text
	names []string

	rows [][]string // ~LST: values for names

	value, step, end int64 // ~SEQ
	count            bool
	hex              bool
	done             bool
}

// next sets the variables to the next value; it returns false after the last.
func (s *sequence) next(vars map[string]definition) bool {
	var row []string
	if s.count {
		if s.done || s.step > 0 && s.value > s.end || s.step < 0 && s.value < s.end {
			return false
		}
		base := 10
		if s.hex {
			base = 16
		}
		row = []string{strconv.FormatInt(s.value, base)}
		s.done = s.value == s.end // before the value could run over
		s.value += s.step
	} else {
		if len(s.rows) == 0 {
			return false
		}
		row, s.rows = s.rows[0], s.rows[1:]
	}
	for i, name := range s.names {
		vars[name] = definition{lines: []text{newText(row[i], s.rest.at(0))}}
	}
	return true
}

// sequence reads ~SEQ(var, start, step, end), ~SEQx(…) or ~LST(var, a, b, …)
// at the head of a line. It tells what is wrong and returns nil.
func (r *reader) sequence(t text) *sequence {
	open, end := strings.IndexByte(t.s, '('), strings.IndexByte(t.s, ')')
	kind := ""
	if open > 0 {
		kind = t.s[1:open]
	}
	if kind != "SEQ" && kind != "SEQx" && kind != "LST" {
		r.diags.Errorf(t.at(0), "~SEQ(name, first, step, last) or ~LST(name, value, …)", "a line that starts with ~")
		return nil
	}
	if end < open {
		r.diags.Errorf(t.at(open), "", "the ( of ~%s is never closed", kind)
		return nil
	}
	args, ok := r.sequenceArgs(t.slice(open+1, end))
	if !ok {
		return nil
	}
	s := &sequence{rest: t.slice(end+1, len(t.s))}
	what, right := "", ""
	if kind == "LST" {
		what, right = s.list(args)
	} else {
		s.hex = kind == "SEQx"
		what, right = s.numbers(args)
	}
	if what != "" {
		r.diags.Errorf(t.at(0), right, "~%s: %s", kind, what)
		return nil
	}
	return s
}

// sequenceArgs opens the variables inside the parentheses.
func (r *reader) sequenceArgs(t text) (string, bool) {
	for {
		i, j, name, ok := r.variable(t.s)
		if !ok {
			return t.s, true
		}
		left := r.open1(t, i, j, name)
		if len(left) != 1 {
			return "", false
		}
		t = left[0].line
		if r.spend(t); r.full {
			return "", false
		}
	}
}

// numbers reads the arguments of ~SEQ.
func (s *sequence) numbers(args string) (what, right string) {
	f := splitTrim(args)
	right = "~SEQ(name, first, step, last)"
	if len(f) < 2 || len(f) > 4 || !isName(f[0]) {
		return "one name and one to three numbers are wanted", right
	}
	nums := make([]int64, 0, 3)
	for _, a := range f[1:] {
		n, err := strconv.ParseInt(a, 0, 32)
		if err != nil {
			return a + " is no number", right
		}
		nums = append(nums, n)
	}
	s.names, s.count, s.end = f[:1], true, nums[len(nums)-1]
	s.value, s.step = 1, 1
	if s.end < 0 {
		s.value = -1
	}
	if len(nums) > 1 {
		s.value = nums[0]
	}
	if s.end < s.value {
		s.step = -1
	}
	if len(nums) == 3 {
		s.step = nums[1]
	}
	switch {
	case s.step == 0:
		return "step 0 never ends", "a step that is not 0"
	case (s.end-s.value)/s.step > maxSequence:
		return "more than " + strconv.Itoa(maxSequence) + " values", "a shorter sequence"
	}
	return "", ""
}

// list reads the arguments of ~LST: name, value, …, or {name, name}, {value,
// value}, …
func (s *sequence) list(args string) (what, right string) {
	right = "~LST(name, value, …) or ~LST({name, name}, {value, value}, …)"
	fields, ok := splitGroups(args)
	if !ok || len(fields) < 2 {
		return "a name and at least one value are wanted", right
	}
	s.names = fields[0]
	for _, n := range s.names {
		if !isName(n) {
			return strconv.Quote(n) + " is no name", right
		}
	}
	for _, row := range fields[1:] {
		if len(row) != len(s.names) {
			return "a value for each name is wanted", right
		}
	}
	s.rows = fields[1:]
	return "", ""
}

func isName(s string) bool { return s != "" && nameLen(s) == len(s) }

func splitTrim(s string) []string {
	f := strings.Split(s, ",")
	for i := range f {
		f[i] = strings.Trim(f[i], blanks)
	}
	return f
}

// splitGroups splits at commas outside braces; a braced field has several
// parts.
func splitGroups(s string) ([][]string, bool) {
	var out [][]string
	for {
		s = strings.Trim(s, blanks)
		var field []string
		if strings.HasPrefix(s, "{") {
			end := strings.IndexByte(s, '}')
			if end < 0 {
				return nil, false
			}
			field, s = splitTrim(s[1:end]), strings.Trim(s[end+1:], blanks)
			if s != "" && s[0] != ',' {
				return nil, false
			}
		} else {
			end := strings.IndexByte(s, ',')
			if end < 0 {
				end = len(s)
			}
			field, s = []string{strings.Trim(s[:end], blanks)}, s[end:]
		}
		out = append(out, field)
		if s == "" {
			return out, true
		}
		s = s[1:]
	}
}
