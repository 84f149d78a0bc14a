package codec

import (
	"math/big"
	"reflect"

	"github.com/fxamacker/cbor/v2"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// any takes one item as the Go value that the package comment lists.
func (d *dec) any() (any, error) {
	start := d.src
	h, err := d.head()
	if err != nil {
		return nil, err
	}
	switch h.Major {
	case cborhead.Uint, cborhead.Negative:
		return d.anyInteger(h)
	case cborhead.Bytes:
		return d.anyBytes(h)
	case cborhead.Text:
		b, err := d.text(h.Arg)
		if err != nil {
			return nil, err
		}
		return string(b), d.pay(1, 16+len(b))
	case cborhead.Array:
		return d.anyList(h)
	case cborhead.Map:
		return d.anyMap(h)
	case cborhead.Tag:
		return d.anyTagged(h, start)
	}
	return d.anySimple(h)
}

func (d *dec) anyBytes(h head) (any, error) {
	b, err := d.bytes(h)
	if err == nil {
		b, err = d.keep(h, b)
	}
	if err != nil {
		return nil, err
	}
	return b, d.pay(1, 24)
}

func (d *dec) anyInteger(h head) (any, error) {
	if n, err := h.int64(); err == nil {
		return n, d.pay(1, 8)
	}
	if h.Major == cborhead.Uint {
		return h.Arg, d.pay(1, 8)
	}
	n := new(big.Int).SetUint64(h.Arg)
	return n.Not(n), d.pay(1, 64)
}

func (d *dec) anySimple(h head) (any, error) {
	switch h.Info {
	case cborhead.InfoFalse, cborhead.InfoTrue:
		return h.Info == cborhead.InfoTrue, nil
	case cborhead.InfoNull, cborhead.InfoUndef:
		return nil, nil
	}
	if f, ok := h.float64(); ok {
		return f, d.pay(1, 8)
	}
	return cbor.SimpleValue(h.Arg), nil
}

func (d *dec) anyList(h head) (any, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	n, err := d.elements(h.Arg, 16)
	if err == nil {
		err = d.pay(1, 24)
	}
	if err != nil {
		return nil, err
	}
	list := make([]any, n)
	for i := range list {
		if list[i], err = d.any(); err != nil {
			return nil, withinIndex(i, err)
		}
	}
	return list, nil
}

// anyMap makes a map[string]any until a key turns out not to be text.
func (d *dec) anyMap(h head) (any, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	n, err := d.pairs(h.Arg, 32)
	if err != nil {
		return nil, err
	}
	texts := make(map[string]any, n)
	for i := range n {
		key, err := d.any()
		if err != nil {
			return nil, withinIndex(i, err)
		}
		name, ok := key.(string)
		if !ok {
			return d.anyMixed(texts, key, n-i)
		}
		if texts[name], err = d.any(); err != nil {
			return nil, withinKey(name, err)
		}
		if len(texts) != i+1 {
			return nil, withinKey(name, errTwice)
		}
	}
	return texts, nil
}

// anyMixed goes on where anyMap met key, with left pairs to read, key's value first.
func (d *dec) anyMixed(texts map[string]any, key any, left int) (any, error) {
	n := len(texts) + left
	if err := d.pay(max(8, 2*n), 40); err != nil {
		return nil, err
	}
	mixed := make(map[any]any, n)
	for k, v := range texts {
		mixed[k] = v
	}
	for {
		if !reflect.ValueOf(key).Comparable() {
			return nil, errUnhashable
		}
		value, err := d.any()
		if err != nil {
			return nil, withinKey(key, err)
		}
		mixed[key] = value
		left--
		if len(mixed) != n-left {
			return nil, withinKey(key, errTwice)
		}
		if left == 0 {
			return mixed, nil
		}
		if key, err = d.any(); err != nil {
			return nil, err
		}
	}
}

// anyTagged goes on behind the tag in h; start is where the tag begins.
func (d *dec) anyTagged(h head, start []byte) (any, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	switch h.Arg {
	case tagTime, tagEpoch:
		t, err := d.time()
		if err != nil {
			return nil, err
		}
		return t, d.pay(1, 24)
	case tagBig, tagBigNeg:
		d.src = start
		n := new(big.Int)
		if err := (native{reflect.TypeFor[big.Int]()}).decode(d, reflect.ValueOf(n).Elem()); err != nil {
			return nil, err
		}
		return n, d.pay(1, 64)
	case tagTransferable:
		return d.anyTransferable()
	case tagAttachment:
		return d.anyBytes(h)
	case tagCBOR:
		return d.any()
	}
	if n := numberByTag(h.Arg); n != nil {
		d.src = start
		return d.anyVector(n)
	}
	content, err := d.any()
	if err != nil {
		return nil, err
	}
	return cbor.Tag{Number: h.Arg, Content: content}, d.pay(1, 24)
}

func (d *dec) anyVector(n *number) (any, error) {
	c, err := For(n.slice)
	if err != nil {
		return nil, err
	}
	v := reflect.New(n.slice).Elem()
	if err := c.plan.decode(d, v); err != nil {
		return nil, err
	}
	return v.Interface(), d.pay(1, 48)
}

// anyTransferable makes a transferable's own type, if the bytes name one that is registered.
func (d *dec) anyTransferable() (any, error) {
	name, c, err := d.transferable()
	if err != nil {
		return nil, err
	}
	p := registry.byName(name)
	if p == nil {
		b, err := d.keepContent(c)
		if err != nil {
			return nil, err
		}
		return Opaque{name, b}, d.pay(1, 64)
	}
	v := reflect.New(p.typ).Elem()
	if err := p.decodeContent(d, c, v); err != nil {
		return nil, err
	}
	return v.Interface(), nil
}
