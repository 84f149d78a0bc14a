package buddy_test

import (
	"testing"

	"github.com/ctwo-go/c2/buddy"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
)

func TestMain(m *testing.M) {
	child.Roles{"owner": runOwner}.Play()
	leaktest.Main(m)
}

func newAllocator(t testing.TB, size uint64, minBlock int) *buddy.Allocator {
	t.Helper()
	a, err := buddy.New(size, minBlock)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newPool(t testing.TB, config buddy.Config) *buddy.Pool {
	t.Helper()
	p, err := buddy.NewPool(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("closing the pool: %v", err)
		}
	})
	return p
}

func mustAlloc(t testing.TB, p *buddy.Pool, n int) buddy.Block {
	t.Helper()
	block, err := p.Alloc(n)
	if err != nil {
		t.Fatalf("no block of %d bytes: %v", n, err)
	}
	return block
}

func mustFree(t testing.TB, p *buddy.Pool, block buddy.Block) {
	t.Helper()
	if err := p.Free(block.Segment, block.Offset); err != nil {
		t.Fatalf("block %d of segment %d can't be freed: %v", block.Offset, block.Segment, err)
	}
}

// fill writes a pattern that tells blocks apart; filled checks it.
func fill(mem []byte, seed byte) {
	for i := range mem {
		mem[i] = seed + byte(i)
	}
}

func filled(mem []byte, seed byte) bool {
	for i, b := range mem {
		if b != seed+byte(i) {
			return false
		}
	}
	return true
}
