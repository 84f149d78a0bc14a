package peer

import (
	"encoding/binary"
	"fmt"
	"sync"
)

// frame is a message that is bytes and nothing else, for peers whose codecs get one slice.
type frame struct {
	data []byte
}

// frameOfRows asks for n rows.
func frameOfRows(n int) *frame { return &frame{binary.LittleEndian.AppendUint64(nil, uint64(n))} }

// rows is how many rows a frame asks for.
func (f *frame) rows() (int, error) {
	if len(f.data) != 8 {
		return 0, fmt.Errorf("%d bytes do not ask for a table; want 8", len(f.data))
	}
	return int(binary.LittleEndian.Uint64(f.data)), nil
}

// frameCodec leaves the bytes of frames as they are. It is a codec of connect and an encoding of drpc.
type frameCodec struct{}

// Name is part of the content type.
func (frameCodec) Name() string { return "bytes" }

// Marshal returns the frame's bytes.
func (c frameCodec) Marshal(v any) ([]byte, error) {
	f, err := frameIn(v)
	if err != nil {
		return nil, err
	}
	return f.data, nil
}

// MarshalAppend appends the frame's bytes to dst.
func (frameCodec) MarshalAppend(dst []byte, v any) ([]byte, error) {
	f, err := frameIn(v)
	if err != nil {
		return nil, err
	}
	return append(dst, f.data...), nil
}

// Unmarshal copies data, which are the caller's, into the frame's memory.
func (frameCodec) Unmarshal(data []byte, v any) error {
	f, err := frameIn(v)
	if err != nil {
		return err
	}
	f.data = append(f.data[:0], data...)
	return nil
}

func frameIn(v any) (*frame, error) {
	f, ok := v.(*frame)
	if !ok {
		return nil, fmt.Errorf("the bytes codec has no use for %T; want a *frame", v)
	}
	return f, nil
}

// framePool is a client's answers, used again.
type framePool struct {
	pool sync.Pool
}

// with calls receive with a frame and then see with what it received.
func (p *framePool) with(receive func(*frame) error, see func([]byte) error) error {
	f, ok := p.pool.Get().(*frame)
	if !ok {
		f = new(frame)
	}
	defer p.pool.Put(f)
	if err := receive(f); err != nil {
		return err
	}
	return see(f.data)
}
