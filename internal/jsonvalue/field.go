package jsonvalue

import (
	"slices"

	"github.com/ctwo-go/c2/codec"
)

// fewFields is up to how many fields are looked at one by one.
const fewFields = 32

// fields finds fields of structs by their names. It remembers where those of large ones are, so that a peer's struct of many
// fields and many keys in another order take no time but in proportion.
type fields map[*codec.Schema]map[string]int

// find is the index of the field of s with that name, which is most likely the next one, or negative.
func (f *fields) find(s *codec.Schema, next int, name []byte) int {
	if next < len(s.Fields) && s.Fields[next].Name == string(name) {
		return next
	}
	if len(s.Fields) <= fewFields {
		return slices.IndexFunc(s.Fields, func(f codec.Field) bool { return f.Name == string(name) })
	}
	if *f == nil {
		*f = fields{}
	}
	index := (*f)[s]
	if index == nil {
		index = make(map[string]int, len(s.Fields))
		for i := range slices.Backward(s.Fields) {
			index[s.Fields[i].Name] = i
		}
		(*f)[s] = index
	}
	if i, ok := index[string(name)]; ok {
		return i
	}
	return -1
}
