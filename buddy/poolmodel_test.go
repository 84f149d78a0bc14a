package buddy_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/ctwo-go/c2/buddy"
)

// poolProgram plays a program of bytes on a small pool, and knows which blocks are in use and what is in them.
type poolProgram struct {
	pool *buddy.Pool
	live []buddy.Block
}

func (p *poolProgram) step(what, arg byte) error {
	switch {
	case what < 120:
		return p.alloc(int(arg) << (what % 13))
	case what < 200 && len(p.live) > 0:
		return p.free(int(arg) % len(p.live))
	default:
		return p.freeAny(uint32(what)%8, uint64(arg)<<(what%16))
	}
}

func (p *poolProgram) alloc(n int) error {
	b, err := p.pool.Alloc(n)
	if errors.Is(err, buddy.ErrExhausted) || errors.Is(err, buddy.ErrTooLarge) {
		return nil
	}
	if err != nil {
		return err
	}
	fill(b.Bytes, byte(b.Segment)+byte(b.Offset>>9))
	p.live = append(p.live, b)
	return nil
}

func (p *poolProgram) free(i int) error {
	b := p.live[i]
	p.live = append(p.live[:i], p.live[i+1:]...)
	if !filled(b.Bytes, byte(b.Segment)+byte(b.Offset>>9)) {
		return fmt.Errorf("the block at %d of segment %d was written by another", b.Offset, b.Segment)
	}
	return p.pool.Free(b.Segment, b.Offset)
}

// freeAny frees what a peer could ask for, and must free nothing but blocks in use.
func (p *poolProgram) freeAny(segment uint32, offset uint64) error {
	for i, b := range p.live {
		if b.Segment == segment && b.Offset == offset {
			return p.free(i)
		}
	}
	if err := p.pool.Free(segment, offset); !errors.Is(err, buddy.ErrNotAllocated) {
		return fmt.Errorf("Free(%d, %d) = %v, want ErrNotAllocated", segment, offset, err)
	}
	return nil
}

func FuzzPool(f *testing.F) {
	f.Add([]byte{12, 255, 0, 1, 130, 0, 201, 0})
	f.Add([]byte{12, 255, 12, 255, 12, 255, 11, 200, 121, 1, 12, 255, 200, 0, 209, 1})
	f.Add([]byte{1, 1, 2, 2, 3, 3, 4, 4, 121, 3, 121, 0, 250, 255, 12, 128})
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) > 400 {
			return
		}
		p := &poolProgram{pool: newPool(t, buddy.Config{MaxBytes: 2 << 20, MinSegment: 64 << 10, MaxSegment: 256 << 10, Large: 128 << 10})}
		for i := 0; i+1 < len(program); i += 2 {
			if err := p.step(program[i], program[i+1]); err != nil {
				t.Fatalf("step %d: %v", i/2, err)
			}
		}
		if s := p.pool.Stats(); s.Blocks != len(p.live) || s.Used+s.Free != s.Capacity {
			t.Errorf("%d blocks are in use, and Stats() = %+v", len(p.live), s)
		}
		for len(p.live) > 0 {
			if err := p.free(len(p.live) - 1); err != nil {
				t.Fatal(err)
			}
		}
		mustAlloc(t, p.pool, 2<<20) // all of it, in one piece
	})
}
