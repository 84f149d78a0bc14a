package buddy_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ctwo-go/c2/buddy"
)

// model is a buddy allocator that is too simple to be wrong: it knows which blocks are in use, and finds all else out
// by looking at all of them.
type model struct {
	size, minBlock uint64
	blocks         map[uint64]uint64 // size by offset
}

// rounded is the size of the block that n bytes get.
func (m *model) rounded(n uint64) uint64 {
	size := m.minBlock
	for size < n {
		size *= 2
	}
	return size
}

// largest is the largest free block within the one given.
func (m *model) largest(off, size uint64) uint64 {
	switch {
	case !m.meets(off, size):
		return size
	case size == m.minBlock:
		return 0
	}
	half := size / 2
	return max(m.largest(off, half), m.largest(off+half, half))
}

// meets reports whether a block in use overlaps the range.
func (m *model) meets(off, size uint64) bool {
	for at, n := range m.blocks {
		if at < off+size && off < at+n {
			return true
		}
	}
	return false
}

func (m *model) used() (sum uint64) {
	for _, n := range m.blocks {
		sum += n
	}
	return sum
}

// pair is an allocator beside its model.
type pair struct {
	real  *buddy.Allocator
	model model
	live  []uint64 // offsets, to choose from
}

func newPair(t testing.TB, size uint64, minBlock int) *pair {
	return &pair{newAllocator(t, size, minBlock), model{size, uint64(minBlock), make(map[uint64]uint64)}, nil}
}

// alloc must succeed exactly if the model has a free block, with one that is free there.
func (p *pair) alloc(n uint64) error {
	want := p.model.rounded(n)
	off, ok := p.real.Alloc(n)
	if possible := p.model.largest(0, p.model.size) >= want; ok != possible {
		return fmt.Errorf("Alloc(%d) = %v, want %v", n, ok, possible)
	}
	if !ok {
		return nil
	}
	if off%want != 0 || off+want > p.model.size || p.model.meets(off, want) {
		return fmt.Errorf("Alloc(%d) gave %d, which is not aligned, not inside or not free", n, off)
	}
	if size, ok := p.real.Size(off); !ok || size != want {
		return fmt.Errorf("Size(%d) = %d, %v, want %d", off, size, ok, want)
	}
	p.model.blocks[off] = want
	p.live = append(p.live, off)
	return nil
}

// free must succeed exactly if the model has a block in use there.
func (p *pair) free(off uint64) error {
	_, used := p.model.blocks[off]
	err := p.real.Free(off)
	if used != (err == nil) || err != nil && !errors.Is(err, buddy.ErrNotAllocated) {
		return fmt.Errorf("Free(%d) = %v, and it is used: %v", off, err, used)
	}
	delete(p.model.blocks, off)
	p.live = slices.DeleteFunc(p.live, func(o uint64) bool { return o == off })
	return nil
}

func (p *pair) checkStats() error {
	want := buddy.Stats{
		Capacity:    p.model.size,
		Used:        p.model.used(),
		Free:        p.model.size - p.model.used(),
		LargestFree: p.model.largest(0, p.model.size),
		Blocks:      len(p.model.blocks),
	}
	if got := p.real.Stats(); got != want {
		return fmt.Errorf("Stats() = %+v, want %+v", got, want)
	}
	return nil
}

// freeAll ends with one free block.
func (p *pair) freeAll() error {
	for len(p.live) > 0 {
		if err := p.free(p.live[len(p.live)-1]); err != nil {
			return err
		}
	}
	if off, ok := p.real.Alloc(p.model.size); !ok || off != 0 {
		return fmt.Errorf("all is free, and Alloc of it all gave %d, %v", off, ok)
	}
	return p.real.Free(0)
}

// run plays a program of bytes: each step is one that says what to do and one that says with what.
func (p *pair) run(program []byte) error {
	for i := 0; i+1 < len(program); i += 2 {
		if err := p.step(program[i], uint64(program[i+1])); err != nil {
			return fmt.Errorf("step %d: %w", i/2, err)
		}
	}
	if err := p.checkStats(); err != nil {
		return err
	}
	return p.freeAll()
}

func (p *pair) step(what byte, arg uint64) error {
	switch {
	case what < 120: // sizes of all orders, and a little below and above
		return p.alloc(p.model.minBlock<<(what%9) + arg%3 - 1)
	case what < 230 && len(p.live) > 0:
		return p.free(p.live[arg%uint64(len(p.live))])
	case what < 245: // mostly not a block
		return p.free(arg * p.model.minBlock / 2)
	default:
		return p.checkStats()
	}
}

func TestAllocatorDoesWhatItsModelDoes(t *testing.T) {
	const programs = 2000
	for seed := range uint64(programs) {
		random := rand.New(rand.NewPCG(seed, 0))
		program := make([]byte, 2*random.IntN(200))
		for i := range program {
			program[i] = byte(random.Uint32())
		}
		p := newPair(t, 64<<(seed%10), 64)
		if err := p.run(program); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func FuzzAllocator(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 120, 0, 120, 0})
	f.Add([]byte{8, 1, 7, 1, 0, 2, 121, 1, 255, 0, 8, 1})
	f.Add([]byte{0, 1, 0, 1, 0, 1, 0, 1, 120, 2, 120, 0, 1, 1, 240, 3, 250, 0})
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) > 2000 {
			return // the model takes its time
		}
		if err := newPair(t, 64<<8, 64).run(program); err != nil {
			t.Error(err)
		}
	})
}
