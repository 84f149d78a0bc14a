package buddy_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/ctwo-go/c2/buddy"
)

// An allocator over ordinary memory.
func ExampleAllocator() {
	region := make([]byte, 1<<20)
	a, err := buddy.New(uint64(len(region)), 64)
	if err != nil {
		log.Fatal(err)
	}
	off, ok := a.Alloc(1000)
	if !ok {
		log.Fatal("the region is full")
	}
	block := region[off : off+1000]
	fmt.Println(copy(block, "hello"), a.Stats().Used)
	fmt.Println(a.Free(off))
	fmt.Println(a.Free(off))
	// Output:
	// 5 1024
	// <nil>
	// no allocated block begins there: it was freed before, or is not one of this allocator
}

// What one process writes, another one reads at once. Here both are the same; between two, the descriptor s.File()
// travels over a Unix-domain socket, and the size in a message.
func ExampleAttach() {
	s, err := buddy.Create(1 << 16)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()

	v, err := buddy.Attach(s.File(), s.Size())
	if err != nil {
		log.Fatal(err)
	}
	defer v.Release()

	copy(s.Bytes()[100:], "hello")
	seen, err := v.Slice(100, 5)
	fmt.Println(string(seen), err)
	_, err = v.Slice(100, 1<<16)
	fmt.Println(err)
	// Output:
	// hello <nil>
	// buddy: 65536 bytes at 100 are not within the 65536 of the segment
}

// A pool tells of each segment, so that others can attach to it before they hear of a block in it.
func ExamplePool() {
	views := make(map[uint32]*buddy.View)
	pool, err := buddy.NewPool(buddy.Config{
		MaxBytes: 64 << 20,
		OnSegment: func(id uint32, s *buddy.Segment) error {
			v, err := buddy.Attach(s.File(), s.Size())
			views[id] = v
			return err
		},
		OnDrop: func(id uint32) {
			views[id].Release()
			delete(views, id)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	block, err := pool.Alloc(5)
	if err != nil {
		log.Fatal(err)
	}
	copy(block.Bytes, "hello")

	seen, err := views[block.Segment].Slice(block.Offset, uint64(len(block.Bytes)))
	fmt.Println(string(seen), err)
	fmt.Println(pool.Free(block.Segment, block.Offset))
	for _, v := range views {
		v.Release()
	}
	// Output:
	// hello <nil>
	// <nil>
}

// Each client of a server has a pool of its own, so that none can take the blocks of another; together they are bounded.
func ExampleBudget() {
	budget := buddy.NewBudget(min(8<<20, buddy.MachineMemory()/4))
	var clients []*buddy.Pool
	for range 2 {
		pool, err := buddy.NewPool(buddy.Config{Budget: budget})
		if err != nil {
			log.Fatal(err)
		}
		defer pool.Close()
		clients = append(clients, pool)
	}
	block, err := clients[0].Alloc(8 << 20)
	if err != nil {
		log.Fatal(err)
	}
	_, err = clients[1].Alloc(100)
	fmt.Println(errors.Is(err, buddy.ErrExhausted))

	// What is free in one pool makes room for another.
	if err := clients[0].Free(block.Segment, block.Offset); err != nil {
		log.Fatal(err)
	}
	_, err = clients[1].Alloc(100)
	fmt.Println(err)
	fmt.Printf("%+v\n", budget.Stats())
	// Output:
	// true
	// <nil>
	// {Limit:8388608 Used:1048576 Pools:2}
}
