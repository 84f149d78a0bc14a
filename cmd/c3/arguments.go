package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	c2 "github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/codec"
)

// arguments makes the JSON list of the arguments of a call of m.
func (c *caller) arguments(m *c2.MethodDescriptor, args []string) ([]byte, error) {
	list := []byte{'['}
	stdin := 0
	for i, arg := range args {
		if arg == "-" {
			stdin++
		}
		if stdin > 1 {
			return nil, errors.New("only one argument can come from standard input")
		}
		item, err := c.argument(parameter(m, i), arg)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, item...)
	}
	return append(list, ']'), nil
}

// parameter is the schema of an argument, any if there is none: the call will say how many there are.
func parameter(m *c2.MethodDescriptor, i int) *codec.Schema {
	unknown := &codec.Schema{Kind: codec.KindAny}
	last := len(m.Params) - 1
	var s *codec.Schema
	switch {
	case m.Variadic && i >= last && last >= 0:
		s = m.Params[last]
		if s != nil && s.Kind == codec.KindList {
			s = s.Elem
		} else {
			s = unknown // numbers
		}
	case i <= last:
		s = m.Params[i]
	}
	if s == nil {
		return unknown
	}
	return s
}

// textual says whether values of s are text in JSON.
func textual(s *codec.Schema) bool {
	return s.Kind == codec.KindText || s.Kind == codec.KindTime || s.Kind == codec.KindBytes
}

// indirect says whether an argument is somewhere else.
func indirect(arg string) bool { return arg == "-" || strings.HasPrefix(arg, "@") }

// argument makes one argument JSON.
func (c *caller) argument(s *codec.Schema, arg string) ([]byte, error) {
	if indirect(arg) {
		text, err := c.read(arg)
		if err != nil {
			return nil, err
		}
		switch s.Kind {
		case codec.KindBytes:
			return quote(base64.StdEncoding.EncodeToString(text))
		case codec.KindText:
			return quote(string(text))
		}
		return checked(text)
	}
	if textual(s) && !quoted(s, arg) || s.Kind == codec.KindAny && !json.Valid([]byte(arg)) {
		return quote(arg)
	}
	return checked([]byte(arg))
}

// quoted says whether an argument for text, a time or bytes is JSON, and not just what is meant.
func quoted(s *codec.Schema, arg string) bool {
	switch {
	case arg == "null":
		return s.Nullable || s.Kind == codec.KindBytes
	case strings.HasPrefix(arg, "["):
		return s.Kind == codec.KindBytes
	}
	return strings.HasPrefix(arg, `"`)
}

// read reads what arg refers to.
func (c *caller) read(arg string) ([]byte, error) {
	if arg == "-" {
		return io.ReadAll(c.in)
	}
	return os.ReadFile(arg[1:])
}

// checked is JSON that is known to be one value, so that it can't be several arguments.
func checked(text []byte) ([]byte, error) {
	if !json.Valid(text) {
		return nil, fmt.Errorf("%q is no JSON; text needs quotes of its own, as in '\"text\"'", short(text))
	}
	return bytes.TrimSpace(text), nil
}

func short(text []byte) string {
	const most = 40
	if len(text) <= most {
		return string(text)
	}
	return strings.ToValidUTF8(string(text[:most]), "") + "…"
}

func quote(text string) ([]byte, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("it is not UTF-8, as text must be")
	}
	return json.Marshal(text)
}
