package codec

import (
	"fmt"
	"math"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// tagAttachment marks what refers to memory beside the payload: around an array of three integers,
// [attachment, offset, length], it stands for a byte string of those bytes; around a transferable's
// byte string it says that there are references in it. The number is "c2" in ASCII, followed by 2.
//
// It is the one tag that is never passed over: nothing that is kept undecoded holds a reference,
// as the memory might be gone, or another, when somebody followed it.
const tagAttachment = 0x63320002

// attachFrom is the least memory, in bytes, that is referred to: a reference takes up to 33.
const attachFrom = 64

// Attacher finds memory that travels beside a payload, such as shared memory that both sides have
// mapped. What it finds is not copied into the payload.
type Attacher interface {
	// Attach says as which attachment, and from which of its bytes on, the reader can see mem,
	// if it can. It must answer the same when it is asked again while a value is encoded, and
	// must not keep mem.
	Attach(mem []byte) (index int, offset uint64, ok bool)
}

// reference is memory as a place in an attachment.
type reference struct{ index, offset, length uint64 }

func (e enc) attaches() bool { return e.Encoding != nil && e.Attach != nil }

// find is where among the attachments the reader sees mem. Not to be asked for numbers that are
// turned around on the wire.
func (e enc) find(mem []byte) (r reference, ok bool) {
	if !e.attaches() || len(mem) < attachFrom {
		return r, false
	}
	index, offset, ok := e.Attach.Attach(mem[:len(mem):len(mem)])
	if !ok || index < 0 || index >= math.MaxUint32 { // columns count from 1, in 32 bits
		return r, false
	}
	return reference{uint64(index), offset, uint64(len(mem))}, true
}

func (r reference) size() int {
	return cborhead.Size(tagAttachment) + 1 + cborhead.Size(r.index) + cborhead.Size(r.offset) + cborhead.Size(r.length)
}

func (r reference) append(dst []byte) []byte {
	dst = cborhead.Append(cborhead.Append(dst, cborhead.Tag, tagAttachment), cborhead.Array, 3)
	dst = cborhead.Append(dst, cborhead.Uint, r.index)
	dst = cborhead.Append(dst, cborhead.Uint, r.offset)
	return cborhead.Append(dst, cborhead.Uint, r.length)
}

// in is the memory that r refers to.
func (r reference) in(attachments [][]byte) ([]byte, error) {
	if len(attachments) == 0 {
		return nil, fmt.Errorf("refers to attachment %d, of which the payload has none", r.index)
	}
	if r.index >= uint64(len(attachments)) {
		return nil, fmt.Errorf("refers to attachment %d, of %d that the payload has", r.index, len(attachments))
	}
	a := attachments[r.index]
	if r.offset > uint64(len(a)) || r.length > uint64(len(a))-r.offset {
		return nil, fmt.Errorf("%d bytes at %d lie outside the %d of attachment %d", r.length, r.offset, len(a), r.index)
	}
	end := r.offset + r.length
	return a[r.offset:end:end], nil
}

// attached says whether h is the tag of what refers to attachments.
func (h head) attached() bool { return h.Major == cborhead.Tag && h.Arg == tagAttachment }

// bytes says whether h begins a byte string, or a reference that stands for one.
func (h head) bytes() bool { return h.Major == cborhead.Bytes || h.attached() }

// bytes takes what is behind h, for which h.bytes holds. It belongs to the input.
func (d *dec) bytes(h head) ([]byte, error) {
	if h.Major == cborhead.Bytes {
		return d.take(h.Arg)
	}
	h, err := d.head()
	if err != nil {
		return nil, err
	}
	if h.Major != cborhead.Array || h.Arg != 3 {
		return nil, wrong("the three numbers of a reference to an attachment", h)
	}
	var numbers [3]uint64
	for i := range numbers {
		if h, err = d.head(); err != nil {
			return nil, err
		}
		if h.Major != cborhead.Uint {
			return nil, wrong("a number of a reference to an attachment", h)
		}
		numbers[i] = h.Arg
	}
	return reference{numbers[0], numbers[1], numbers[2]}.in(d.attachments)
}
