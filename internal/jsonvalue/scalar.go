package jsonvalue

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/cborhead"
)

// numeric says whether c begins a number.
func numeric(c byte) bool { return c == '-' || '0' <= c && c <= '9' }

func (r *reader) integer(s *codec.Schema, c byte) error {
	start := r.at
	if !numeric(c) {
		return r.refuse(s, start)
	}
	text, whole, err := r.number()
	if err != nil {
		return err
	}
	n, small := parseSmall(text)
	switch {
	case whole && small && (n >= 0 || s.Kind != codec.KindUint):
		r.dst = appendInt(r.dst, n)
		return nil
	case whole && small:
		return r.refuse(s, start)
	}
	out, err := s.Append(r.dst, json.Number(text))
	if err != nil {
		return r.refuse(s, start)
	}
	r.dst = out
	return nil
}

// parseSmall reads an integer of up to 18 digits.
func parseSmall(text []byte) (n int64, ok bool) {
	digits := text
	if text[0] == '-' {
		digits = text[1:]
	}
	if len(digits) > 18 {
		return 0, false
	}
	for _, c := range digits {
		n = n*10 + int64(c-'0')
	}
	if len(digits) < len(text) {
		n = -n
	}
	return n, true
}

func appendInt(dst []byte, n int64) []byte {
	if n < 0 {
		return cborhead.Append(dst, cborhead.Negative, uint64(^n))
	}
	return cborhead.Append(dst, cborhead.Uint, uint64(n))
}

func (r *reader) float(s *codec.Schema, c byte) error {
	start := r.at
	f, ok, err := r.real(c, 64)
	if err != nil {
		return err
	}
	if !ok {
		return r.refuse(s, start)
	}
	r.dst = appendFloat(r.dst, f)
	return nil
}

// real takes a float of so many bits, if one is next that is in range.
func (r *reader) real(c byte, bits int) (f float64, ok bool, err error) {
	if c == '"' {
		text, err := r.string()
		f, ok = special(string(text))
		return f, ok, err
	}
	if !numeric(c) {
		return 0, false, nil
	}
	text, _, err := r.number()
	if err != nil {
		return 0, false, err
	}
	f, err = strconv.ParseFloat(string(text), bits)
	return f, err == nil, nil
}

// special is the float that has a name in JSON.
func special(name string) (f float64, ok bool) {
	switch name {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	return 0, false
}

// text takes a string for whatever has one.
func (r *reader) text(s *codec.Schema, c byte) error {
	start := r.at
	if c != '"' {
		return r.refuse(s, start)
	}
	text, err := r.string()
	if err != nil {
		return err
	}
	return r.fromText(s, text)
}

// fromText writes what the text stands for.
func (r *reader) fromText(s *codec.Schema, text []byte) error {
	switch s.Kind {
	case codec.KindBytes:
		return r.base64(s, text)
	case codec.KindTime:
		out, err := s.Append(r.dst, string(text))
		if err != nil {
			return fmt.Errorf("want a time such as 2006-01-02T15:04:05.999Z, have %q", shorten(string(text), clipped))
		}
		r.dst = out
		return nil
	}
	r.dst = append(cborhead.Append(r.dst, cborhead.Text, uint64(len(text))), text...)
	return nil
}

var errBase64 = errors.New("want base64")

// base64 writes the bytes that the text stands for, as a byte string.
func (r *reader) base64(s *codec.Schema, text []byte) error {
	n := len(text)
	for n > 0 && n > len(text)-2 && text[n-1] == '=' {
		n--
	}
	if n < len(text) && len(text)%4 != 0 || slices.Contains(text, '\n') || slices.Contains(text, '\r') {
		return errBase64 // line ends are skipped by the decoder, and would make the length wrong
	}
	size := base64.RawStdEncoding.DecodedLen(n)
	if s.Kind == codec.KindBytes && s.Len != 0 && s.Len != size {
		return fmt.Errorf("want %d bytes for %v, have %d", s.Len, s, size)
	}
	r.dst = cborhead.Append(r.dst, cborhead.Bytes, uint64(size))
	at := len(r.dst)
	r.dst = slices.Grow(r.dst, size)[:at+size]
	if _, err := base64.RawStdEncoding.Decode(r.dst[at:], text[:n]); err != nil {
		return errBase64
	}
	return nil
}
