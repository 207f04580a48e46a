package keepalived

import "strings"

// scriptWords splits the line of a script-like keyword: single and double
// quotes group, wherever in a word they stand, and with escapes a backslash
// makes a control character as in C (\t, \n, \033, \x41, \cC) or takes the
// meaning off the next character.
func scriptWords(t text, escapes bool) []word {
	var ws []word
	s := t.s
	for i := 0; i < len(s); {
		if isBlank(s[i]) {
			i++
			continue
		}
		w := word{pos: t.at(i), off: i}
		var b strings.Builder
		quote := byte(0)
		for i < len(s) && (quote != 0 || !isBlank(s[i])) {
			c := s[i]
			switch {
			case escapes && c == '\\' && i+1 < len(s):
				n := unescape(&b, s[i+1:])
				i += 1 + n
				continue
			case quote == 0 && (c == '"' || c == '\''):
				quote, w.quoted = c, true
			case quote != 0 && c == quote:
				quote = 0
			default:
				b.WriteByte(c)
			}
			i++
		}
		w.s = b.String()
		ws = append(ws, w)
	}
	return ws
}

// unescape writes the character that the escape s (behind its backslash)
// stands for and returns how many bytes of s it took.
func unescape(b *strings.Builder, s string) int {
	if i := strings.IndexByte("abEfnrtv", s[0]); i >= 0 {
		b.WriteByte("\a\b\x1b\f\n\r\t\v"[i])
		return 1
	}
	switch c := s[0]; {
	case c >= '0' && c <= '7':
		n, v := 0, 0
		for n < 3 && n < len(s) && s[n] >= '0' && s[n] <= '7' {
			v = v*8 + int(s[n]-'0')
			n++
		}
		b.WriteByte(byte(v))
		return n
	case c == 'x' && len(s) > 1 && hexDigit(s[1]) >= 0:
		n, v := 1, 0
		for n < len(s) && hexDigit(s[n]) >= 0 {
			v = v<<4&0xff | hexDigit(s[n])
			n++
		}
		b.WriteByte(byte(v))
		return n
	case c == 'c' && len(s) > 1:
		b.WriteByte(s[1] & 0x1f)
		return 2
	}
	b.WriteByte(s[0])
	return 1
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// command takes the command of a notify-like line: one word, which is split
// again if it has blanks, then the user and group to run it as.
func (d *decoder) command(n *node) *Command {
	ws := scriptWords(n.text, true)
	switch {
	case len(ws) < 2:
		d.missing(n)
		return nil
	case ws[1].s == "":
		d.drop(ws[1].pos, "the program to run", "does not run it", "%s with an empty command", n.keyword())
		return nil
	}
	c, ok := d.argv(ws[1])
	if !ok {
		return nil
	}
	if len(ws) > 2 {
		c.User = User{Name: ws[2].s}
		if strings.ContainsAny(ws[2].s, "/-. =") {
			d.drop(ws[2].pos, `the whole command in double quotes: `+n.keyword()+` "PROGRAM ARGUMENT" [USER [GROUP]]`,
				"does not run it", "%s is no user, which is what stands behind the program", ws[2].s)
			return nil
		}
	}
	if len(ws) > 3 {
		c.User.Group = ws[3].s
	}
	if len(ws) > 4 {
		d.diags.Warnf(ws[4].pos, "", "more values than %s takes, ignored", n.keyword())
	}
	return c
}

// argv splits the word that holds a command into a program and arguments. ok
// is false if it cannot be run, which has been told.
func (d *decoder) argv(w word) (c *Command, ok bool) {
	parts := scriptWords(text{s: w.s, spans: []span{{pos: w.pos, fixed: true}}}, false)
	if len(parts) == 0 {
		d.diags.Errorf(w.pos, "the program to run", "an empty command")
		return nil, false
	}
	c = &Command{Pos: w.pos}
	for _, p := range parts {
		c.Argv = append(c.Argv, p.s)
	}
	return c, d.noShell(c)
}

// shellWords start a shell's own constructs: as programs they do not exist.
var shellWords = map[string]bool{
	"if": true, "for": true, "while": true, "until": true, "case": true, "function": true, "[[": true,
	"exit": true, "source": true, ".": true, "export": true, "cd": true, "!": true, "{": true, "(": true,
}

var shellMarks = map[string]bool{"|": true, "||": true, "&&": true, "&": true, ";": true, ">": true, ">>": true, "<": true}

// noShell tells when a command is written for a shell, of which there is none
// between vipd and the program, nor in keepalived. It reports whether the
// program can be one at all.
func (d *decoder) noShell(c *Command) bool {
	const right = `a script in a file, or "/bin/sh -c '…'"`
	if shellWords[c.Argv[0]] {
		d.drop(c.Pos, right, "does not run it", "%s is a word of the shell, not a program", c.Argv[0])
		return false
	}
	for _, a := range c.Argv[1:] {
		if shellMarks[a] || strings.HasPrefix(a, ">/") || strings.HasPrefix(a, "2>") {
			d.diags.Warnf(c.Pos, right, "%s is given to the program as an argument: no shell reads this line", a)
			break
		}
	}
	return true
}
