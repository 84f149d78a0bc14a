package buddy

// Stats says how a region is used.
type Stats struct {
	Capacity    uint64 // bytes of the region
	Used        uint64 // bytes of allocated blocks, with what rounding up to a power of two adds
	Free        uint64 // the rest
	LargestFree uint64 // bytes of the largest block that could be allocated now
	Blocks      int    // how many blocks are allocated
}

// Fragmentation is the part of the free bytes that a single block could not have: 0 if all are in one piece, near 1 if
// they lie scattered in small ones.
func (s Stats) Fragmentation() float64 {
	if s.Free == 0 {
		return 0
	}
	return 1 - float64(s.LargestFree)/float64(s.Free)
}

// Stats joins what was freed, so that LargestFree is the truth, and returns the figures. They are exact if nobody
// allocates or frees meanwhile. It takes microseconds: it is for monitoring, not for each call.
func (a *Allocator) Stats() Stats {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drainLocked()
	s := Stats{Capacity: a.Capacity(), Free: a.tree.freeUnits << a.shift}
	s.Used = s.Capacity - s.Free
	if largest := a.tree.largest(); largest >= 0 {
		s.LargestFree = 1 << (a.shift + largest)
	}
	for _, n := range a.tree.taken {
		s.Blocks += n
	}
	return s
}
