package docs

import (
	"fmt"
	"regexp"
	"strings"
)

// kind says what a step of a document does.
type kind int

const (
	newFolder kind = iota
	writeFile
	runCommands
	stopJob
	awaitLog
)

// step is one thing that a document has done to its folder.
type step struct {
	kind  kind
	line  int // of the document, from 1
	name  string
	text  string
	marks map[string]string // of a block of commands
}

var (
	comment    = regexp.MustCompile(`^<!-- ([a-z ]+?)(?:: (.*?))?(?: -->)?$`)
	blockMarks = map[string]bool{"job": true, "soon": true, "exit": true, "as": true, "log": true, "not run": true}
	// checked are the languages of blocks that are either files, run, or
	// marked as not run.
	checked = map[string]bool{"yaml": true, "zone": true, "console": true, "ini": true}
)

// parse returns the steps of a document.
func parse(text string) ([]step, error) {
	p := parser{marks: map[string]string{}}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case strings.HasPrefix(line, "<!-- "):
			end := i
			for !strings.HasSuffix(lines[end], "-->") && end+1 < len(lines) {
				end++
			}
			if err := p.comment(i+1, lines[i:end+1]); err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
			i = end
		case strings.HasPrefix(line, "```"):
			end := i + 1
			for end < len(lines) && !strings.HasPrefix(lines[end], "```") {
				end++
			}
			if end == len(lines) {
				return nil, fmt.Errorf("line %d: the block never ends", i+1)
			}
			body := strings.Join(lines[i+1:end], "\n") + "\n"
			if err := p.block(i+1, strings.TrimPrefix(line, "```"), body); err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
			i = end
		}
	}
	return p.steps, nil
}

type parser struct {
	steps []step
	marks map[string]string // waiting for their block
}

// comment takes in one comment of one or more lines.
func (p *parser) comment(line int, lines []string) error {
	m := comment.FindStringSubmatch(lines[0])
	if m == nil {
		return fmt.Errorf("comment %q is not understood", lines[0])
	}
	word, value := m[1], m[2]
	switch {
	case word == "folder":
		p.steps = append(p.steps, step{kind: newFolder, line: line, name: value})
	case word == "stop":
		p.steps = append(p.steps, step{kind: stopJob, line: line, name: value})
	case word == "hidden file":
		body := strings.Join(lines[1:len(lines)-1], "\n") + "\n"
		p.steps = append(p.steps, step{kind: writeFile, line: line, name: value, text: body})
	case word == "measured", word == "measured end":
		// Between the two stands what a tool of the repository writes.
	case word == "file", blockMarks[word]:
		p.marks[word] = value
	default:
		return fmt.Errorf("comment %q is not understood", lines[0])
	}
	return nil
}

// block takes in one fenced block.
func (p *parser) block(line int, lang, body string) error {
	marks := p.marks
	p.marks = map[string]string{}
	name, isFile := marks["file"]
	_, shown := marks["not run"]
	switch {
	case shown:
		if marks["not run"] == "" {
			return fmt.Errorf("no reason why the block is not run")
		}
	case isFile:
		p.steps = append(p.steps, step{kind: writeFile, line: line, name: name, text: body})
	case marks["log"] != "":
		p.steps = append(p.steps, step{kind: awaitLog, line: line, name: marks["log"], text: body})
	case lang == "console":
		p.steps = append(p.steps, step{kind: runCommands, line: line, text: body, marks: marks})
	case checked[lang]:
		return fmt.Errorf("a block of %s that is neither a file nor marked as not run", lang)
	}
	return nil
}

// command is a line after "$ " with the output that is shown for it.
type command struct {
	line   int
	text   string
	output string
}

// commands cuts a block into its commands.
func (s step) commands() ([]command, error) {
	var out []command
	for i, line := range strings.Split(strings.TrimSuffix(s.text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "$ "):
			out = append(out, command{line: s.line + 1 + i, text: strings.TrimPrefix(line, "$ ")})
		case len(out) == 0:
			return nil, fmt.Errorf("line %d: output before the first command", s.line+1+i)
		default:
			out[len(out)-1].output += line + "\n"
		}
	}
	return out, nil
}
