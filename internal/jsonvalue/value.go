package jsonvalue

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/ctwo-go/c2/codec"
)

// reader turns JSON into CBOR.
type reader struct {
	scanner
	refs
	dst  []byte
	keys []span // of the maps that are open
}

// value takes a value of the schema, whatever comes next.
func (r *reader) value(place *codec.Schema) error {
	s, err := r.resolve(place)
	if err != nil {
		return err
	}
	c := r.peek()
	if c == 'n' {
		return r.null(s, place.Nullable)
	}
	switch s.Kind {
	case codec.KindBool:
		return r.boolean(s, c)
	case codec.KindInt, codec.KindUint, codec.KindBig:
		return r.integer(s, c)
	case codec.KindFloat:
		return r.float(s, c)
	case codec.KindText, codec.KindTime:
		return r.text(s, c)
	case codec.KindAny:
		return r.any(s, c)
	case codec.KindBytes:
		if c == '"' {
			return r.text(s, c)
		}
		return r.array(s, c, func() error { return r.numbers(s, number{width: 1}, true) })
	case codec.KindVector:
		return r.array(s, c, func() error { return r.vector(s, true) })
	case codec.KindList:
		return r.array(s, c, func() error { return r.elements(s, true) })
	case codec.KindTuple:
		return r.array(s, c, func() error { return r.tuple(s) })
	case codec.KindMap, codec.KindStruct, codec.KindTransferable:
		return r.object(s, c)
	}
	return fmt.Errorf("the schema has a part of kind %q, which has no values", shorten(string(s.Kind), clipped))
}

// refuse is the error for a value that begins at start.
func (r *reader) refuse(s *codec.Schema, start int) error {
	r.at = start
	if err := r.skip(); err != nil {
		return err
	}
	return fmt.Errorf("want %v, have %s", s, shorten(string(r.src[start:min(r.at, start+2*clipped)]), clipped))
}

// null takes null where Go has a nil for it.
func (r *reader) null(s *codec.Schema, nullable bool) error {
	if err := r.literal("null"); err != nil {
		return err
	}
	switch s.Kind {
	case codec.KindAny, codec.KindVector, codec.KindList, codec.KindMap, codec.KindBytes, codec.KindTransferable:
	default:
		if !nullable {
			return fmt.Errorf("want %v, have null", s)
		}
	}
	r.dst = append(r.dst, majorSimple<<5|infoNull)
	return nil
}

func (r *reader) boolean(s *codec.Schema, c byte) error {
	switch c {
	case 't':
		r.dst = append(r.dst, majorSimple<<5|infoTrue)
		return r.literal("true")
	case 'f':
		r.dst = append(r.dst, majorSimple<<5|infoFalse)
		return r.literal("false")
	}
	return r.refuse(s, r.at)
}

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
		return appendHead(dst, majorNegative, uint64(^n))
	}
	return appendHead(dst, majorUint, uint64(n))
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
	r.dst = append(appendHead(r.dst, majorText, uint64(len(text))), text...)
	return nil
}

var errBase64 = errors.New("want base64")

// base64 writes the bytes that the text stands for, as a byte string.
func (r *reader) base64(s *codec.Schema, text []byte) error {
	n := len(text)
	for n > 0 && n > len(text)-2 && text[n-1] == '=' {
		n--
	}
	if n < len(text) && len(text)%4 != 0 || n%4 == 1 || slices.Contains(text, '\n') || slices.Contains(text, '\r') {
		return errBase64 // line ends are skipped by the decoder, and would make the length wrong
	}
	size := base64.RawStdEncoding.DecodedLen(n)
	if s.Kind == codec.KindBytes && s.Len != 0 && s.Len != size {
		return fmt.Errorf("want %d bytes for %v, have %d", s.Len, s, size)
	}
	r.dst = appendHead(r.dst, majorBytes, uint64(size))
	at := len(r.dst)
	r.dst = slices.Grow(r.dst, size)[:at+size]
	if _, err := base64.RawStdEncoding.Decode(r.dst[at:], text[:n]); err != nil {
		return errBase64
	}
	return nil
}

// hole leaves room for a head whose argument is at most that, and is where.
func (r *reader) hole(most int) (at, size int) {
	at, size = len(r.dst), headSize(uint64(most))
	r.dst = append(r.dst, make([]byte, size)...)
	return at, size
}

// moved is how many bytes are moved, at most, to make the head before them a shorter one.
const moved = 256

// fill writes the head that the hole is for. What was written behind the hole may move.
func (r *reader) fill(at, size int, major byte, n int) {
	if need := headSize(uint64(n)); need < size && len(r.dst)-at-size <= moved {
		r.dst = slices.Delete(r.dst, at, at+size-need)
		size = need
	}
	setHead(r.dst[at:at+size], major, uint64(n))
}

// array goes into an array, and to what takes its elements and its end.
func (r *reader) array(s *codec.Schema, c byte, elements func() error) error {
	if c != '[' {
		return r.refuse(s, r.at)
	}
	if err := r.open(); err != nil {
		return err
	}
	return elements()
}

// atMost is how many elements there can be in what is left.
func (r *reader) atMost() int { return (len(r.src) - r.at + 1) / 2 }

// elements takes the elements of a list, and its end.
func (r *reader) elements(s *codec.Schema, first bool) error {
	defer r.close()
	at, size := r.hole(r.atMost())
	elem := s.Elem
	if s.Kind == codec.KindAny {
		elem = s
	}
	n := 0
	for ; ; n++ {
		more, err := r.more(first, ']')
		if err == nil && !more {
			break
		}
		if err == nil {
			err = r.value(elem)
		}
		if err != nil {
			return withinIndex(n, err)
		}
		first = false
	}
	r.fill(at, size, majorArray, n)
	return sized(s, n)
}

func sized(s *codec.Schema, n int) error {
	if s.Len != 0 && s.Len != n {
		return fmt.Errorf("want %d elements for %v, have %d", s.Len, s, n)
	}
	return nil
}

func (r *reader) tuple(s *codec.Schema) error {
	defer r.close()
	r.dst = appendHead(r.dst, majorArray, uint64(len(s.Fields)))
	for i, f := range s.Fields {
		more, err := r.more(i == 0, ']')
		if err == nil && !more {
			return fmt.Errorf("want %d elements for %v, have %d", len(s.Fields), s, i)
		}
		if err == nil {
			err = r.value(f.Type)
		}
		if err != nil {
			return within(shorten(f.Name, clipped), err)
		}
	}
	more, err := r.more(len(s.Fields) == 0, ']')
	if err == nil && more {
		err = fmt.Errorf("want %d elements for %v, have more", len(s.Fields), s)
	}
	return err
}

func (r *reader) vector(s *codec.Schema, first bool) error {
	n, ok := numberByName(s.Of)
	if !ok {
		return fmt.Errorf("the schema has a vector of %q, of which there is none", shorten(s.Of, clipped))
	}
	r.dst = appendHead(r.dst, majorTag, n.tag)
	return r.numbers(s, n, first)
}

// numbers takes the elements of a typed array or byte string, and its end.
func (r *reader) numbers(s *codec.Schema, n number, first bool) error {
	defer r.close()
	at, size := r.hole(r.atMost() * n.width)
	start := len(r.dst)
	count := 0
	for ; ; count++ {
		more, err := r.more(first, ']')
		if err == nil && !more {
			break
		}
		if err == nil {
			err = r.one(n)
		}
		if err != nil {
			return withinIndex(count, err)
		}
		first = false
	}
	r.fill(at, size, majorBytes, len(r.dst)-start)
	return sized(s, count)
}

// one takes a number of a typed array.
func (r *reader) one(n number) error {
	c := r.peek()
	start := r.at
	if n.kind == floating {
		f, ok, err := r.real(c, 8*n.width)
		if err != nil {
			return err
		}
		if !ok {
			return r.refuse(n.schema(), start)
		}
		if n.width == 4 {
			r.dst = binary.LittleEndian.AppendUint32(r.dst, math.Float32bits(float32(f)))
		} else {
			r.dst = binary.LittleEndian.AppendUint64(r.dst, math.Float64bits(f))
		}
		return nil
	}
	bits, ok, err := r.wholeNumber(n, c)
	if err != nil {
		return err
	}
	if !ok {
		return r.refuse(n.schema(), start)
	}
	var le [8]byte
	binary.LittleEndian.PutUint64(le[:], bits)
	r.dst = append(r.dst, le[:n.width]...)
	return nil
}

// wholeNumber takes an integer that n can hold, if one is next.
func (r *reader) wholeNumber(n number, c byte) (bits uint64, ok bool, err error) {
	if !numeric(c) {
		return 0, false, nil
	}
	text, whole, err := r.number()
	if err != nil {
		return 0, false, err
	}
	free := 64 - 8*n.width
	if small, ok := parseSmall(text); ok && whole {
		if n.kind == unsigned {
			return uint64(small), small >= 0 && uint64(small)<<free>>free == uint64(small), nil
		}
		return uint64(small), small<<free>>free == small, nil
	}
	s := &codec.Schema{Kind: codec.KindBig}
	out, err := s.Append(nil, json.Number(text))
	if err != nil {
		return 0, false, nil
	}
	h, _, err := readHead(out)
	switch {
	case err != nil || h.major > majorNegative:
		return 0, false, nil
	case n.kind == unsigned:
		return h.arg, h.major == majorUint && h.arg<<free>>free == h.arg, nil
	case h.arg > math.MaxInt64>>free:
		return 0, false, nil
	case h.major == majorNegative:
		return ^h.arg, true, nil
	}
	return h.arg, true, nil
}

// schema is what one such number is, for an error.
func (n number) schema() *codec.Schema {
	prefix := [...]string{unsigned: "uint", signed: "int", floating: "float"}[n.kind]
	return &codec.Schema{Kind: codec.KindInt, Type: prefix + strconv.Itoa(8*n.width)}
}
