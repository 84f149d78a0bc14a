package codec

import (
	"encoding/binary"
	"errors"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// ErrTooLarge is why [Flatten] gave up: the payload would take more bytes than its caller allows.
var ErrTooLarge = errors.New("the payload with its attachments takes more bytes than are allowed")

// Flatten cuts a payload that refers to attachments into pieces. One behind the other, they are the
// same values without attachments, for somebody who can't see that memory: parts of src, of the
// attachments, and small ones that are made here. Neither src nor the attachments are copied, but
// for the headers of columns, so all must stay as it is while the pieces are in use. Without
// attachments, src is the only piece.
//
// An attachment may be referred to many times, so the pieces may be much longer together than what
// came; beyond most bytes the error is [ErrTooLarge]. Any other error says that src does not decode.
// That there is none does not say that it does: only heads and references are looked at. src may be
// memory that a peer writes to: each of them is read once.
func Flatten(src []byte, attachments [][]byte, most uint64) ([][]byte, error) {
	if len(attachments) == 0 {
		if uint64(len(src)) > most {
			return nil, ErrTooLarge
		}
		return [][]byte{src}, nil
	}
	f := flattener{attachments: attachments, left: most}
	if err := f.payload(src); err != nil {
		return nil, err
	}
	return f.pieces, nil
}

// flattener makes the pieces.
type flattener struct {
	attachments [][]byte
	left        uint64 // how many bytes more the pieces may have
	pieces      [][]byte
	room        []byte // zeros that belong to no piece yet
}

// payload adds src, with what its references stand for in their place.
func (f *flattener) payload(src []byte) error {
	d := dec{src: src, attachments: f.attachments}
	added := 0 // how much of src
	for len(d.src) > 0 {
		at := len(src) - len(d.src)
		h, err := d.head()
		if err == nil && (h.Major == cborhead.Bytes || h.Major == cborhead.Text) {
			_, err = d.take(h.Arg)
		}
		if err == nil && h.attached() {
			if err = f.add(src[added:at]); err == nil {
				err = f.reference(&d, h)
			}
			added = len(src) - len(d.src)
		}
		if err != nil {
			return err
		}
	}
	return f.add(src[added:])
}

// reference adds the byte string that what is behind the tag in h stands for.
func (f *flattener) reference(d *dec, h head) error {
	if len(d.src) > 0 && d.src[0]>>5 == cborhead.Bytes {
		h, err := d.head()
		if err != nil {
			return err
		}
		b, err := d.take(h.Arg)
		if err != nil {
			return err
		}
		pieces, size, err := f.columns(b)
		if err != nil {
			return err
		}
		return f.bytes(size, pieces)
	}
	b, err := d.bytes(h)
	if err != nil {
		return err
	}
	return f.bytes(uint64(len(b)), [][]byte{b})
}

// bytes adds a byte string of that size, whose content is in pieces.
func (f *flattener) bytes(size uint64, pieces [][]byte) error {
	head := cborhead.Append(f.zeros(uint64(cborhead.Size(size)))[:0], cborhead.Bytes, size)
	if err := f.add(head); err != nil {
		return err
	}
	for _, p := range pieces {
		if err := f.add(p); err != nil {
			return err
		}
	}
	return nil
}

// add adds a piece, if there is anything in it.
func (f *flattener) add(p []byte) error {
	if uint64(len(p)) > f.left {
		return ErrTooLarge
	}
	f.left -= uint64(len(p))
	if len(p) > 0 {
		f.pieces = append(f.pieces, p)
	}
	return nil
}

// zeros are n bytes for a small piece.
func (f *flattener) zeros(n uint64) []byte {
	if uint64(len(f.room)) < n {
		f.room = make([]byte, max(n, 512))
	}
	b := f.room[:n:n]
	f.room = f.room[n:]
	return b
}

// columns are pieces of columns that have all of them inside: another header, then what there was
// inside, then what was attached.
func (f *flattener) columns(src []byte) (pieces [][]byte, size uint64, err error) {
	header, n, err := copyHeader(src)
	if err != nil {
		return nil, 0, err
	}
	pieces = append(pieces, header, src[len(header):])
	at, size := prologueSize, uint64(len(src))
	for range n {
		c, rest, err := readDescription(header[at:])
		if err != nil {
			return nil, 0, err
		}
		b, err := c.data(src, f.attachments)
		if err != nil {
			return nil, 0, within(clip(string(c.name)), err)
		}
		if c.attachment != 0 {
			pad := -size % listAlign
			pieces = append(pieces, f.zeros(pad), b)
			binary.LittleEndian.PutUint64(header[at+16:], size+pad)
			binary.LittleEndian.PutUint32(header[at+40:], 0)
			if size += pad + uint64(len(b)); size > f.left {
				return nil, 0, ErrTooLarge
			}
		}
		at = len(header) - len(rest)
	}
	binary.LittleEndian.PutUint64(header[16:], size)
	return pieces, size, nil
}

// copyHeader is a copy of the header of columns, and how many there are. It checks the copy, so that
// what was checked stays so.
func copyHeader(src []byte) (header []byte, n uint32, err error) {
	header = append(header, src[:min(prologueSize, len(src))]...)
	size, n, err := checkPrologue(header, uint64(len(src)))
	if err != nil {
		return nil, 0, err
	}
	return append(header, src[prologueSize:size]...), n, nil
}
