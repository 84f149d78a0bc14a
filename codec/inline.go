package codec

import (
	"bytes"
	"encoding/binary"
)

// What is kept as it came, or handed to somebody who knows nothing of attachments, may not refer to
// them: what it refers to is put in its place. All of this works on copies, so that what was
// checked stays so.

// attachmentMark is in every head of tagAttachment, in front of nothing else.
var attachmentMark = binary.BigEndian.AppendUint32(nil, tagAttachment)

// inlineItem is a copy of an item of the input, without references.
func (d *dec) inlineItem(item []byte) ([]byte, error) {
	item, err := d.copy(item)
	if err != nil || !bytes.Contains(item, attachmentMark) {
		return item, err
	}
	in := dec{src: item, memory: d.memory, attachments: d.attachments}
	var out []byte
	for len(in.src) > 0 {
		if out, err = in.inlineHead(out); err != nil {
			return nil, err
		}
	}
	d.memory = in.memory
	return out, nil
}

// inlineHead adds the next head to out, with the content of a string, or what a reference stands for.
func (d *dec) inlineHead(out []byte) ([]byte, error) {
	start := d.src
	h, err := d.head()
	switch {
	case err != nil:
		return nil, err
	case h.attached():
		b, err := d.inlineBytes(h)
		return append(appendHead(out, majorBytes, uint64(len(b))), b...), err
	case h.major == majorBytes || h.major == majorText:
		_, err = d.take(h.arg)
	}
	return append(out, start[:len(start)-len(d.src)]...), err
}

// inlineBytes is the content of the byte string that what is behind the tag in h stands for.
func (d *dec) inlineBytes(h head) ([]byte, error) {
	if len(d.src) > 0 && d.src[0]>>5 == majorBytes {
		h, err := d.head()
		if err != nil {
			return nil, err
		}
		b, err := d.take(h.arg)
		if err != nil {
			return nil, err
		}
		return d.inlineColumns(b)
	}
	b, err := d.bytes(h)
	if err != nil {
		return nil, err
	}
	return b, d.pay(1, len(b))
}

// inlineColumns is a copy of columns that has all of them inside.
func (d *dec) inlineColumns(src []byte) ([]byte, error) {
	out, err := d.copy(src)
	if err != nil {
		return nil, err
	}
	descriptions, n, err := readPrologue(out)
	if err != nil {
		return nil, err
	}
	at, end := prologueSize, prologueSize+len(descriptions)
	for range n {
		c, rest, err := readDescription(out[at:end])
		if err != nil {
			return nil, err
		}
		b, err := c.data(out[:len(src)], d.attachments) // also where it is inside: out grows
		if err == nil && c.attachment != 0 {
			out, err = d.inlineColumn(out, at, b)
		}
		if err != nil {
			return nil, within(clip(string(c.name)), err)
		}
		at = end - len(rest)
	}
	binary.LittleEndian.PutUint64(out[16:], uint64(len(out)))
	return out, nil
}

// inlineColumn adds b to out, as the data of the column that out[at:] describes.
func (d *dec) inlineColumn(out []byte, at int, b []byte) ([]byte, error) {
	if err := d.pay(1, listAlign+len(b)); err != nil {
		return nil, err
	}
	start := alignUp(len(out), listAlign)
	out = append(append(out, make([]byte, start-len(out))...), b...)
	binary.LittleEndian.PutUint64(out[at+16:], uint64(start))
	binary.LittleEndian.PutUint32(out[at+40:], 0)
	return out, nil
}
