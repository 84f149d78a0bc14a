package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// What is kept as it came, or handed to somebody who knows nothing of attachments, may not refer to
// them: what it refers to is put in its place.

// attachmentMark is in every head of tagAttachment, in front of nothing else.
var attachmentMark = binary.BigEndian.AppendUint32(nil, tagAttachment)

// inlineItem is a copy of an item of the input, without references. It works on a copy, so that what
// was checked stays so.
func (d *dec) inlineItem(item []byte) ([]byte, error) {
	item, err := d.copy(item)
	if err != nil || !bytes.Contains(item, attachmentMark) {
		return item, err
	}
	f := flattener{attachments: d.attachments, left: uint64(d.memory)}
	return d.join(&f, f.payload(item))
}

// inlineColumns is a copy of columns that has all of them inside.
func (d *dec) inlineColumns(src []byte) ([]byte, error) {
	f := flattener{attachments: d.attachments, left: uint64(d.memory)}
	pieces, _, err := f.columns(src)
	for _, p := range pieces {
		if err == nil {
			err = f.add(p)
		}
	}
	return d.join(&f, err)
}

// join is the pieces in one, which is paid for, unless they failed.
func (d *dec) join(f *flattener, err error) ([]byte, error) {
	if errors.Is(err, ErrTooLarge) {
		return nil, errMemory
	}
	if err != nil {
		return nil, err
	}
	size := d.memory - int(f.left)
	d.memory -= size
	out := make([]byte, 0, size)
	for _, p := range f.pieces {
		out = appendBulk(out, p)
	}
	return out, nil
}
