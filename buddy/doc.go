// Package buddy is memory that one process writes and others read without a copy, and an allocator to carve it.
//
// It has four parts, each of use without the next:
//
//   - An [Allocator] splits a region into blocks by the buddy system. It deals in offsets, so the region can be a
//     []byte, a segment or anything else.
//   - A [Segment] is a piece of shared memory, or a file, that this process writes.
//   - A [View] is a segment of another process, mapped to be read.
//   - A [Pool] allocates blocks from as many segments as it needs, within a bound. Several can share a [Budget].
//
// It imports the standard library and golang.org/x/sys. It knows nothing of calls, sockets or Go types: how a
// descriptor gets from one process to another, what lies in a block and who has it are its user's business.
//
// # Threat model
//
// Owner and reader do not trust each other. A reader can't write to the memory, cut it, or take pages away: the kernel
// refuses, by seals that nobody can take off. An owner can't make a reader fault: [Attach] takes nothing but memory that
// is sealed, wholly allocated and of the size that was agreed on. All that says what is allocated lies in the
// owner's private memory, so that a reader that lies or is killed can't damage it, and there is nothing to clean up
// after it but the blocks it had. A reference that a reader gives back is checked: [Pool.Free] and [View.Slice] take any
// numbers. Segments have no names, so none is left behind, whoever is killed when.
//
// What remains: an owner may change what a reader reads while it is read; a reader may see all of a segment, not only the
// block it was given; files ([CreateFile]) and systems that have no seals are weaker, as [AttachFile] and [Create] say.
//
// # What is promised of memory that is gone
//
// A mapping is never ended under one who holds it: a [View] goes with its last holder, a segment of a pool when none of
// its blocks is allocated. A slice that is used too late all the same reads what is in the block now or, when the
// segment is gone, zeros. A write to a block that was freed goes to whoever has it now, and is lost when the segment is
// gone; a write through a View faults at any time.
//
// That ends when the addresses are let go, which from then on fault or are anything else's: those of the oldest segment
// or view that is gone, when they are more than an eighth of the mappings that the system allows a process (8191 of
// Linux's default), or more bytes than a sixteenth of what it can address (8 TiB of 128).
//
// # Tests of what uses it
//
// Under the race detector, and with the build tag invariants, the allocator checks itself and blocks are overwritten
// with 0xdb when they are freed, so that whoever reads a block for too long finds that in it.
//
// # Locks
//
// Pool.growing is taken before Pool.mu, and that before Allocator.mu. The others, Budget.mu, queue.mu, Segment.mu and
// mappings.mu, are taken last, and none with another of them but mappings.mu with Segment.mu.
//
// Nobody holds the mu of two pools. Who makes room in a [Budget] has his own pool's growing at most, and takes the mu of
// one pool after the other; nobody who has a pool's mu waits for a growing.
package buddy
