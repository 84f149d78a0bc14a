package jsonvalue

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/ctwo-go/c2/codec"
)

// Bounds.
const (
	flushFrom  = 16 << 10 // bytes that are kept before they are written
	maxChunk   = 12 << 10 // bytes of a string that are taken at a time; a multiple of 24
	maxKey     = 64 << 10 // bytes of a key that is neither text nor an integer
	maxInteger = 64 << 10 // bytes of an integer, which are written in decimal
)

// Write writes the results of a call as a JSON array. src is the payload, in any number of pieces as [codec.Flatten] makes
// them, without attachments; it is read once and front to back, and little of what is written is kept, whatever their size.
// Results may be nil if there is no descriptor: then the transferables outside any have no name.
//
// It fails where src is malformed, also behind what was written already, and where w does.
func Write(w io.Writer, results []*codec.Schema, src ...[]byte) error {
	out := newWriter(src)
	out.w = w
	if err := out.results(results); err != nil {
		return err
	}
	_, err := w.Write(out.buf)
	return err
}

// Append is [Write] to dst. After an error dst has its old length.
func Append(dst []byte, results []*codec.Schema, src ...[]byte) ([]byte, error) {
	out := newWriter(src)
	out.buf = dst
	if err := out.results(results); err != nil {
		return dst, err
	}
	return out.buf, nil
}

// writer turns CBOR into JSON.
type writer struct {
	source
	refs
	w     io.Writer // nil: all stays in buf
	buf   []byte
	depth int
	keyed bool // inside a key, which must stay small
}

func newWriter(src [][]byte) *writer {
	out := new(writer)
	out.source.start(src)
	return out
}

// flush writes what there is, if it is much.
func (w *writer) flush() error {
	if w.keyed && len(w.buf) > maxKey {
		return fmt.Errorf("a key that is no text takes more than %d bytes as JSON", maxKey)
	}
	if w.w == nil || len(w.buf) < flushFrom {
		return nil
	}
	_, err := w.w.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// results takes the whole.
func (w *writer) results(results []*codec.Schema) error {
	h, err := w.head()
	if err != nil {
		return err
	}
	if h.major != majorArray {
		return errors.New("want an array of results")
	}
	if results != nil && h.arg != uint64(len(results)) {
		return fmt.Errorf("%d results, want %d", h.arg, len(results))
	}
	n, err := w.count(h.arg, 1)
	if err != nil {
		return err
	}
	w.buf = append(w.buf, '[')
	for i := range n {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		var s *codec.Schema
		if results != nil {
			s = results[i]
		}
		w.refs = refs{root: s}
		if err := w.value(s); err != nil {
			return fmt.Errorf("result %d: %w", i+1, err)
		}
	}
	w.buf = append(w.buf, ']')
	if w.left > 0 {
		return fmt.Errorf("%d bytes follow the results", w.left)
	}
	return nil
}

// value takes an item. The schema says what the item does not, if it is one of such; it may be nil.
func (w *writer) value(s *codec.Schema) error {
	h, err := w.head()
	if err != nil {
		return err
	}
	return w.item(h, w.known(s))
}

// known is s without references, nil if that can't be.
func (w *writer) known(s *codec.Schema) *codec.Schema {
	if s == nil {
		return nil
	}
	s, _ = w.resolve(s)
	return s
}

// item takes the item that h begins.
func (w *writer) item(h head, s *codec.Schema) error {
	if err := w.flush(); err != nil {
		return err
	}
	switch h.major {
	case majorUint, majorNegative:
		if s != nil && s.Kind == codec.KindTime {
			return w.epoch(h)
		}
		w.integer(h)
	case majorBytes:
		return w.base64(h.arg)
	case majorText:
		return w.text(h.arg)
	case majorArray:
		return w.list(h.arg, s)
	case majorMap:
		return w.mapping(h.arg, s)
	case majorTag:
		return w.tagged(h.arg, s)
	default:
		return w.simple(h, s)
	}
	return nil
}

func (w *writer) integer(h head) {
	switch {
	case h.major == majorUint:
		w.buf = strconv.AppendUint(w.buf, h.arg, 10)
	case h.arg == math.MaxUint64:
		w.buf = append(w.buf, "-18446744073709551616"...)
	default:
		w.buf = strconv.AppendUint(append(w.buf, '-'), h.arg+1, 10)
	}
}

func (w *writer) simple(h head, s *codec.Schema) error {
	switch h.info {
	case infoFalse:
		w.buf = append(w.buf, "false"...)
	case infoTrue:
		w.buf = append(w.buf, "true"...)
	case infoNull, infoUndef:
		w.buf = append(w.buf, "null"...)
	case infoFloat16, infoFloat32, infoFloat64:
		if s != nil && s.Kind == codec.KindTime {
			return w.epoch(h)
		}
		f, bits := h.float()
		w.buf = appendReal(w.buf, f, bits)
	default:
		return fmt.Errorf("simple value %d has no form in JSON; ask for CBOR", h.arg)
	}
	return nil
}

// float is the value of a float, and how many bits it is exact in.
func (h head) float() (f float64, bits int) {
	switch h.info {
	case infoFloat16:
		return float64(half(uint16(h.arg))), 32
	case infoFloat32:
		return float64(math.Float32frombits(uint32(h.arg))), 32
	}
	return math.Float64frombits(h.arg), 64
}

// appendReal writes the shortest text that reads as f again.
func appendReal(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, bits)
	if n := len(dst); format == 'e' && dst[n-4] == 'e' && dst[n-2] == '0' {
		dst = append(dst[:n-2], dst[n-1]) // e-07 is e-7
	}
	return dst
}

// epoch writes seconds since 1970 as a time, or as the number where no year has them.
func (w *writer) epoch(h head) error {
	var seconds, part float64
	switch {
	case h.major == majorUint && h.arg < 1<<53:
		seconds = float64(h.arg)
	case h.major == majorNegative && h.arg < 1<<53:
		seconds = -float64(h.arg) - 1
	case h.major == majorSimple:
		f, _ := h.float()
		seconds, part = math.Modf(f)
	default:
		seconds = math.NaN()
	}
	t := time.Unix(int64(seconds), int64(math.Round(part*1e9))).UTC()
	const first, last = -62167219200, 253402300799 // years 0 to 9999
	if !(seconds > first && seconds < last) {
		return w.item(h, nil)
	}
	w.buf = append(w.buf, '"')
	w.buf = append(t.AppendFormat(w.buf, time.RFC3339Nano), '"')
	return nil
}

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

// enter goes a level down.
func (w *writer) enter() error {
	w.depth++
	if w.depth > codec.MaxDepth {
		return errDeep
	}
	return nil
}

func (w *writer) list(declared uint64, s *codec.Schema) error {
	n, err := w.count(declared, 1)
	if err == nil {
		err = w.enter()
	}
	if err != nil {
		return err
	}
	w.buf = append(w.buf, '[')
	for i := range n {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		if err := w.value(elementOf(s, i)); err != nil {
			return withinIndex(i, err)
		}
	}
	w.buf = append(w.buf, ']')
	w.depth--
	return nil
}

// elementOf is the schema of an element of a list or tuple, nil if s is none.
func elementOf(s *codec.Schema, i int) *codec.Schema {
	switch {
	case s == nil:
		return nil
	case s.Kind == codec.KindList:
		return s.Elem
	case s.Kind == codec.KindTuple && i < len(s.Fields):
		return s.Fields[i].Type
	}
	return nil
}

// tagged takes what is behind a tag.
func (w *writer) tagged(tag uint64, s *codec.Schema) error {
	if err := w.enter(); err != nil {
		return err
	}
	defer func() { w.depth-- }()
	if tag == tagAttachment {
		return errors.New("a reference to an attachment, which is not there")
	}
	if tag == tagTransferable {
		return w.transferable(s)
	}
	h, err := w.head()
	if err != nil {
		return err
	}
	n, little, typed := numberByTag(tag)
	switch {
	case typed && h.major == majorBytes:
		return w.typedArray(n, little, h.arg)
	case (tag == tagBig || tag == tagBigNegative) && h.major == majorBytes:
		return w.big(tag, h.arg)
	case tag == tagEpoch && (h.major <= majorNegative || h.major == majorSimple && h.info >= infoFloat16):
		return w.epoch(h)
	}
	return w.item(h, s)
}

func (w *writer) big(tag, n uint64) error {
	if n > maxInteger {
		return fmt.Errorf("an integer of %d bytes is too long to be written in decimal; ask for CBOR", n)
	}
	if n > uint64(w.left) {
		return short(n, w.left)
	}
	x := new(big.Int).SetBytes(w.take(int(n)))
	if tag == tagBigNegative {
		x.Not(x)
	}
	w.buf = x.Append(w.buf, 10)
	return nil
}

// typedArray takes the n bytes of a typed array.
func (w *writer) typedArray(x number, little bool, n uint64) error {
	if n%uint64(x.width) != 0 {
		return fmt.Errorf("%d bytes are no whole number of %d each", n, x.width)
	}
	w.buf = append(w.buf, '[')
	first := true
	err := w.chunks(n, x.width, func(b []byte) {
		for ; len(b) > 0; b = b[x.width:] {
			if !first {
				w.buf = append(w.buf, ',')
			}
			first = false
			w.buf = x.append(w.buf, b[:x.width], little)
		}
	})
	w.buf = append(w.buf, ']')
	return err
}

// append writes one such number, which lies in b.
func (n number) append(dst, b []byte, little bool) []byte {
	var bits uint64
	for i := range b {
		if little {
			bits |= uint64(b[i]) << (8 * i)
		} else {
			bits = bits<<8 | uint64(b[i])
		}
	}
	switch {
	case n.kind == unsigned:
		return strconv.AppendUint(dst, bits, 10)
	case n.kind == signed:
		free := 64 - 8*n.width
		return strconv.AppendInt(dst, int64(bits)<<free>>free, 10)
	case n.width == 4:
		return appendReal(dst, float64(math.Float32frombits(uint32(bits))), 32)
	}
	return appendReal(dst, math.Float64frombits(bits), 64)
}
