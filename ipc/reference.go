package ipc

import (
	"encoding/binary"
	"math"
)

// A segment is memory that one side owns and the other maps, to be read. A block is a piece of it that holds a payload or
// a part of one. It is lent with each reference to it, and each comes home once, in a free frame.

// reference names a block of the sender's, or a piece of one.
//
//	offset size
//	     0    4  segment
//	     4    4  zero
//	     8    8  where it begins in the segment
//	    16    8  its length, at least 1
type reference struct {
	segment uint32
	offset  uint64
	length  uint64
}

const (
	referenceSize = 24
	// maxRefs bounds the references of one call or answer.
	maxRefs = 256
	// maxFixed is the longest that a frame's body may be before its payload begins.
	maxFixed = maxFree * freeSize
)

func appendReference(dst []byte, r reference) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.segment))
	dst = binary.LittleEndian.AppendUint64(dst, r.offset)
	return binary.LittleEndian.AppendUint64(dst, r.length)
}

// parseReferences appends the references in src, which has whole ones only, to dst.
func parseReferences(dst []reference, src []byte) ([]reference, error) {
	if len(src) > maxRefs*referenceSize {
		return dst, protocolErrorf("%d references in one frame, at most %d are taken", len(src)/referenceSize, maxRefs)
	}
	for ; len(src) > 0; src = src[referenceSize:] {
		segment := binary.LittleEndian.Uint64(src)
		r := reference{
			segment: uint32(segment),
			offset:  binary.LittleEndian.Uint64(src[8:]),
			length:  binary.LittleEndian.Uint64(src[16:]),
		}
		if segment>>32 != 0 || r.length == 0 {
			return dst, protocolErrorf("a reference to %d bytes of segment %d", r.length, segment)
		}
		dst = append(dst, r)
	}
	return dst, nil
}

// checkReferences tells whether a frame's references and the payload that is in the frame itself, of which there are part
// bytes, are what the frame says of them.
func checkReferences(h header, refs []reference, part, total uint64) error {
	switch {
	case h.flags&flagBlock == 0:
		return nil
	case len(refs) == 0 || part > 0:
		return protocolErrorf("a payload by reference with %d references and %d bytes", len(refs), part)
	case refs[0].length != total:
		return protocolErrorf("a payload of %d bytes by a reference to %d", total, refs[0].length)
	}
	return nil
}

// wholeSize is how long a payload of total bytes is with its attachments, of which a receiver takes no more together
// than it takes without any: it may have to copy them. refs have been checked.
func wholeSize(total uint64, refs []reference, byBlock bool) uint64 {
	if byBlock {
		refs = refs[1:]
	}
	for _, r := range refs {
		total += min(r.length, math.MaxUint64-total)
	}
	return total
}

// segmentInfo is the body of a segment frame, whose first byte brings the segment's descriptor.
//
//	offset size
//	     0    4  segment: another number for each of a connection's, not zero
//	     4    1  what it is: 1 memory that can't be cut, 2 a file
//	     5    3  zero
//	     8    8  its size
type segmentInfo struct {
	id   uint32
	what segmentKind
	size uint64
}

type segmentKind uint8

const (
	segmentMemory segmentKind = 1
	segmentFile   segmentKind = 2

	segmentSize = 16
)

func appendSegment(dst []byte, s segmentInfo) []byte {
	dst = appendHeader(dst, header{length: segmentSize, kind: kindSegment})
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.id)|uint64(s.what)<<32)
	return binary.LittleEndian.AppendUint64(dst, s.size)
}

func parseSegment(src []byte) (segmentInfo, error) {
	_ = src[segmentSize-1]
	word := binary.LittleEndian.Uint64(src)
	s := segmentInfo{id: uint32(word), what: segmentKind(word >> 32), size: binary.LittleEndian.Uint64(src[8:])}
	if word>>40 != 0 || s.id == 0 || s.what != segmentMemory && s.what != segmentFile || s.size == 0 || s.size > 1<<62 {
		return s, protocolErrorf("segment %d of kind %d with %d bytes", s.id, s.what, s.size)
	}
	return s, nil
}

// The body of a drop frame is the segment and four bytes of zero.
const dropSize = 8

func appendDrop(dst []byte, id uint32) []byte {
	dst = appendHeader(dst, header{length: dropSize, kind: kindDrop})
	return binary.LittleEndian.AppendUint64(dst, uint64(id))
}

func parseDrop(src []byte) (uint32, error) {
	id := binary.LittleEndian.Uint64(src)
	if id == 0 || id>>32 != 0 {
		return 0, protocolErrorf("the end of segment %d", id)
	}
	return uint32(id), nil
}

// The body of a free frame is up to maxFree times a segment (4), zero (4) and an offset (8).
const (
	freeSize = 16
	maxFree  = 1024
)

func appendFree(dst []byte, segment uint32, offset uint64) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(segment))
	return binary.LittleEndian.AppendUint64(dst, offset)
}

func parseFree(src []byte) (segment uint32, offset uint64, err error) {
	word := binary.LittleEndian.Uint64(src)
	if word == 0 || word>>32 != 0 {
		return 0, 0, protocolErrorf("a block of segment %d", word)
	}
	return uint32(word), binary.LittleEndian.Uint64(src[8:]), nil
}
