package jsonvalue

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/cborhead"
)

// span is where a key lies in dst.
type span struct{ start, end int }

// errTwice is the error for a key that is there already.
var errTwice = errors.New("the key occurs twice")

func (r *reader) object(s *codec.Schema, c byte) error {
	if c != '{' {
		return r.refuse(s, r.at)
	}
	switch s.Kind {
	case codec.KindStruct:
		return r.structure(s)
	case codec.KindTransferable:
		return r.transferable(s)
	}
	return r.mapping(s)
}

// structure takes an object with the keys of the fields that s has, in any order.
func (r *reader) structure(s *codec.Schema) error {
	if err := r.open(); err != nil {
		return err
	}
	defer r.close()
	var few [4]uint64
	seen := few[:]
	if len(s.Fields) > 64*len(few) {
		seen = make([]uint64, len(s.Fields)/64+1)
	}
	at, size := r.hole(min(len(s.Fields), r.atMost()/2))
	n, next := 0, 0
	for ; ; n++ {
		more, err := r.more(n == 0, '}')
		if err != nil {
			return err
		}
		if !more {
			break
		}
		key, err := r.key()
		if err != nil {
			return err
		}
		i := r.fields.find(s, next, key)
		if i < 0 {
			return unknown(s, string(key))
		}
		if seen[i/64]&(1<<(i%64)) != 0 {
			return within(shorten(s.Fields[i].Name, clipped), errTwice)
		}
		seen[i/64] |= 1 << (i % 64)
		if err := r.field(&s.Fields[i]); err != nil {
			return within(shorten(s.Fields[i].Name, clipped), err)
		}
		next = i + 1
	}
	r.fill(at, size, cborhead.Map, n)
	return nil
}

func unknown(s *codec.Schema, name string) error {
	var have []string
	for _, f := range s.Fields {
		have = append(have, f.Name)
	}
	return fmt.Errorf("there is no field %q; it has %s", shorten(name, clipped), shorten(strings.Join(have, ", "), maxPath))
}

// field takes the value of a field, whose key it writes.
func (r *reader) field(f *codec.Field) error {
	if f.IntKey {
		n, err := strconv.ParseInt(f.Name, 10, 64)
		if err != nil {
			return errors.New("the schema has an integer for a key that is none")
		}
		r.dst = appendInt(r.dst, n)
	} else {
		r.dst = append(cborhead.Append(r.dst, cborhead.Text, uint64(len(f.Name))), f.Name...)
	}
	return r.value(f.Type)
}

// mapping takes an object as a map. In any, keys are text.
func (r *reader) mapping(s *codec.Schema) error {
	if err := r.open(); err != nil {
		return err
	}
	defer r.close()
	key, elem := s.Key, s.Elem
	if s.Kind == codec.KindAny {
		key, elem = s, s
	}
	outer := len(r.keys)
	at, size := r.hole(r.atMost() / 2)
	n := 0
	for ; ; n++ {
		more, err := r.more(n == 0, '}')
		if err != nil {
			return err
		}
		if !more {
			break
		}
		text, err := r.key()
		if err != nil {
			return err
		}
		start := len(r.dst)
		if err := r.keyOf(key, text); err != nil {
			return withinKey(string(text), fmt.Errorf("key: %w", err))
		}
		r.keys = append(r.keys, span{start, len(r.dst)})
		if err := r.value(elem); err != nil {
			return withinKey(r.keyText(start), err)
		}
	}
	err := r.distinct(r.keys[outer:])
	r.keys = r.keys[:outer]
	r.fill(at, size, cborhead.Map, n)
	return err
}

// keyText is the key that begins at start in dst, for an error.
func (r *reader) keyText(start int) string {
	h, rest, err := cborhead.Read(r.dst[start:])
	if err == nil && h.Major == cborhead.Text {
		return string(rest[:h.Arg])
	}
	w := newWriter([][]byte{r.dst[start:]})
	if err := w.value(nil); err != nil {
		return "…"
	}
	return string(w.buf)
}

// distinct says whether no two of the keys are equal.
func (r *reader) distinct(keys []span) error {
	if len(keys) < 2 {
		return nil
	}
	key := func(s span) []byte { return r.dst[s.start:s.end] }
	slices.SortFunc(keys, func(a, b span) int { return bytes.Compare(key(a), key(b)) })
	for i := range keys[1:] {
		if bytes.Equal(key(keys[i]), key(keys[i+1])) {
			return withinKey(r.keyText(keys[i].start), errTwice)
		}
	}
	return nil
}

// keyOf writes a key of the schema. JSON has text for all of them.
func (r *reader) keyOf(place *codec.Schema, text []byte) error {
	s, err := r.resolve(place)
	if err != nil {
		return err
	}
	switch s.Kind {
	case codec.KindText, codec.KindBytes, codec.KindTime, codec.KindAny:
		return r.fromText(s, text)
	case codec.KindFloat:
		if f, ok := special(string(text)); ok {
			r.dst = appendFloat(r.dst, f)
			return nil
		}
	}
	inner := reader{scanner: scanner{src: bytes.Clone(text), depth: r.depth}, refs: r.refs, dst: r.dst}
	if inner.value(s) != nil || inner.end() != nil { // whose errors have places in the key, not in the JSON
		return fmt.Errorf("want %v, have %q", s, shorten(string(text), clipped))
	}
	r.dst = inner.dst
	return nil
}

// The keys of an object that stands for a transferable.
const (
	nameKey = "transferable"
	dataKey = "data"
)

// parcel is a transferable as JSON has it.
type parcel struct {
	name   []byte // nil: not given
	dataAt int    // where its text is; 0: not given
}

// parcel takes an object with the keys of a transferable and strings for values. ok is false, and the place somewhere,
// if it is another one.
func (r *reader) parcel() (p parcel, ok bool, err error) {
	if err := r.open(); err != nil {
		return p, false, err
	}
	defer r.close()
	for first := true; ; first = false {
		more, err := r.more(first, '}')
		if err != nil || !more {
			return p, p.dataAt > 0, err
		}
		key, err := r.key()
		if err != nil {
			return p, false, err
		}
		isName, isData := string(key) == nameKey, string(key) == dataKey
		if r.peek() != '"' || isName == isData || isName && p.name != nil || isData && p.dataAt > 0 {
			return p, false, nil
		}
		at := r.at
		text, err := r.string()
		if err != nil {
			return p, false, err
		}
		if isName {
			p.name = append([]byte{}, text...)
		} else {
			p.dataAt = at
		}
	}
}

func (r *reader) transferable(s *codec.Schema) error {
	start := r.at
	p, ok, err := r.parcel()
	if err != nil {
		return err
	}
	if !ok {
		r.at = start
		return fmt.Errorf(`want the transferable %q as {"transferable": %[1]q, "data": BASE64}`, shorten(s.Name, clipped))
	}
	if p.name != nil && string(p.name) != s.Name {
		return fmt.Errorf("want the transferable %q, have %q", shorten(s.Name, clipped), shorten(string(p.name), clipped))
	}
	r.dst = cborhead.Append(r.dst, cborhead.Tag, tagTransferable)
	return r.data(s, p)
}

// data writes the bytes of a transferable that was taken.
func (r *reader) data(s *codec.Schema, p parcel) error {
	end := r.at
	r.at = p.dataAt
	text, err := r.string()
	r.at = end
	if err != nil {
		return err
	}
	if err := r.base64(s, text); err != nil {
		return within(dataKey, err)
	}
	return nil
}

// any takes a value by what it is.
func (r *reader) any(s *codec.Schema, c byte) error {
	switch {
	case c == 't' || c == 'f':
		return r.boolean(s, c)
	case c == '"':
		return r.text(s, c)
	case c == '[':
		return r.array(s, c, func() error { return r.elements(s, true) })
	case c == '{':
		return r.anyObject(s)
	case numeric(c):
		return r.anyNumber()
	}
	return r.noValue()
}

// anyNumber takes a number as an integer, if it is written as one, or as a float.
func (r *reader) anyNumber() error {
	start := r.at
	text, whole, err := r.number()
	if err != nil {
		return err
	}
	if whole {
		if n, ok := parseSmall(text); ok {
			r.dst = appendInt(r.dst, n)
			return nil
		}
		r.at = start
		return r.integer(&codec.Schema{Kind: codec.KindBig}, text[0])
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return fmt.Errorf("want a number that float64 can hold, have %s", shorten(string(text), clipped))
	}
	r.dst = appendFloat(r.dst, f)
	return nil
}

func (r *reader) anyObject(s *codec.Schema) error {
	start := r.at
	p, ok, err := r.parcel()
	if err == nil && (!ok || p.name == nil) {
		r.at = start
		return r.mapping(s)
	}
	if err != nil {
		return err
	}
	r.dst = cborhead.Append(r.dst, cborhead.Tag, tagTransferable)
	r.dst = append(r.dst, cborhead.Array<<5|2)
	r.dst = append(cborhead.Append(r.dst, cborhead.Text, uint64(len(p.name))), p.name...)
	return r.data(s, p)
}
