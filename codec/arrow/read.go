package arrow

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/endian"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// decode makes a batch of its own: a copy that nobody else can change, and arrays that lie in it.
func decode(src []byte) (arrow.RecordBatch, error) {
	return read(&messages{src: bytes.Clone(src), owned: true})
}

// view makes a batch whose arrays lie in src, if they can.
func view(src []byte) (arrow.RecordBatch, error) {
	if !aligned(src) {
		return decode(src)
	}
	rec, err := read(&messages{src: src})
	if errors.Is(err, errSwapped) {
		return decode(src)
	}
	return rec, err
}

// read takes a batch from its stream. arrow-go panics about some of what is wrong with a stream and
// does not look at the rest before it is used.
func read(m *messages) (rec arrow.RecordBatch, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			rec, err = nil, fmt.Errorf("the stream is malformed: %.200s", fmt.Sprint(fault))
		}
	}()
	size := len(m.src)
	r, err := ipc.NewReaderFromMessageReader(m)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	rec, err = r.Read()
	if err == io.EOF {
		return nil, errors.New("the stream has no record batch; write one, if need be an empty one")
	}
	if err != nil {
		return nil, err
	}
	if err := errors.Join(m.end(), check(rec, size)); err != nil {
		return nil, err
	}
	rec.Retain() // the reader gives up its own reference
	return rec, nil
}

// messages cuts a stream into its messages, which arrow-go's own reader would copy.
type messages struct {
	src    []byte // what is left
	owned  bool   // nobody else can change src
	schema schema
}

// Message implements ipc.MessageReader.
func (m *messages) Message() (*ipc.Message, error) {
	meta, err := m.metadata()
	if err != nil {
		return nil, err
	}
	length, err := m.schema.check(meta)
	if err != nil {
		return nil, err
	}
	if m.schema.bigEndian == (endian.NativeEndian == endian.LittleEndian) && !m.owned {
		return nil, errSwapped
	}
	body, err := m.take(length)
	if err != nil {
		return nil, err
	}
	return ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(body)), nil
}

// metadata returns the next message's, or io.EOF. What is checked must be what is used, so it is
// copied out of memory that may change.
func (m *messages) metadata() ([]byte, error) {
	if len(m.src) == 0 {
		return nil, io.EOF
	}
	prefix, err := m.take(prefixSize)
	if err != nil {
		return nil, err
	}
	word := binary.LittleEndian.Uint64(prefix)
	if uint32(word) != continuation {
		return nil, errors.New("there is no message where one must begin; write an Arrow IPC stream, not a file")
	}
	length := int64(word >> 32)
	if length == 0 {
		return nil, io.EOF
	}
	meta, err := m.take(length)
	if err != nil || m.owned {
		return meta, err
	}
	return bytes.Clone(meta), nil
}

// take cuts off n bytes, whose capacity ends with them: arrow-go slices up to the capacity.
func (m *messages) take(n int64) ([]byte, error) {
	if n < 0 || n > int64(len(m.src)) {
		return nil, fmt.Errorf("the stream ends within a part of %d bytes: there are %d", n, len(m.src))
	}
	if n%8 != 0 {
		return nil, fmt.Errorf("a part of %d bytes is no multiple of 8", n)
	}
	part := m.src[:n:n]
	m.src = m.src[n:]
	return part, nil
}

// end makes sure that nothing follows the batch.
func (m *messages) end() error {
	if _, err := m.metadata(); err != io.EOF {
		return errors.New("more follows the record batch; send each batch as a value of its own")
	}
	if len(m.src) > 0 {
		return fmt.Errorf("%d bytes follow the end of the stream", len(m.src))
	}
	return nil
}

// Retain implements ipc.MessageReader.
func (m *messages) Retain() {}

// Release implements ipc.MessageReader.
func (m *messages) Release() {}
