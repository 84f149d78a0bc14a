package jsonvalue

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/cborhead"
)

// AppendArgs adds a method's arguments to dst, as the CBOR array that a call has. src has them as a JSON array, or as an
// object with their positions, from "1" on, as keys, or is empty if there are none; they are written as params ask for. A
// variadic method's last parameter is a list, whose elements are given one by one.
//
// Numbers go into integers where nothing is lost, "NaN", "Infinity" and "-Infinity" into floats, base64 (padded or not)
// into bytes, arrays of numbers into bytes and typed arrays, RFC 3339 text into times, objects into structs and maps, whose
// keys may be numbers in decimal, {"transferable": NAME, "data": BASE64} into transferables, also where the schema says no
// more than any. Of any are whole numbers integers, others floats. A key that occurs twice is an error, as is whatever does
// not fit: it names the argument, the path inside it, and what is wanted. After an error dst has its old length.
func AppendArgs(dst []byte, params []*codec.Schema, variadic bool, src []byte) ([]byte, error) {
	r := reader{scanner: scanner{src: src}, dst: dst}
	if err := r.arguments(params, variadic); err != nil {
		return dst, err
	}
	return r.dst, nil
}

func (r *reader) arguments(params []*codec.Schema, variadic bool) error {
	fixed := len(params)
	if variadic {
		fixed--
	}
	if fixed < 0 {
		return fmt.Errorf("the descriptor is wrong: a variadic method has a parameter")
	}
	if err := r.asArray(); err != nil {
		return err
	}
	r.dst = cborhead.Append(r.dst, cborhead.Array, uint64(len(params)))
	if err := r.open(); err != nil {
		return err
	}
	for i, p := range params[:fixed] {
		more, err := r.more(i == 0, ']')
		if err == nil && !more {
			return r.miscounted(i, fixed, variadic)
		}
		if err == nil {
			r.root, r.byID = p, nil
			err = r.value(p)
		}
		if err != nil {
			return fmt.Errorf("argument %d: %w", i+1, err)
		}
	}
	if err := r.last(params, fixed, variadic); err != nil {
		return err
	}
	return r.end()
}

// last takes what follows the first fixed arguments.
func (r *reader) last(params []*codec.Schema, fixed int, variadic bool) error {
	if variadic {
		p := params[fixed]
		r.root, r.byID = p, nil
		if err := r.variadic(p, fixed == 0); err != nil {
			return ofVariadic(fixed, err)
		}
		return nil
	}
	n := fixed
	for {
		more, err := r.more(n == 0, ']')
		switch {
		case err != nil:
			return err
		case !more && n > fixed:
			return r.miscounted(n, fixed, variadic)
		case !more:
			return nil
		}
		if err := r.skip(); err != nil {
			return err
		}
		n++
	}
}

// ofVariadic names the argument that an error of the last parameter's list is about: each of its elements was given as one.
func ofVariadic(fixed int, err error) error {
	if e, ok := err.(*codec.Error); ok {
		index, rest, _ := strings.Cut(strings.TrimPrefix(e.Path, "["), "]")
		if i, bad := strconv.Atoi(index); bad == nil {
			fixed += i
			err = e.Err
			if rest = strings.TrimPrefix(rest, "."); rest != "" {
				err = &codec.Error{Path: rest, Err: e.Err}
			}
		}
	}
	return fmt.Errorf("argument %d: %w", fixed+1, err)
}

// variadic takes the elements of the list p up to the end of the arguments.
func (r *reader) variadic(p *codec.Schema, first bool) error {
	s, err := r.resolve(p)
	if err != nil {
		return err
	}
	switch s.Kind {
	case codec.KindList:
		return r.elements(s, first)
	case codec.KindVector:
		return r.vector(s, first)
	case codec.KindBytes:
		return r.numbers(s, number{width: 1}, first)
	}
	return fmt.Errorf("the descriptor is wrong: the last parameter of a variadic method is a list, not %v", s)
}

func (r *reader) miscounted(have, want int, variadic bool) error {
	if variadic {
		return fmt.Errorf("arguments: have %d, want %d or more", have, want)
	}
	return fmt.Errorf("arguments: have %d, want %d", have, want)
}

// asArray makes the source an array, if it has the arguments otherwise.
func (r *reader) asArray() error {
	switch c := r.peek(); {
	case r.at == len(r.src):
		r.src, r.at = []byte("[]"), 0
	case c == '{':
		list, err := r.positional()
		if err == nil {
			err = r.end()
		}
		if err != nil {
			return err
		}
		r.src, r.at = list, 0
	case c != '[':
		return r.syntax("an array of arguments, or an object with their positions as keys")
	}
	return nil
}

// positioned is an argument in the source.
type positioned struct{ position, start, end int }

// positional takes an object with positions as keys, and is the array that it stands for.
func (r *reader) positional() ([]byte, error) {
	if err := r.open(); err != nil {
		return nil, err
	}
	defer r.close()
	var list []positioned
	for {
		more, err := r.more(len(list) == 0, '}')
		if err != nil {
			return nil, err
		}
		if !more {
			return r.inOrder(list)
		}
		key, err := r.key()
		if err != nil {
			return nil, err
		}
		position, err := strconv.Atoi(string(key))
		if err != nil || position < 1 || key[0] == '+' || key[0] == '0' {
			return nil, fmt.Errorf("key %q: want an argument's position, from \"1\" on", shorten(string(key), clipped))
		}
		r.peek()
		start := r.at
		if err := r.skip(); err != nil {
			return nil, fmt.Errorf("argument %d: %w", position, err)
		}
		list = append(list, positioned{position, start, r.at})
	}
}

func (r *reader) inOrder(list []positioned) ([]byte, error) {
	slices.SortStableFunc(list, func(a, b positioned) int { return cmp.Compare(a.position, b.position) })
	out := append(make([]byte, 0, len(r.src)), '[')
	for i, a := range list {
		switch {
		case a.position <= i:
			return nil, fmt.Errorf("argument %d is there twice", a.position)
		case a.position > i+1:
			return nil, fmt.Errorf("argument %d is missing", i+1)
		case i > 0:
			out = append(out, ',')
		}
		out = append(out, r.src[a.start:a.end]...)
	}
	return append(out, ']'), nil
}
