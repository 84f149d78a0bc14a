package codec

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// size is how many bytes the struct at p takes as columns, and whether some of them are attached.
func (x *table) size(p place, e enc) (n int, attached bool) {
	n = len(x.header)
	for i := range x.columns {
		c := &x.columns[i]
		field := p.field(c.at)
		if _, ok := c.find(field, e); ok {
			attached = true
			continue
		}
		n = alignUp(n, c.begins()) + c.bytes(field)
	}
	return n, attached
}

// find is where among the attachments the column at p is, if it is a list. What lies between the
// parts of its elements stays as it is: the reader sees the memory around the column too.
func (c *column) find(p place, e enc) (r reference, ok bool) {
	if !e.attaches() || c.shape != shapeList || !littleEndian() {
		return r, false
	}
	return e.find(p.elements(c.size))
}

func alignUp(n, align int) int { return (n + align - 1) &^ (align - 1) }

// bytes is how many bytes the data of the column at p take.
func (c *column) bytes(p place) int {
	switch c.shape {
	case shapeList:
		return len(*p.list()) * c.size
	case shapeText:
		return len(*p.text())
	case shapeTexts:
		list := *p.texts()
		if list == nil {
			return 0
		}
		n := textBytes(list)
		return (len(list)+1)*textWidth(n) + n
	}
	return c.size
}

func textBytes(list []string) (n int) {
	for _, s := range list {
		n += len(s)
	}
	return n
}

// append adds the struct at p to dst as columns.
func (x *table) append(dst []byte, p place, e enc) ([]byte, error) {
	size, _ := x.size(p, e)
	if size < 0 {
		return dst, fmt.Errorf("columns take more memory than there can be; send fewer at once")
	}
	out := slices.Grow(dst, size)[:len(dst)+size]
	all := out[len(dst):]
	end := copy(all, x.header)
	binary.LittleEndian.PutUint64(all[16:], uint64(size))
	for i := range x.columns {
		c := &x.columns[i]
		field := p.field(c.at)
		if r, ok := c.find(field, e); ok {
			c.refer(all[c.header:], r)
			continue
		}
		at, n := alignUp(end, c.begins()), c.bytes(field)
		if at > size || n > size-at {
			return dst, errChanged
		}
		clear(all[end:at])
		end = at + n
		d := all[c.header:]
		binary.LittleEndian.PutUint64(d[16:], uint64(at))
		binary.LittleEndian.PutUint64(d[24:], uint64(n))
		if err := c.write(all[at:end], d, field); err != nil {
			return dst, within(c.name, err)
		}
	}
	if end != size {
		return dst, errChanged
	}
	return out, nil
}

// refer makes the description d that of a column that is attached.
func (c *column) refer(d []byte, r reference) {
	binary.LittleEndian.PutUint64(d[8:], r.length/uint64(c.size))
	binary.LittleEndian.PutUint64(d[16:], r.offset)
	binary.LittleEndian.PutUint64(d[24:], r.length)
	binary.LittleEndian.PutUint32(d[40:], uint32(r.index+1))
}

// write fills b with the data of the column at p, and its description d with what there is of it.
func (c *column) write(b, d []byte, p place) error {
	count := 1
	isNil := false
	var err error
	switch c.shape {
	case shapeScalar:
		copy(b, p.memory(c.size))
		c.seal(b)
	case shapeList:
		count, isNil = len(b)/c.size, *p.list() == nil
		copyBulk(b, p.elements(c.size))
		c.seal(b)
	case shapeText:
		count = len(b)
		if !utf8.ValidString(*p.text()) {
			err = errUTF8
		}
		copy(b, *p.text())
	case shapeTexts:
		list := *p.texts()
		count, isNil = len(list), list == nil
		var width int
		if !isNil {
			width, err = writeTexts(b, list)
		}
		binary.LittleEndian.PutUint32(d[32:], uint32(width))
	case shapeTime:
		writeTime(b, *p.time())
	}
	binary.LittleEndian.PutUint64(d[8:], uint64(count))
	if isNil {
		d[5] |= flagNil
	}
	return err
}

// writeTexts fills b with the offsets of the texts, and the texts.
func writeTexts(b []byte, list []string) (width int, err error) {
	width = textWidth(textBytes(list))
	n := (len(list) + 1) * width
	if n > len(b) {
		return width, errChanged
	}
	offsets, texts := b[:n], b[n:]
	end := 0
	putTextOffset(offsets, width, end)
	for i, s := range list {
		if !utf8.ValidString(s) {
			return width, withinIndex(i, errUTF8)
		}
		if len(s) > len(texts)-end {
			return width, errChanged
		}
		end += copy(texts[end:], s)
		offsets = offsets[width:]
		putTextOffset(offsets, width, end)
	}
	return width, nil
}

func putTextOffset(b []byte, width, offset int) {
	if width == 4 {
		binary.LittleEndian.PutUint32(b, uint32(offset))
		return
	}
	binary.LittleEndian.PutUint64(b, uint64(offset))
}

func writeTime(b []byte, t time.Time) {
	_, east := t.Zone()
	if east <= -day || east >= day {
		east = 0 // keep the instant
	}
	binary.LittleEndian.PutUint64(b, uint64(t.Unix()))
	binary.LittleEndian.PutUint32(b[8:], uint32(t.Nanosecond()))
	binary.LittleEndian.PutUint32(b[12:], uint32(east))
}
