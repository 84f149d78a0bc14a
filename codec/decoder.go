package codec

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// dec is one decoding: what is left of the input, and what it may still cost. A plan takes exactly
// one item off src.
type dec struct {
	src      []byte
	memory   int // bytes of memory that may still be allocated
	depth    int
	borrowed bool // a value lies in the input that is not the receiver's own

	attachments [][]byte
	view        bool // values may lie in the input
	own         bool // src is the receiver's own

	spans []span // of attachedSize
}

func (d *dec) start(src []byte, in *Decoding) {
	*d = dec{src: src, attachments: in.Attachments, view: in.View, own: in.Own, spans: d.spans}
	d.memory = memoryBase + memoryPerByte*len(src)
	if len(d.attachments) > 0 {
		most := uintptr(math.MaxInt-d.memory) / memoryPerAttached
		d.memory += memoryPerAttached * int(min(d.attachedSize(), most))
	}
}

// end drops the input, so that a dec that is used again does not keep it.
func (d *dec) end() { d.src, d.attachments = nil, nil }

// head takes the next head, tags included.
func (d *dec) head() (head, error) {
	h, rest, err := readHead(d.src)
	if err == nil {
		d.src = rest
	}
	return h, err
}

// item takes the next head behind any tags. It stops at the tag of attachments, as without it a
// reference would be a list of numbers.
func (d *dec) item() (head, error) {
	for {
		h, err := d.head()
		if err != nil || h.Major != cborhead.Tag || h.attached() {
			return h, err
		}
	}
}

// null takes a null and says whether there was one.
func (d *dec) null() bool {
	if len(d.src) > 0 && (d.src[0] == byteNull || d.src[0] == cborhead.Simple<<5|cborhead.InfoUndef) {
		d.src = d.src[1:]
		return true
	}
	return false
}

// take returns the n bytes of a string; they belong to the input.
func (d *dec) take(n uint64) ([]byte, error) {
	if n > uint64(len(d.src)) {
		return nil, fmt.Errorf("%d bytes are declared, %d are left: %w", n, len(d.src), cborhead.ErrShort)
	}
	b := d.src[:n:n]
	d.src = d.src[n:]
	return b, nil
}

// keep is b, the bytes behind h, for a value to hold: itself or a copy. It is never nil.
func (d *dec) keep(h head, b []byte) ([]byte, error) {
	if len(b) == 0 || !d.leaves(h, b) {
		return d.copy(b)
	}
	d.borrowed = d.borrowed || d.view
	return b, nil
}

// leaves says whether b, the bytes behind h, may be a value's memory. A value that is not a view
// may be changed, so no other may lie there: nothing in src is read twice, but references to
// attachments may overlap.
func (d *dec) leaves(h head, b []byte) bool {
	return d.view || d.own && h.Major == cborhead.Bytes && len(b) >= ownFrom
}

// ownFrom is the least size of what is left where it is, in memory of the receiver's own: it keeps
// all the rest of that alive.
const ownFrom = 64 << 10

// copy is a copy of b that is paid for and never nil.
func (d *dec) copy(b []byte) ([]byte, error) {
	if err := d.pay(1, len(b)); err != nil {
		return nil, err
	}
	return cloneBulk(b), nil
}

// text returns the n bytes of a text string; they belong to the input.
func (d *dec) text(n uint64) ([]byte, error) {
	b, err := d.take(n)
	if err == nil && !utf8.Valid(b) {
		return nil, errUTF8
	}
	return b, err
}

// elements checks the count of an array and pays for n elements of size bytes.
func (d *dec) elements(declared uint64, size int) (int, error) {
	n, err := count(declared, len(d.src))
	if err != nil {
		return 0, err
	}
	return n, d.pay(n, size)
}

// pairs checks the count of a map and pays for it. A map's storage is never smaller than eight
// slots, and grows in powers of two; the room to decode a pair in is one more.
func (d *dec) pairs(declared uint64, size int) (int, error) {
	n, err := count(declared, len(d.src)/2)
	if err != nil {
		return 0, err
	}
	if err := d.pay(1, 48); err != nil || n == 0 {
		return n, err
	}
	return n, d.pay(1+max(8, 2*n), size+1)
}

// pay takes n times size bytes off the memory that is left.
func (d *dec) pay(n, size int) error {
	if size > 0 && n > d.memory/size {
		return errMemory
	}
	d.memory -= n * size
	return nil
}

// enter goes one level down; leave comes back.
func (d *dec) enter() error {
	d.depth++
	if d.depth > MaxDepth {
		return errDeep
	}
	return nil
}

func (d *dec) leave() { d.depth-- }

// skip passes over one item, whatever it holds. It does not recurse, so depth is no matter.
func (d *dec) skip() error {
	for left := uint64(1); left > 0; left-- {
		h, err := d.head()
		if err != nil {
			return err
		}
		switch h.Major {
		case cborhead.Bytes, cborhead.Text:
			if _, err := d.take(h.Arg); err != nil {
				return err
			}
		case cborhead.Array, cborhead.Map:
			n, err := count(h.Arg, len(d.src))
			if err != nil {
				return err
			}
			if h.Major == cborhead.Map {
				n *= 2
			}
			left += uint64(n)
		case cborhead.Tag:
			left++
		}
	}
	return nil
}

// wrong is the error for an item of another kind than the type takes.
func wrong(want any, h head) error { return fmt.Errorf("want %v, have %v", want, h) }
