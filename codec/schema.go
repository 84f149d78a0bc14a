package codec

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Kind says what is on the wire. Go types that look the same there have the same kind.
type Kind string

// The kinds of a Schema. In brackets, the parts of the Schema that such a kind uses.
const (
	KindBool         Kind = "bool"
	KindInt          Kind = "int"          // a signed integer of any size
	KindUint         Kind = "uint"         // an unsigned integer of any size
	KindFloat        Kind = "float"        // of any size
	KindText         Kind = "text"         //
	KindBytes        Kind = "bytes"        // [Len]
	KindTime         Kind = "time"         //
	KindBig          Kind = "bigint"       //
	KindVector       Kind = "vector"       // numbers, as a typed array [Of, Len]
	KindList         Kind = "list"         // [Elem, Len]
	KindMap          Kind = "map"          // [Key, Elem]
	KindStruct       Kind = "struct"       // a map with known keys [Fields]
	KindTuple        Kind = "tuple"        // an array with known elements [Fields]
	KindTransferable Kind = "transferable" // [Name, Fields where it is columns]
	KindColumn       Kind = "column"       // of a transferable, which alone has such parts [Of]
	KindAny          Kind = "any"          // any one item
	KindRef          Kind = "ref"          // the schema with the same ID [ID]
)

// Schema is a wire type as data: what a reader without the Go type must know to read and write its
// values, and what two sides compare before they talk. It is a tree; where a Go type occurs again,
// or inside itself, a KindRef points to the first place by ID. Schemas from [For] are shared: do
// not change them.
type Schema struct {
	Kind     Kind    `json:"kind"`
	Type     string  `json:"type,omitempty"`     // the Go type's name, if it has one; for people only
	Nullable bool    `json:"nullable,omitempty"` // a Go pointer; belongs to this place, not to the type
	Of       string  `json:"of,omitempty"`       // a vector's numbers: int8 to int64, uint16 to uint64, float32, float64; a column's type
	Len      int     `json:"len,omitempty"`      // if not zero, the only number of elements that there may be
	Name     string  `json:"name,omitempty"`     // a transferable's
	Key      *Schema `json:"key,omitempty"`
	Elem     *Schema `json:"elem,omitempty"`
	Fields   []Field `json:"fields,omitempty"`
	ID       int     `json:"id,omitempty"` // on the first place and on each reference to it
}

// Field is one field of a struct or tuple. A struct's fields may come in any order and may be
// missing.
type Field struct {
	Name   string  `json:"name"`             // the key on the wire
	IntKey bool    `json:"intkey,omitempty"` // the key is the integer that Name has in decimal
	Type   *Schema `json:"type"`
}

// named is the schema of a type that has no parts.
func named(k Kind, t reflect.Type) *Schema {
	s := &Schema{Kind: k}
	if t.Name() != "" {
		s.Type = t.String()
	}
	return s
}

// describer makes one schema; it knows which types are in it already.
type describer struct {
	seen map[reflect.Type]*Schema
	ids  int
}

// composite is the schema of a type with parts, which fill adds, or a reference if there is one.
func (x *describer) composite(t reflect.Type, fill func(*Schema)) *Schema {
	if first := x.seen[t]; first != nil {
		if first.ID == 0 {
			x.ids++
			first.ID = x.ids
		}
		return &Schema{Kind: KindRef, Type: first.Type, ID: first.ID}
	}
	s := named("", t)
	if t.Name() != "" {
		x.seen[t] = s
	}
	fill(s)
	return s
}

// String writes the type as Go would, with the names of types where they are known:
// "[]float64", "map[string]int", "geo.Point{X float64; Y float64}".
func (s *Schema) String() string {
	var b strings.Builder
	s.write(&b, 0)
	return b.String()
}

// longest bounds String, for schemas that come from a peer.
const longest = 1 << 12

func (s *Schema) write(b *strings.Builder, depth int) {
	if s == nil || depth > MaxDepth || b.Len() > longest {
		b.WriteString("…")
		return
	}
	depth++
	if s.Nullable {
		b.WriteByte('*')
	}
	switch s.Kind {
	case KindVector, KindList, KindMap:
		s.writeCollection(b, depth)
	case KindStruct, KindTuple:
		s.writeFields(b, depth)
	case KindTransferable:
		fmt.Fprintf(b, "%s(transferable %q)", s.Type, s.Name)
	case KindColumn:
		b.WriteString(shorten(s.Of, longest/4))
	case KindBytes:
		s.writeBasic(b, s.size()+"byte")
	case KindText:
		s.writeBasic(b, "string")
	case KindFloat:
		s.writeBasic(b, "float64")
	case KindTime:
		b.WriteString("time.Time")
	default:
		s.writeBasic(b, string(s.Kind))
	}
}

// writeBasic writes the name, and behind one that is not Go's own, what it stands for.
func (s *Schema) writeBasic(b *strings.Builder, wire string) {
	switch {
	case s.Type == "":
		b.WriteString(wire)
	case !strings.Contains(s.Type, ".") || s.Kind == KindRef || s.Kind == KindBig:
		b.WriteString(s.Type)
	default:
		b.WriteString(s.Type + "(" + wire + ")")
	}
}

func (s *Schema) size() string {
	if s.Len > 0 {
		return "[" + strconv.Itoa(s.Len) + "]"
	}
	return "[]"
}

func (s *Schema) writeCollection(b *strings.Builder, depth int) {
	if s.Kind == KindVector {
		s.writeBasic(b, s.size()+s.Of)
		return
	}
	if s.Type != "" {
		b.WriteString(s.Type + "(")
		defer b.WriteByte(')')
	}
	if s.Kind == KindMap {
		b.WriteString("map[")
		s.Key.write(b, depth)
		b.WriteByte(']')
	} else {
		b.WriteString(s.size())
	}
	s.Elem.write(b, depth)
}

func (s *Schema) writeFields(b *strings.Builder, depth int) {
	if s.Type != "" {
		b.WriteString(s.Type)
	} else {
		b.WriteString("struct")
	}
	b.WriteByte('{')
	for i, f := range s.Fields {
		if i > 0 {
			b.WriteString("; ")
		}
		if b.Len() > longest {
			b.WriteString("…")
			break
		}
		b.WriteString(clip(f.Name) + " ")
		f.Type.write(b, depth)
	}
	b.WriteByte('}')
}

// index finds the targets of a schema's references.
type index map[int]*Schema

// check is the index of s, or why s is not a schema: it may come from a peer.
func (s *Schema) check() (index, error) {
	x, refs := index{}, map[int]bool{}
	if err := s.collect(x, refs, 0); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	for id := range refs {
		if x[id] == nil {
			return nil, fmt.Errorf("schema: reference to %d, which is not there", id)
		}
	}
	return x, nil
}

func (s *Schema) collect(x index, refs map[int]bool, depth int) error {
	switch {
	case s == nil:
		return errors.New("a part is missing")
	case depth > MaxDepth:
		return errDeep
	case s.Kind == KindRef:
		refs[s.ID] = true
		return nil
	case s.ID != 0 && x[s.ID] != nil:
		return fmt.Errorf("two parts have the ID %d", s.ID)
	case s.ID != 0:
		x[s.ID] = s
	}
	parts, err := s.parts()
	if err != nil {
		return err
	}
	for _, p := range parts {
		if err := p.collect(x, refs, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// parts are the schemas inside s.
func (s *Schema) parts() ([]*Schema, error) {
	switch s.Kind {
	case KindBool, KindInt, KindUint, KindFloat, KindText, KindBytes, KindTime, KindBig, KindColumn, KindAny:
		return nil, nil
	case KindVector:
		if numberByName(s.Of) == nil {
			return nil, fmt.Errorf("there is no vector of %q", clip(s.Of))
		}
		return nil, nil
	case KindList:
		return []*Schema{s.Elem}, nil
	case KindMap:
		return []*Schema{s.Key, s.Elem}, nil
	case KindStruct, KindTuple, KindTransferable:
		var parts []*Schema
		for _, f := range s.Fields {
			parts = append(parts, f.Type)
		}
		return parts, nil
	}
	return nil, fmt.Errorf("unknown kind %q", clip(string(s.Kind)))
}

// resolve is s, or what it refers to; never a reference itself.
func (x index) resolve(s *Schema) *Schema {
	if s.Kind == KindRef {
		return x[s.ID]
	}
	return s
}
