package jsonvalue

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/cborhead"
)

// tagged takes what is behind a tag.
func (w *writer) tagged(tag uint64, s *codec.Schema) error {
	if err := w.enter(); err != nil {
		return err
	}
	defer func() { w.depth-- }()
	if tag == tagAttachment {
		return errors.New("a reference to an attachment, which is not there")
	}
	if tag == tagTransferable {
		return w.transferable(s)
	}
	h, err := w.head()
	if err != nil {
		return err
	}
	n, little, typed := numberByTag(tag)
	switch {
	case typed && h.Major == cborhead.Bytes:
		return w.typedArray(n, little, h.Arg)
	case (tag == tagBig || tag == tagBigNegative) && h.Major == cborhead.Bytes:
		return w.big(tag, h.Arg)
	case tag == tagEpoch && (h.Major <= cborhead.Negative || h.Major == cborhead.Simple && h.Info >= cborhead.InfoFloat16):
		return w.epoch(h)
	}
	return w.item(h, s)
}

func (w *writer) big(tag, n uint64) error {
	if n > maxInteger {
		return fmt.Errorf("an integer of %d bytes is too long to be written in decimal; ask for CBOR", n)
	}
	if n > uint64(w.left) {
		return short(n, w.left)
	}
	x := new(big.Int).SetBytes(w.take(int(n)))
	if tag == tagBigNegative {
		x.Not(x)
	}
	w.buf = x.Append(w.buf, 10)
	return nil
}

// typedArray takes the n bytes of a typed array.
func (w *writer) typedArray(x number, little bool, n uint64) error {
	if n%uint64(x.width) != 0 {
		return fmt.Errorf("%d bytes are no whole number of %d each", n, x.width)
	}
	w.buf = append(w.buf, '[')
	first := true
	err := w.chunks(n, x.width, func(b []byte) {
		for ; len(b) > 0; b = b[x.width:] {
			if !first {
				w.buf = append(w.buf, ',')
			}
			first = false
			w.buf = x.append(w.buf, b[:x.width], little)
		}
	})
	w.buf = append(w.buf, ']')
	return err
}

// append writes one such number, which lies in b.
func (n number) append(dst, b []byte, little bool) []byte {
	var bits uint64
	for i := range b {
		if little {
			bits |= uint64(b[i]) << (8 * i)
		} else {
			bits = bits<<8 | uint64(b[i])
		}
	}
	switch {
	case n.kind == unsigned:
		return strconv.AppendUint(dst, bits, 10)
	case n.kind == signed:
		free := 64 - 8*n.width
		return strconv.AppendInt(dst, int64(bits)<<free>>free, 10)
	case n.width == 4:
		return appendReal(dst, float64(math.Float32frombits(uint32(bits))), 32)
	}
	return appendReal(dst, math.Float64frombits(bits), 64)
}
