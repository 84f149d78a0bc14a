package arrow

import (
	"errors"
	"fmt"
)

// Limits on what a schema may make its reader allocate. Flatbuffers may refer to the same bytes any
// number of times, so their size alone bounds nothing.
const (
	maxFields = 1 << 16
	maxDepth  = 64

	fieldCost = 16 // bytes that a field or a pair of custom metadata takes at the least
	shared    = 4  // how often a byte may be referred to, on average
)

// Kinds of messages, and the types of fields that own more than their fields, by Arrow's numbers.
const (
	kindSchema     = 1
	kindDictionary = 2
	kindBatch      = 3

	typeTimestamp  = 10
	typeUnion      = 14
	typeBinaryView = 23
	typeStringView = 24
)

var (
	errMalformed  = errors.New("the metadata is malformed")
	errSwapped    = errors.New("the numbers are in another byte order")
	errCompressed = errors.New("compressed batches are not accepted; write the stream without compression")
	errDelta      = errors.New("dictionary deltas are not accepted; write a stream of one batch")
	errBig        = fmt.Errorf("the schema has more than %d fields or %d levels, or refers to the same bytes again and again", maxFields, maxDepth)
	errVariadic   = errors.New("the buffers of string or binary views are miscounted")
)

// schema is what the messages after it are checked against.
type schema struct {
	bigEndian    bool
	views        int           // columns of strings or binary data by views, wherever they are nested
	dictionaries map[int64]int // and how many of them are in each dictionary's values, by its id
}

// metadata checks what arrow-go does not before it allocates or recurses.
type metadata struct {
	flat
	schema *schema
	left   int // bytes that may still be referred to
	fields int
	err    error
}

// check returns the length of the body behind the metadata b. A schema fills s.
func (s *schema) check(b []byte) (body int64, err error) {
	m := &metadata{flat: flat{b: b}, schema: s, left: shared * len(b)}
	message := m.deref(0)
	header := m.table(message, 8)
	switch kind := m.scalar(message, 6, 1); kind {
	case kindSchema:
		m.checkSchema(header)
	case kindDictionary:
		m.checkDictionary(header)
	case kindBatch:
		m.checkBatch(header, s.views)
	default:
		return 0, fmt.Errorf("there is a message of kind %d; a schema, dictionaries and a record batch are wanted", kind)
	}
	m.pairs(message, 12)
	if m.outside || header == 0 {
		return 0, errMalformed
	}
	return int64(m.scalar(message, 10, 8)), m.err
}

func (m *metadata) checkSchema(table int) {
	m.schema.bigEndian = m.scalar(table, 4, 2) != 0
	m.schema.dictionaries = map[int64]int{}
	m.pairs(table, 8)
	m.schema.views = m.children(table, 6, maxDepth)
}

// children checks the fields in a table's vector and returns how many of them are views.
func (m *metadata) children(table, slot, depth int) (views int) {
	start, n := m.vector(table, slot, 4)
	for i := range n {
		if m.err != nil || m.outside {
			break
		}
		views += m.column(m.deref(start+4*i), depth)
	}
	return views
}

// column checks a field and those below it. The values of a dictionary come in a message of their own.
func (m *metadata) column(table, depth int) (views int) {
	if m.fields++; m.fields > maxFields || depth == 0 {
		m.err = errBig
		return 0
	}
	m.spend(fieldCost + m.length(table, 4))
	m.pairs(table, 16)
	switch typ := m.table(table, 10); m.scalar(table, 8, 1) {
	case typeTimestamp:
		m.spend(m.length(typ, 6))
	case typeUnion:
		_, n := m.vector(typ, 6, 4)
		m.spend(n)
	case typeBinaryView, typeStringView:
		views++
	}
	views += m.children(table, 14, depth-1)
	if encoding := m.table(table, 12); encoding != 0 {
		id := int64(m.scalar(encoding, 4, 8))
		m.schema.dictionaries[id] = max(m.schema.dictionaries[id], views)
		return 0
	}
	return views
}

// pairs checks custom metadata.
func (m *metadata) pairs(table, slot int) {
	start, n := m.vector(table, slot, 4)
	for i := range n {
		if m.err != nil || m.outside {
			break
		}
		pair := m.deref(start + 4*i)
		m.spend(fieldCost + m.length(pair, 4) + m.length(pair, 6))
	}
}

// length is that of a string.
func (m *metadata) length(table, slot int) int {
	_, n := m.vector(table, slot, 1)
	return n
}

func (m *metadata) spend(n int) {
	if m.left -= n; m.left < 0 {
		m.err = errBig
	}
}

func (m *metadata) checkDictionary(table int) {
	if m.scalar(table, 8, 1) != 0 {
		m.err = errDelta
		return
	}
	m.checkBatch(m.table(table, 6), m.schema.dictionaries[int64(m.scalar(table, 4, 8))])
}

// checkBatch makes sure that as many buffers exist as arrow-go will make room for: for each view it
// takes a count, which it would also take from behind their end.
func (m *metadata) checkBatch(table, views int) {
	if m.field(table, 10) != 0 {
		m.err = errCompressed
		return
	}
	_, buffers := m.vector(table, 8, 16)
	counts, n := m.vector(table, 12, 8)
	if n < views {
		m.err = errVariadic
		return
	}
	for i := range n {
		count := m.number(counts+8*i, 8)
		if count > uint64(buffers) {
			m.err = errVariadic
			return
		}
		buffers -= int(count)
	}
}
