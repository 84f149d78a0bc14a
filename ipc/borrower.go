package ipc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/ctwo-go/c2/buddy"
)

// borrower is the memory of one connection that the peer owns and this side reads. A nil *borrower takes none.
type borrower struct {
	out   *sender
	limit int64 // bytes that may be copied out of files at a time

	mu       sync.Mutex
	closed   bool
	segments map[uint32]*borrowedSegment
	mapped   uint64
	refused  bool
	held     int   // blocks that were not given back
	copied   int64 // bytes that were copied out of files, for payloads that are not released yet
}

// borrowedSegment is a segment of the peer's.
type borrowedSegment struct {
	view *buddy.View // nil if it could not be mapped
	size uint64
	file bool // its owner could cut it: to be copied from only
}

// What a peer may have this side map, per connection: numbers, and addresses, not memory. What all peers together may
// have is bounded by package buddy, for the process; there is no room beyond that.
const (
	maxSegments = 4096
	maxMapped   = 1 << 40
)

func newBorrower(out *sender, limit int64) *borrower {
	return &borrower{out: out, limit: limit, segments: make(map[uint32]*borrowedSegment)}
}

// onSegment maps a segment whose descriptor has come. If there is no room for it the peer is told to send no more of them.
func (b *borrower) onSegment(body []byte, conn stream) error {
	info, err := parseSegment(body)
	if err != nil {
		return err
	}
	file, err := conn.takeFile()
	if err != nil {
		return err
	}
	if err := b.room(info); err != nil {
		closeFile(file)
		return err
	}
	view, err := attach(info, file)
	if err != nil && !outOfRoom(err) {
		return protocolErrorf("segment %d, which can't be used: %v", info.id, err)
	}
	b.mu.Lock()
	b.segments[info.id] = &borrowedSegment{view: view, size: info.size, file: info.what == segmentFile}
	b.mapped += info.size
	refuse := err != nil && !b.refused
	b.refused = b.refused || refuse
	b.mu.Unlock()
	if refuse { // before anything that the peer answers
		return b.out.send(context.Background(), outFrame{body: appendHeader(nil, header{kind: kindRefuse})}, true)
	}
	return nil
}

// room tells whether another segment is taken. The reader asks, who alone adds any.
func (b *borrower) room(info segmentInfo) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.segments[info.id] != nil:
		return protocolErrorf("segment %d twice", info.id)
	case len(b.segments) >= maxSegments, info.size > maxMapped-b.mapped:
		return protocolErrorf("%d segments of %d bytes and one of %d more; at most %d of %d are taken", len(b.segments), b.mapped, info.size, maxSegments, uint64(maxMapped))
	}
	return nil
}

// attach maps a segment. A nil file is one whose descriptor was lost for want of room.
func attach(info segmentInfo, file *os.File) (*buddy.View, error) {
	if file == nil {
		return nil, errLostFile
	}
	defer file.Close()
	if info.what == segmentFile {
		return buddy.AttachFile(file, int64(info.size))
	}
	return buddy.Attach(file, int64(info.size))
}

// onDrop forgets a segment. It stays mapped as long as something in it is held.
func (b *borrower) onDrop(body []byte) error {
	id, err := parseDrop(body)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.segments[id]
	if s == nil {
		return protocolErrorf("the end of segment %d, which there is none of", id)
	}
	delete(b.segments, id)
	b.mapped -= s.size
	if s.view != nil {
		s.view.Release()
	}
	return nil
}

// borrow gives p the blocks that refs name. Those count as lent from then on, whatever comes of the payload: p gives them
// back when it is released.
func (b *borrower) borrow(p *Payload, refs []reference, inBlock bool) error {
	if b == nil {
		return errNoSegments
	}
	in := &p.in
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, r := range refs {
		s := b.segments[r.segment]
		switch {
		case s == nil:
			return protocolErrorf("a reference to segment %d, which there is none of", r.segment)
		case s.file && (i > 0 || !inBlock):
			// It would have to be copied whole, whether it is wanted or not.
			return protocolErrorf("an attachment in segment %d, which is a file", r.segment)
		}
		part := borrowedPart{segment: s}
		if s.view != nil {
			var err error
			if part.bytes, err = s.view.Slice(r.offset, r.length); err != nil {
				return protocolErrorf("a reference that leads nowhere: %v", err)
			}
			s.view.Retain()
		}
		in.from = b
		in.refs = append(in.refs, r)
		in.parts = append(in.parts, part)
		b.held++
	}
	in.inBlock = inBlock
	return nil
}

// mayCopy tells whether n bytes may be copied out of a file. A file costs its owner nothing where it has holes, so this is
// what bounds how much memory a peer can have this side take.
func (b *borrower) mayCopy(n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > b.limit-b.copied {
		return false
	}
	b.copied += n
	return true
}

// giveBack tells the peer that blocks are done with.
func (b *borrower) giveBack(refs []reference, copied int64) {
	b.mu.Lock()
	b.held -= len(refs)
	b.copied -= copied
	closed := b.closed
	b.mu.Unlock()
	if !closed {
		b.out.giveBack(refs)
	}
}

// holds tells whether anything is held of the peer's memory.
func (b *borrower) holds() bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held > 0
}

func (b *borrower) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// close forgets all segments, when the connection has ended. They stay mapped as long as something in them is held.
func (b *borrower) close() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, s := range b.segments {
		if s.view != nil {
			s.view.Release()
		}
	}
	b.segments = nil
}

// borrowed is what a payload has of the peer's memory.
type borrowed struct {
	from        *borrower
	refs        []reference
	parts       []borrowedPart
	inBlock     bool // the first part is the payload, the others its attachments
	attachments [][]byte
	private     bool  // all parts were copied
	copied      int64 // bytes of those in files
}

type borrowedPart struct {
	segment *borrowedSegment
	bytes   []byte
}

// load makes the bytes of a payload that was received ready for use: what lies in files is copied, as their owner could cut
// them. After an error the payload is still to be released.
func (p *Payload) load() error {
	in := &p.in
	if left, err := p.staysInFile(); left || err != nil {
		return err
	}
	if len(in.refs) == 0 {
		return nil
	}
	in.private = true
	for i := range in.parts {
		part := &in.parts[i]
		switch {
		case part.segment.view == nil:
			return errorf(CodeUnavailable, "a payload came in shared memory that can't be mapped: raise the limits of this process for descriptors and mappings")
		case part.segment.file:
			if !in.from.mayCopy(int64(len(part.bytes))) {
				return errorf(CodeBusy, "%d bytes came in a file, and more than MaxPayload of %d would have to be copied out of files at a time", len(part.bytes), in.from.limit)
			}
			in.copied += int64(len(part.bytes))
			own := make([]byte, len(part.bytes))
			if _, err := part.segment.view.ReadAt(own, int64(in.refs[i].offset)); err != nil && err != io.EOF {
				return errorf(CodeUnavailable, "a payload came in a file that can't be read: %v", err)
			}
			part.bytes = own
		default:
			in.private = false
		}
	}
	parts := in.parts
	if in.inBlock {
		p.block, parts = parts[0].bytes, parts[1:]
	}
	in.private = in.private && in.inBlock
	for _, part := range parts {
		in.attachments = append(in.attachments, part.bytes)
	}
	return nil
}

func (in *borrowed) size() (n int) {
	for _, part := range in.parts {
		n += len(part.bytes)
	}
	return n
}

// giveBack ends the hold of all parts.
func (in *borrowed) giveBack() {
	if len(in.refs) == 0 {
		return
	}
	for _, part := range in.parts {
		if part.segment.view != nil {
			part.segment.view.Release()
		}
	}
	in.from.giveBack(in.refs, in.copied)
	clear(in.parts)
	clear(in.attachments)
	*in = borrowed{refs: in.refs[:0], parts: in.parts[:0], attachments: in.attachments[:0]}
}

var errLostFile = fmt.Errorf("its descriptor was lost, as this process may have no more of them: %w", syscall.EMFILE)

// outOfRoom tells whether a segment could not be mapped for want of resources, rather than for a fault of its own.
func outOfRoom(err error) bool {
	for _, target := range []error{syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
