package dotenv

import (
	"errors"
	"fmt"
	"strings"
)

// parser walks a text from its front; what it has read is cut off.
type parser struct {
	rest string
	line int
}

const blank = " \t\r"

func parse(text string) (map[string]string, error) {
	p := parser{rest: strings.TrimPrefix(text, "\ufeff"), line: 1}
	vars := make(map[string]string)
	for p.rest != "" {
		if p.skip(blank); p.rest == "" || p.rest[0] == '\n' || p.rest[0] == '#' {
			p.takeLine()
			continue
		}
		line := p.line
		key, value, err := p.variable()
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		vars[key] = value
	}
	return vars, nil
}

// skip cuts off leading bytes of a set that holds no newline.
func (p *parser) skip(set string) { p.rest = strings.TrimLeft(p.rest, set) }

// takeLine cuts off what is left of the line, and returns it without its newline.
func (p *parser) takeLine() string {
	line, rest, _ := strings.Cut(p.rest, "\n")
	p.rest = rest
	p.line++
	return line
}

// variable reads one KEY=VALUE with the lines that it spans.
func (p *parser) variable() (key, value string, err error) {
	key = p.key()
	if key == "export" && p.rest != "" && strings.IndexByte(blank, p.rest[0]) >= 0 {
		if p.skip(blank); !strings.HasPrefix(p.rest, "=") {
			key = p.key()
		}
	}
	p.skip(blank)
	if key == "" {
		// The text itself stays out of the error: it may be part of a secret.
		return "", "", errors.New("no variable's name; write KEY=VALUE, the key of letters, digits and _")
	}
	if !strings.HasPrefix(p.rest, "=") {
		return "", "", fmt.Errorf("no = after %s; write %s=VALUE", key, key)
	}
	p.rest = p.rest[1:]
	p.skip(blank)
	value, err = p.value()
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", key, err)
	}
	return key, value, nil
}

// key cuts off a name: letters, digits, and the _ . - that other programs put in theirs.
func (p *parser) key() string {
	end := 0
	for end < len(p.rest) && inName(p.rest[end], end == 0) {
		end++
	}
	key := p.rest[:end]
	p.rest = p.rest[end:]
	return key
}

func inName(b byte, first bool) bool {
	switch {
	case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', b == '_':
		return true
	case '0' <= b && b <= '9', b == '.', b == '-':
		return !first
	}
	return false
}

// value cuts off a value and the rest of its last line.
func (p *parser) value() (string, error) {
	if p.rest == "" || p.rest[0] != '"' && p.rest[0] != '\'' {
		return bare(p.takeLine()), nil
	}
	quote := p.rest[0]
	p.rest = p.rest[1:]
	raw, ok := p.takeQuoted(quote)
	if !ok {
		return "", fmt.Errorf("no closing %c; add it at the end of the value", quote)
	}
	if p.skip(blank); p.rest != "" && p.rest[0] != '\n' && p.rest[0] != '#' {
		return "", fmt.Errorf("text after the closing %c; put the whole value in quotes", quote)
	}
	p.takeLine()
	if quote == '\'' {
		return raw, nil
	}
	return unescape(raw)
}

// takeQuoted cuts off everything up to the closing quote, and the quote.
func (p *parser) takeQuoted(quote byte) (raw string, ok bool) {
	for i := 0; i < len(p.rest); i++ {
		switch b := p.rest[i]; {
		case b == quote:
			raw, p.rest = p.rest[:i], p.rest[i+1:]
			p.line += strings.Count(raw, "\n")
			return raw, true
		case b == '\\' && quote == '"':
			i++ // whatever is escaped does not close
		}
	}
	return "", false
}

// bare is a value without quotes: up to a comment, without the spaces around it.
func bare(line string) string {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || strings.IndexByte(blank, line[i-1]) >= 0) {
			line = line[:i]
			break
		}
	}
	return strings.Trim(line, blank)
}

// unescape resolves the escapes of double quotes.
func unescape(raw string) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(raw, `\`)
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		switch c := after[0]; c { // takeQuoted saw a byte behind every backslash
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case '\\', '"', '$':
			b.WriteByte(c)
		default:
			return "", fmt.Errorf(`unknown escape \%c; write \\ for a backslash, or use single quotes`, c)
		}
		raw = after[1:]
	}
}
