package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// decode makes the zero struct at p of columns. With view, lists may lie in the input. The bytes may
// change while they are read, so each is read once before it is believed.
func (x *table) decode(d *dec, src content, p place, view bool) error {
	descriptions, n, err := readPrologue(src.bytes)
	if err != nil {
		return err
	}
	var few [64]bool
	seen := few[:]
	if len(x.columns) > len(few) {
		seen = make([]bool, len(x.columns))
	}
	in := columnsInput{d: d, src: src.bytes, view: view, left: uint64(len(src.bytes))}
	if src.attached {
		in.attachments = d.attachments
	}
	for range n {
		var desc description
		if desc, descriptions, err = readDescription(descriptions); err != nil {
			return err
		}
		i, known := x.byName[string(desc.name)]
		if !known {
			continue
		}
		c := &x.columns[i]
		if seen[i] {
			return within(c.name, errors.New("the column occurs twice"))
		}
		seen[i] = true
		if err := c.decode(&in, &desc, p.field(c.at)); err != nil {
			return within(c.name, err)
		}
	}
	return nil
}

// columnsInput is what columns are made of.
type columnsInput struct {
	d           *dec
	src         []byte // the whole
	attachments [][]byte
	view        bool
	left        uint64 // columns may share memory in src, but will not here
}

// data are the bytes of the column that d describes.
func (in *columnsInput) data(d *description) ([]byte, error) {
	if d.attachment == 0 {
		if d.bytes > in.left {
			return nil, errMemory
		}
		in.left -= d.bytes
	}
	return d.data(in.src, in.attachments)
}

// decode makes the column at p of the one that d describes.
func (c *column) decode(in *columnsInput, d *description, p place) error {
	if err := c.check(d); err != nil {
		return err
	}
	b, err := in.data(d)
	if err != nil {
		return err
	}
	switch c.shape {
	case shapeScalar:
		own := p.memory(c.size)
		copy(own, b)
		return c.open(own)
	case shapeList:
		return c.decodeList(in, b, d, p)
	case shapeText:
		*p.text(), err = ownText(b)
	case shapeTexts:
		*p.texts(), err = d.texts(b)
	case shapeTime:
		*p.time(), err = readTime(b)
	}
	return err
}

// check says whether d is a column like c, and has the bytes that it should.
func (c *column) check(d *description) error {
	fixed := c.shape != shapeTexts
	if d.shape != c.shape || fixed && d.elemSize != uint32(c.size) || !bytes.Equal(d.layout, c.layout) {
		return c.differs(d)
	}
	size := uint64(c.size)
	if fixed && (d.bytes%size != 0 || d.bytes/size != d.count) {
		return fmt.Errorf("%d elements of %d bytes do not take %d", d.count, size, d.bytes)
	}
	if (c.shape == shapeScalar || c.shape == shapeTime) && d.count != 1 {
		return fmt.Errorf("want one, have %d", d.count)
	}
	return nil
}

func (c *column) differs(d *description) error {
	want := description{shape: c.shape, layout: c.layout}
	if w, h := want.String(), d.String(); w != h {
		return fmt.Errorf("want %s, have %s", w, h)
	}
	return fmt.Errorf("want %s laid out as this program has it in %d bytes, have it in %d", d.String(), c.size, d.elemSize)
}

func (c *column) decodeList(in *columnsInput, b []byte, d *description, p place) error {
	if d.isNil {
		return nil
	}
	if in.view && littleEndian() && !c.bools && setView(p, b, c.size, c.element.align) {
		return nil
	}
	if d.attachment != 0 {
		if err := in.d.pay(1, len(b)); err != nil {
			return err
		}
	}
	setCopy(p, b, c.size, c.element.align)
	return c.open(p.elements(c.size))
}

// ownText is a copy of b, which must be UTF-8.
func ownText(b []byte) (string, error) {
	s := string(b)
	if !utf8.ValidString(s) {
		return "", errUTF8
	}
	return s, nil
}

// day is the seconds that an offset from UTC must be below.
const day = 24 * 60 * 60

func readTime(b []byte) (time.Time, error) {
	s, ns := int64(binary.LittleEndian.Uint64(b)), binary.LittleEndian.Uint32(b[8:])
	east := int(int32(binary.LittleEndian.Uint32(b[12:])))
	if ns >= 1e9 || east <= -day || east >= day {
		return time.Time{}, fmt.Errorf("%d nanoseconds or %d seconds east of UTC are out of range", ns, east)
	}
	t := time.Unix(s, int64(ns))
	if east == 0 {
		return t.UTC(), nil
	}
	return t.In(time.FixedZone("", east)), nil
}
