package keepalived

import (
	"strconv"
	"strings"
)

// pending is work of the reader: a line to look at, or a sequence that makes
// lines.
type pending struct {
	line text
	seq  *sequence
}

// expand carries out the conditions, definitions, sequences and variables of a
// line, puts the lines that come of it out, and then reads the file that one of
// them includes.
func (r *reader) expand(t text) {
	r.here = t.at(0)
	r.expandLines(t)
	late := r.late
	r.late = nil
	for i, t := range late {
		if i > 0 {
			r.drop(t.at(0), "an include line of its own", "does not include the file", "a second include comes of one line")
			break
		}
		r.include(t)
	}
}

func (r *reader) expandLines(t text) {
	stack := []pending{{line: t}}
	for len(stack) > 0 && !r.full {
		top := &stack[len(stack)-1]
		if top.seq != nil {
			if !top.seq.next(r.vars) {
				stack = stack[:len(stack)-1]
				continue
			}
			stack = append(stack, pending{line: top.seq.rest})
			continue
		}
		line := top.line
		stack = stack[:len(stack)-1]
		if r.spend(line); r.full {
			return
		}
		stack = append(stack, r.step(line.trim())...)
	}
}

// spend counts a look at a line, and ends the reading when there were too
// many.
func (r *reader) spend(t text) {
	r.work -= len(t.s) + 32*len(t.spans) + 64
	if r.work < 0 || r.lines > maxLines {
		r.full = true
		r.diags.Errorf(t.at(0), "fewer or smaller variables and sequences", "the text grows beyond all bounds here")
	}
}

// step does one thing to a line and returns what is left to do, last first.
func (r *reader) step(t text) []pending {
	switch {
	case t.s == "":
		return nil
	case t.s[0] == '@':
		return r.condition(t)
	case t.s[0] == '~':
		if seq := r.sequence(t); seq != nil {
			return []pending{{seq: seq}}
		}
		return nil
	case r.startsDefinition(t):
		r.define(t)
		return nil
	}
	// A condition, sequence or definition may also stand behind a brace.
	if i := r.behindBrace(t); i > 0 {
		return []pending{{line: t.slice(i, len(t.s))}, {line: t.slice(0, i)}}
	}
	if i, j, name, ok := r.variable(t.s); ok {
		return r.open1(t, i, j, name)
	}
	r.undefined(t)
	r.emit(t)
	return nil
}

// undefined tells of words that look like a variable which has no value here.
// They stay as they are; inside quotes they may be meant for a shell.
func (r *reader) undefined(t text) {
	if strings.IndexByte(t.s, '$') < 0 {
		return
	}
	quoted := false
	for i := 0; i < len(t.s); i++ {
		if t.s[i] == '"' || t.s[i] == '\'' {
			quoted = !quoted
		}
		if quoted || t.s[i] != '$' {
			continue
		}
		rest := t.s[i+1:]
		name := strings.TrimPrefix(rest, "{")
		n := nameLen(name)
		if n == 0 || len(name) < len(rest) && (n == len(name) || name[n] != '}') {
			continue
		}
		right := "$" + name[:n] + "=VALUE before it"
		if i == 0 && strings.HasPrefix(strings.TrimLeft(name[n:], blanks), "=") {
			right = "$" + name[:n] + "= without a blank"
		}
		if r.known(name[:n]) {
			right = "${" + name[:n] + "}, which needs no blank behind it"
		}
		r.diags.Warnf(t.at(i), right, "$%s has no value here and stays as it is", name[:n])
	}
}

// behindBrace returns where a part of a line begins, behind a brace outside
// quotes and variables, that has to be looked at as if it were a line; 0 if
// there is none.
func (r *reader) behindBrace(t text) int {
	quoted := false
	for i := 0; i < len(t.s); i++ {
		switch c := t.s[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '$' && i+1 < len(t.s) && t.s[i+1] == '{':
			if end := strings.IndexByte(t.s[i:min(len(t.s), i+maxName)], '}'); end > 0 {
				i += end
			}
		case c == '{' || c == '}':
			rest := strings.TrimLeft(t.s[i+1:], blanks)
			if rest != "" && (rest[0] == '@' || rest[0] == '~' || r.startsDefinition(text{s: rest})) {
				return i + 1
			}
		}
	}
	return 0
}

// emit puts a finished line out.
func (r *reader) emit(t text) {
	r.lines++
	t = t.joined()
	first := firstWord(t.s)
	switch {
	case first == "include_check":
		ws, _ := words(t)
		r.setCheck(ws)
		return
	case first == "random_seed":
		if ws, _ := words(t); len(ws) == 2 {
			if n, err := strconv.ParseUint(ws[1].s, 10, 32); err == nil {
				r.opt.Seed, r.rand = n, nil
			}
		}
	}
	if _, ok := includeWords[first]; ok {
		r.late = append(r.late, t)
		return
	}
	if len(r.late) > 0 && !r.lateTold {
		r.lateTold = true
		r.drop(r.late[0].at(0), "an include line of its own", "reads the file behind them", "lines that come of the same line follow %s", firstWord(r.late[0].s))
	}
	r.out(t)
}

// condition keeps the line behind @NAME if NAME is the configuration's id, and
// that behind @^NAME if it is not.
func (r *reader) condition(t text) []pending {
	end := strings.IndexAny(t.s, blanks)
	if end < 0 {
		end = len(t.s)
	}
	id, not := strings.CutPrefix(t.s[1:end], "^")
	if id == "" {
		r.drop(t.at(0), "@NAME or @^NAME before the line", "leaves the line out", "a condition without a name")
		return nil
	}
	rest := t.slice(end, len(t.s)).trim()
	if (id == r.opt.configID()) != not {
		return []pending{{line: rest}}
	}
	// A definition that is left out takes all its lines along. keepalived reads
	// the others as configuration, which nobody means.
	if rest.s != "" && r.startsDefinition(rest) && strings.HasSuffix(rest.s, `\`) {
		r.skipping = true
		r.diags.Warnf(t.at(0), "the condition on the lines inside", "a definition of several lines behind a condition that does not hold is left out whole: keepalived leaves out its first line only")
	}
	return nil
}

// open1 replaces the variable at t[i:j]. A value of several lines is set in
// line by line: what stands before it goes to the first, what follows to the
// last.
func (r *reader) open1(t text, i, j int, name string) []pending {
	pos, depth := t.at(i), t.spans[t.span(i)].depth
	if r.looping[name] {
		return nil
	}
	if depth >= maxOpened {
		r.looping[name] = true
		r.diags.Errorf(pos, "a value that does not lead back to it", "the variable $%s names itself", name)
		return nil
	}
	d, ok := r.vars[name]
	if !ok {
		value, _ := r.predefined(name)
		d = definition{lines: []text{newText(value, pos)}}
	}
	head, tail := t.slice(0, i), t.slice(j, len(t.s))
	if !d.multi {
		value := text{}
		if len(d.lines) > 0 {
			value = d.lines[0].opened(&pos, depth)
		}
		line := head.append(value).append(tail)
		if len(line.s) > maxLine {
			r.diags.Errorf(pos, "", "the line grows beyond %d bytes with $%s", maxLine, name)
			return nil
		}
		return []pending{{line: line}}
	}
	r.opens(d)
	var out []pending
	if tail.s != "" {
		out = append(out, pending{line: tail})
	}
	for k := len(d.lines) - 1; k >= 0; k-- {
		out = append(out, pending{line: d.lines[k].opened(nil, depth)})
		r.work -= 64
	}
	if head.s != "" {
		out = append(out, pending{line: head})
	}
	return out
}
