package jsonvalue

import (
	"encoding/base64"
	"errors"
	"unicode/utf8"
)

// base64 takes n bytes of a byte string.
func (w *writer) base64(n uint64) error {
	w.buf = append(w.buf, '"')
	err := w.chunks(n, 3, func(b []byte) { w.buf = base64.StdEncoding.AppendEncode(w.buf, b) })
	w.buf = append(w.buf, '"')
	return err
}

// chunks takes n bytes in parts, of which all but the last are multiples of unit, at most 8.
func (w *writer) chunks(n uint64, unit int, part func(b []byte)) error {
	if n > uint64(w.left) {
		return short(n, w.left)
	}
	for n > 0 {
		b := w.some(int(min(n, maxChunk)), unit)
		part(b)
		n -= uint64(len(b))
		if err := w.flush(); err != nil {
			return err
		}
	}
	return nil
}

// text takes n bytes of a text string.
func (w *writer) text(n uint64) error {
	if n > uint64(w.left) {
		return short(n, w.left)
	}
	b := w.take(int(n))
	if !utf8.Valid(b) {
		return errors.New("text is not valid UTF-8")
	}
	w.buf = append(w.buf, '"')
	for len(b) > 0 {
		part := b[:min(len(b), maxChunk)]
		w.buf = appendEscaped(w.buf, part)
		b = b[len(part):]
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.buf = append(w.buf, '"')
	return nil
}

const hexDigits = "0123456789abcdef"

// appendEscaped writes text as JSON has it between quotes.
func appendEscaped(dst, text []byte) []byte {
	start := 0
	for i, c := range text {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(dst, text[start:]...)
}
