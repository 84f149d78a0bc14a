package buddy_test

import (
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/ctwo-go/c2/buddy"
)

const (
	budgetLimit  = 2 << 20
	budgetMost   = 3 << 19 // MaxBytes of each pool
	budgetMin    = 64 << 10
	budgetLarge  = 128 << 10
	budgetSpills = 1 // the pool that has files
)

// budgetProgram plays a program of bytes on pools that share a Budget. Of each it knows which segments there are and which
// blocks are in use, and from that alone what must be possible.
type budgetProgram struct {
	t      testing.TB
	budget *buddy.Budget
	pools  []*sharer
}

// sharer is one of the pools, and what is known of it.
type sharer struct {
	number   int
	pool     *buddy.Pool
	segments map[uint32]*buddy.Segment
	live     []buddy.Block
}

func newBudgetProgram(t testing.TB) *budgetProgram {
	p := &budgetProgram{t, buddy.NewBudget(budgetLimit), make([]*sharer, 3)}
	for i := range p.pools {
		p.pools[i] = p.open(i)
	}
	return p
}

func (p *budgetProgram) open(i int) *sharer {
	s := &sharer{number: i, segments: make(map[uint32]*buddy.Segment)}
	config := buddy.Config{Budget: p.budget, MaxBytes: budgetMost, MinSegment: budgetMin, MaxSegment: 4 * budgetMin, Large: budgetLarge}
	config.OnSegment = func(id uint32, segment *buddy.Segment) error {
		s.segments[id] = segment
		return nil
	}
	config.OnDrop = func(id uint32) {
		if s.blocksIn(id) > 0 {
			p.t.Errorf("segment %d is dropped and has %d blocks", id, s.blocksIn(id))
		}
		delete(s.segments, id)
	}
	if i == budgetSpills {
		config.SpillDir = p.t.TempDir()
	}
	s.pool = newPool(p.t, config)
	return s
}

func (s *sharer) blocksIn(segment uint32) (n int) {
	for _, block := range s.live {
		if block.Segment == segment {
			n++
		}
	}
	return n
}

// memory is the bytes of its segments that are not files: of all, and of those that can't be given back.
func (s *sharer) memory() (all, pinned int64) {
	for id, segment := range s.segments {
		if segment.OnDisk() {
			continue
		}
		all += segment.Size()
		if s.blocksIn(id) > 0 {
			pinned += segment.Size()
		}
	}
	return all, pinned
}

func (p *budgetProgram) memory() (all, pinned int64) {
	for _, s := range p.pools {
		a, n := s.memory()
		all, pinned = all+a, pinned+n
	}
	return all, pinned
}

func (p *budgetProgram) step(what, arg byte) error {
	i := int(arg) % len(p.pools)
	s := p.pools[i]
	switch {
	case what == 255:
		p.pools[i] = p.open(i)
		return s.pool.Close()
	case what > 240:
		s.pool.Trim()
		if all, pinned := s.memory(); all != pinned {
			return fmt.Errorf("after Trim a pool has %d bytes, and %d are in use", all, pinned)
		}
	case what > 130 && len(s.live) > 0:
		return s.free(int(arg) % len(s.live))
	default:
		return p.alloc(i, int(arg)<<(what%14))
	}
	return nil
}

// alloc may fail only if there is no room even when all that nobody uses is given back.
func (p *budgetProgram) alloc(i, n int) error {
	s := p.pools[i]
	least := max(int64(budgetMin), 1<<bits.Len(uint(max(n, 1)-1)))
	if n >= budgetLarge {
		page := int64(os.Getpagesize())
		least = (int64(n) + page - 1) / page * page
	}
	_, pinned := p.memory()
	_, own := s.memory()
	possible := pinned+least <= budgetLimit && own+least <= budgetMost
	block, err := s.pool.Alloc(n)
	switch {
	case err == nil:
		fill(block.Bytes, s.seed(block))
		s.live = append(s.live, block)
		return nil
	case n >= budgetLarge && i == budgetSpills:
		return fmt.Errorf("Alloc(%d) = %w, and there are files", n, err)
	case least > budgetMost:
		return expect(err, buddy.ErrTooLarge)
	case possible:
		return fmt.Errorf("Alloc(%d) = %w, and %d bytes of the Budget are in use, %d in this pool", n, err, pinned, own)
	}
	return expect(err, buddy.ErrExhausted)
}

func expect(err, want error) error {
	if !errors.Is(err, want) {
		return fmt.Errorf("the error is %w, want that of: %w", err, want)
	}
	return nil
}

func (s *sharer) free(i int) error {
	block := s.live[i]
	s.live = append(s.live[:i], s.live[i+1:]...)
	if !s.intact(block) {
		return fmt.Errorf("the block at %d of segment %d was written by another", block.Offset, block.Segment)
	}
	return s.pool.Free(block.Segment, block.Offset)
}

// seed tells the blocks of all pools apart.
func (s *sharer) seed(block buddy.Block) byte {
	return byte(s.number) + byte(block.Segment) + byte(block.Offset>>9)
}

func (s *sharer) intact(block buddy.Block) bool { return filled(block.Bytes, s.seed(block)) }

// check compares what the Budget says with what there is.
func (p *budgetProgram) check() error {
	all, _ := p.memory()
	if got, want := p.budget.Stats(), (buddy.BudgetStats{Limit: budgetLimit, Used: all, Pools: len(p.pools)}); got != want || all > budgetLimit {
		return fmt.Errorf("Stats() = %+v, want %+v", got, want)
	}
	for _, s := range p.pools {
		if most, _ := s.memory(); most > budgetMost {
			return fmt.Errorf("a pool has %d bytes, and may have %d", most, budgetMost)
		}
	}
	return nil
}

// run plays the program, and has all given back at its end.
func (p *budgetProgram) run(program []byte) error {
	for i := 0; i+1 < len(program); i += 2 {
		err := p.step(program[i], program[i+1])
		if err == nil {
			err = p.check()
		}
		if err != nil {
			return fmt.Errorf("step %d: %w", i/2, err)
		}
	}
	for _, s := range p.pools {
		if i := slices.IndexFunc(s.live, func(block buddy.Block) bool { return !s.intact(block) }); i >= 0 {
			return fmt.Errorf("at the end block %d of segment %d was written by another", s.live[i].Offset, s.live[i].Segment)
		}
		if err := s.pool.Close(); err != nil {
			return err
		}
	}
	if got, want := p.budget.Stats(), (buddy.BudgetStats{Limit: budgetLimit}); got != want {
		return fmt.Errorf("all is closed, and Stats() = %+v", got)
	}
	return nil
}

func TestBudgetDoesWhatItsModelDoes(t *testing.T) {
	const programs = 60
	for seed := range uint64(programs) {
		random := rand.New(rand.NewPCG(seed, 7))
		program := make([]byte, 2*random.IntN(100))
		for i := range program {
			program[i] = byte(random.Uint32())
		}
		if err := newBudgetProgram(t).run(program); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func FuzzBudget(f *testing.F) {
	f.Add([]byte{13, 192, 13, 100, 13, 128, 131, 0, 13, 129, 245, 0, 255, 1})
	f.Add([]byte{0, 0, 0, 1, 0, 2, 131, 0, 131, 1, 13, 197, 131, 2, 13, 197})
	f.Add([]byte{13, 193, 13, 193, 13, 193, 255, 1, 12, 255, 12, 254, 241, 0})
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) > 200 {
			return
		}
		if err := newBudgetProgram(t).run(program); err != nil {
			t.Error(err)
		}
	})
}
