package jsonvalue

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/cborhead"
)

// hole leaves room for a head whose argument is at most that, and is where.
func (r *reader) hole(most int) (at, size int) {
	at, size = len(r.dst), cborhead.Size(uint64(most))
	r.dst = append(r.dst, make([]byte, size)...)
	return at, size
}

// moved is how many bytes are moved, at most, to make the head before them a shorter one.
const moved = 256

// fill writes the head that the hole is for. What was written behind the hole may move.
func (r *reader) fill(at, size int, major byte, n int) {
	if need := cborhead.Size(uint64(n)); need < size && len(r.dst)-at-size <= moved {
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
	r.fill(at, size, cborhead.Array, n)
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
	r.dst = cborhead.Append(r.dst, cborhead.Array, uint64(len(s.Fields)))
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
	r.dst = cborhead.Append(r.dst, cborhead.Tag, n.tag)
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
	r.fill(at, size, cborhead.Bytes, len(r.dst)-start)
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
	h, _, err := cborhead.Read(out)
	switch {
	case err != nil || h.Major > cborhead.Negative:
		return 0, false, nil
	case n.kind == unsigned:
		return h.Arg, h.Major == cborhead.Uint && h.Arg<<free>>free == h.Arg, nil
	case h.Arg > math.MaxInt64>>free:
		return 0, false, nil
	case h.Major == cborhead.Negative:
		return ^h.Arg, true, nil
	}
	return h.Arg, true, nil
}

// schema is what one such number is, for an error.
func (n number) schema() *codec.Schema {
	prefix := [...]string{unsigned: "uint", signed: "int", floating: "float"}[n.kind]
	return &codec.Schema{Kind: codec.KindInt, Type: prefix + strconv.Itoa(8*n.width)}
}
