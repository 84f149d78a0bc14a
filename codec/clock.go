package codec

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// Tags of RFC 8949, section 3.4.
const (
	tagTime   = 0 // RFC 3339 text
	tagEpoch  = 1 // seconds since 1970
	tagBig    = 2
	tagBigNeg = 3
	tagCBOR   = 55799 // "this is CBOR"
)

// clock is the plan of time.Time.
type clock struct{}

// timeSize is enough for any time: tag, head and nanoseconds with offset.
const timeSize = 1 + 2 + len(time.RFC3339Nano)

func (clock) size(reflect.Value, enc) int { return timeSize }

func (clock) append(dst []byte, v reflect.Value, _ enc) ([]byte, error) {
	return appendTime(dst, valueOf[time.Time](v))
}

// valueOf is v as a T, without the copy on the heap that Interface makes, where possible.
func valueOf[T any](v reflect.Value) T {
	if v.CanAddr() {
		return *v.Addr().Interface().(*T)
	}
	x, _ := v.Interface().(T) // fails for a nil interface only
	return x
}

func appendTime(dst []byte, t time.Time) ([]byte, error) {
	if _, offset := t.Zone(); offset%60 != 0 || offset <= -24*3600 || offset >= 24*3600 {
		t = t.UTC() // RFC 3339 knows no seconds in an offset: keep the instant
	}
	if y := t.Year(); y < 0 || y > 9999 {
		return dst, fmt.Errorf("year %d is outside RFC 3339's 0 to 9999", y)
	}
	var room [len(time.RFC3339Nano)]byte
	text := t.AppendFormat(room[:0], time.RFC3339Nano)
	dst = cborhead.Append(dst, cborhead.Tag, tagTime)
	return append(cborhead.Append(dst, cborhead.Text, uint64(len(text))), text...), nil
}

func (clock) decode(d *dec, v reflect.Value) error {
	t, err := d.time()
	if err == nil {
		*v.Addr().Interface().(*time.Time) = t
	}
	return err
}

// time takes a time in any form that tags 0 and 1 have, tagged or not. Null is the zero time.
func (d *dec) time() (t time.Time, err error) {
	h, err := d.item()
	if err != nil || h.null() {
		return t, err
	}
	if h.Major == cborhead.Text {
		b, err := d.text(h.Arg)
		if err != nil {
			return t, err
		}
		t, err = time.Parse(time.RFC3339Nano, string(b))
		if err != nil {
			return t, fmt.Errorf("%q is no RFC 3339 time", clip(string(b)))
		}
		return t, nil
	}
	if s, err := h.int64(); err == nil {
		return time.Unix(s, 0), nil
	}
	f, ok := h.float64()
	if !ok {
		return t, wrong("time.Time", h)
	}
	whole, part := math.Modf(f)
	if math.IsNaN(f) || math.Abs(whole) > 1<<53 {
		return t, errors.New("epoch time is out of range")
	}
	return time.Unix(int64(whole), int64(math.Round(part*1e9))), nil
}

func (clock) describe(*describer) *Schema { return &Schema{Kind: KindTime, Type: "time.Time"} }
