package buddy

// PoolStats says how a pool's memory is used.
type PoolStats struct {
	Stats // of all segments; Capacity is what the pool has of the system

	Segments  int    // how many there are
	Warm      uint64 // bytes of segments that are kept for the next large block; they are part of Free
	Files     int    // how many of the segments are files
	FileBytes uint64 // what those have; it is part of Capacity
	Waiting   int    // calls of AllocWait that wait

	Created   uint64 // segments that were made, ever
	Dropped   uint64 // segments that were given back to the system, ever
	Exhausted uint64 // how often Alloc found all memory in use
}

// Stats returns the figures, at the cost of Allocator's for each segment. LargestFree is that of the segments that are
// there: a new one may have a larger block.
func (p *Pool) Stats() PoolStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := PoolStats{
		Warm:      uint64(p.warmBytesLocked()),
		FileBytes: uint64(p.files.used),
		Waiting:   int(p.waiters.length.Load()),
		Created:   p.counts.created,
		Dropped:   p.counts.dropped,
		Exhausted: p.counts.exhausted,
	}
	for _, m := range p.members.all() {
		s.Segments++
		if m.segment.onDisk {
			s.Files++
		}
		s.add(m.stats())
	}
	return s
}

// stats is that of the segment.
func (m *member) stats() Stats {
	if m.blocks != nil {
		return m.blocks.Stats()
	}
	size := uint64(m.segment.Size())
	if m.used.Load() {
		return Stats{Capacity: size, Used: size, Blocks: 1}
	}
	return Stats{Capacity: size, Free: size, LargestFree: size}
}

// add joins the figures of another region.
func (s *Stats) add(other Stats) {
	s.Capacity += other.Capacity
	s.Used += other.Used
	s.Free += other.Free
	s.LargestFree = max(s.LargestFree, other.LargestFree)
	s.Blocks += other.Blocks
}
