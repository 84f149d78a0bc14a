package jsonvalue

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ctwo-go/c2/codec"
)

// Bounds of what a message quotes.
const (
	clipped = 64
	maxPath = 256
)

var errDeep = fmt.Errorf("nested deeper than %d levels", codec.MaxDepth)

// within puts step in front of the path of err.
func within(step string, err error) error {
	e, ok := err.(*codec.Error)
	if !ok {
		return &codec.Error{Path: step, Err: err}
	}
	dot := "."
	if strings.HasPrefix(e.Path, "[") || e.Path == "" {
		dot = ""
	}
	return &codec.Error{Path: shorten(step+dot+e.Path, maxPath), Err: e.Err}
}

func withinIndex(i int, err error) error { return within("["+strconv.Itoa(i)+"]", err) }

func withinKey(key string, err error) error {
	return within("["+strconv.Quote(shorten(key, clipped))+"]", err)
}

func shorten(s string, longest int) string {
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest], "") + "…"
}

// refs finds what the references of a schema lead to. The schema may come from a peer.
type refs struct {
	root *codec.Schema
	byID map[int]*codec.Schema // nil: not looked for yet
}

// resolve is s, or what it refers to; never a reference itself.
func (r *refs) resolve(s *codec.Schema) (*codec.Schema, error) {
	if s == nil {
		return nil, errors.New("the schema lacks a part")
	}
	if s.Kind != codec.KindRef {
		return s, nil
	}
	if r.byID == nil {
		r.byID = map[int]*codec.Schema{}
		r.collect(r.root, 0)
	}
	t := r.byID[s.ID]
	if t == nil {
		return nil, fmt.Errorf("the schema has a reference to %d, which is not there", s.ID)
	}
	return t, nil
}

func (r *refs) collect(s *codec.Schema, depth int) {
	if s == nil || depth > codec.MaxDepth || s.Kind == codec.KindRef {
		return
	}
	if s.ID != 0 && r.byID[s.ID] == nil {
		r.byID[s.ID] = s
	}
	r.collect(s.Key, depth+1)
	r.collect(s.Elem, depth+1)
	for _, f := range s.Fields {
		r.collect(f.Type, depth+1)
	}
}
