package jsonvalue

import (
	"fmt"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/cborhead"
)

// reader turns JSON into CBOR.
type reader struct {
	scanner
	refs
	fields
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
	r.dst = append(r.dst, cborhead.Simple<<5|cborhead.InfoNull)
	return nil
}

func (r *reader) boolean(s *codec.Schema, c byte) error {
	switch c {
	case 't':
		r.dst = append(r.dst, cborhead.Simple<<5|cborhead.InfoTrue)
		return r.literal("true")
	case 'f':
		r.dst = append(r.dst, cborhead.Simple<<5|cborhead.InfoFalse)
		return r.literal("false")
	}
	return r.refuse(s, r.at)
}
