package jsonvalue

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/ctwo-go/c2/codec"
)

// scanner takes JSON apart.
type scanner struct {
	src     []byte
	at      int
	depth   int
	scratch []byte // of unescaped text
}

// syntax is an error at the place where the scanner is.
func (s *scanner) syntax(want string) error {
	if s.at >= len(s.src) {
		return fmt.Errorf("the JSON ends where %s is due", want)
	}
	have := s.src[s.at:]
	return fmt.Errorf("at byte %d: want %s, have %q", s.at, want, have[:min(len(have), 16)])
}

// noValue is the error where a value is due and none begins.
func (s *scanner) noValue() error {
	if c := s.byte(); c == 'N' || c == 'I' { // as Python writes them
		return s.syntax("a value (NaN and Infinity are written in quotes)")
	}
	return s.syntax("a value")
}

// peek passes over white space and is the byte behind it, 0 at the end.
func (s *scanner) peek() byte {
	for s.at < len(s.src) {
		c := s.src[s.at]
		if c > ' ' || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
		s.at++
	}
	return 0
}

// end says that nothing may follow.
func (s *scanner) end() error {
	if s.peek(); s.at < len(s.src) {
		return s.syntax("nothing more")
	}
	return nil
}

// literal takes one of true, false and null.
func (s *scanner) literal(word string) error {
	if !bytes.HasPrefix(s.src[s.at:], []byte(word)) {
		return s.syntax(word)
	}
	s.at += len(word)
	return nil
}

// open goes into an array or object, whose bracket is next; close comes back.
func (s *scanner) open() error {
	s.at++
	s.depth++
	if s.depth > codec.MaxDepth {
		return errDeep
	}
	return nil
}

func (s *scanner) close() { s.depth-- }

// more says whether another element comes before the bracket that ends them, which it takes. It takes the comma before
// all elements but the first.
func (s *scanner) more(first bool, end byte) (bool, error) {
	c := s.peek()
	switch {
	case c == end && s.at < len(s.src):
		s.at++
		return false, nil
	case first:
		return true, nil
	case c != ',':
		return false, s.syntax("a comma or " + string(rune(end)))
	}
	s.at++
	return true, nil
}

// key takes a key and its colon. The key belongs to the scanner until its next string.
func (s *scanner) key() ([]byte, error) {
	if s.peek() != '"' {
		return nil, s.syntax("a key in quotes")
	}
	key, err := s.string()
	if err != nil {
		return nil, err
	}
	if s.peek() != ':' {
		return nil, s.syntax("a colon")
	}
	s.at++
	return key, nil
}

// string takes a string, whose quote is next. It belongs to the scanner until its next string.
func (s *scanner) string() ([]byte, error) {
	start := s.at + 1
	for i := start; i < len(s.src); i++ {
		switch c := s.src[i]; {
		case c == '"':
			s.at = i + 1
			text := s.src[start:i]
			if !utf8.Valid(text) {
				return nil, errors.New("text is not valid UTF-8; send bytes as base64")
			}
			return text, nil
		case c == '\\':
			return s.escaped(start, i)
		case c < ' ':
			s.at = i
			return nil, s.syntax("text without control characters, which are to be escaped")
		}
	}
	s.at = len(s.src)
	return nil, s.syntax("the end of a string")
}

// escaped takes a string that begins at start and whose first backslash is at i.
func (s *scanner) escaped(start, i int) ([]byte, error) {
	out := append(s.scratch[:0], s.src[start:i]...)
	for s.at = i; s.at < len(s.src); {
		c := s.src[s.at]
		s.at++
		switch {
		case c == '"':
			s.scratch = out
			if !utf8.Valid(out) {
				return nil, errors.New("text is not valid UTF-8; send bytes as base64")
			}
			return out, nil
		case c < ' ':
			s.at--
			return nil, s.syntax("text without control characters, which are to be escaped")
		case c != '\\':
			out = append(out, c)
		default:
			var err error
			if out, err = s.escape(out); err != nil {
				return nil, err
			}
		}
	}
	return nil, s.syntax("the end of a string")
}

// escape adds what the escape stands for whose backslash was the last byte.
func (s *scanner) escape(out []byte) ([]byte, error) {
	if s.at >= len(s.src) {
		return out, s.syntax("the end of a string")
	}
	c := s.src[s.at]
	s.at++
	switch c {
	case '"', '\\', '/':
		return append(out, c), nil
	case 'b':
		return append(out, '\b'), nil
	case 'f':
		return append(out, '\f'), nil
	case 'n':
		return append(out, '\n'), nil
	case 'r':
		return append(out, '\r'), nil
	case 't':
		return append(out, '\t'), nil
	case 'u':
		return s.unicode(out)
	}
	s.at -= 2
	return out, s.syntax("an escape that JSON has")
}

func (s *scanner) unicode(out []byte) ([]byte, error) {
	r, err := s.hex()
	if err != nil {
		return out, err
	}
	if utf16.IsSurrogate(r) {
		low := rune(0)
		if bytes.HasPrefix(s.src[s.at:], []byte(`\u`)) {
			s.at += 2
			if low, err = s.hex(); err != nil {
				return out, err
			}
		}
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			return out, errors.New("text has half of a surrogate pair, which is no character")
		}
	}
	return utf8.AppendRune(out, r), nil
}

// hex takes the four digits of an escape.
func (s *scanner) hex() (r rune, err error) {
	for range 4 {
		c := byte(0)
		if s.at < len(s.src) {
			c = s.src[s.at]
		}
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, s.syntax("a hexadecimal digit")
		}
		s.at++
	}
	return r, nil
}

// number takes a number and says whether it is written without fraction and exponent.
func (s *scanner) number() (text []byte, whole bool, err error) {
	start := s.at
	if s.byte() == '-' {
		s.at++
	}
	if s.byte() == '0' {
		s.at++
	} else if !s.digits() {
		return nil, false, s.syntax("a digit")
	}
	whole = true
	if s.byte() == '.' {
		s.at++
		whole = false
		if !s.digits() {
			return nil, false, s.syntax("a digit")
		}
	}
	if s.byte()|0x20 == 'e' {
		s.at++
		whole = false
		if c := s.byte(); c == '+' || c == '-' {
			s.at++
		}
		if !s.digits() {
			return nil, false, s.syntax("a digit")
		}
	}
	return s.src[start:s.at], whole, nil
}

// byte is the next byte, 0 at the end.
func (s *scanner) byte() byte {
	if s.at < len(s.src) {
		return s.src[s.at]
	}
	return 0
}

func (s *scanner) digits() bool {
	start := s.at
	for c := s.byte(); '0' <= c && c <= '9'; c = s.byte() {
		s.at++
	}
	return s.at > start
}

// skip passes over a value.
func (s *scanner) skip() error {
	switch c := s.peek(); c {
	case '"':
		_, err := s.string()
		return err
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	case '[', '{':
		return s.skipParts(c + 2)
	}
	if c := s.byte(); c != '-' && (c < '0' || c > '9') {
		return s.noValue()
	}
	_, _, err := s.number()
	return err
}

// skipParts passes over an array or object that ends with that bracket.
func (s *scanner) skipParts(end byte) error {
	if err := s.open(); err != nil {
		return err
	}
	defer s.close()
	for first := true; ; first = false {
		more, err := s.more(first, end)
		if err != nil || !more {
			return err
		}
		if end == '}' {
			if _, err := s.key(); err != nil {
				return err
			}
		}
		if err := s.skip(); err != nil {
			return err
		}
	}
}
