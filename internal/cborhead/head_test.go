package cborhead

import (
	"bytes"
	"errors"
	"io"
	"math"
	"testing"
)

func TestHeads(t *testing.T) {
	for _, arg := range []uint64{0, 1, 23, 24, math.MaxUint8, math.MaxUint8 + 1, math.MaxUint16, math.MaxUint16 + 1, math.MaxUint32, math.MaxUint32 + 1, math.MaxUint64} {
		for major := Uint; major < Simple; major++ {
			least := Size(arg)
			for _, size := range []int{1, 2, 3, 5, MaxSize} {
				if size < least {
					continue
				}
				b := AppendWide([]byte("x"), major, arg, size)
				h, rest, err := Read(append(b[1:], "rest"...))
				if err != nil || h.Major != major || h.Arg != arg || string(rest) != "rest" || len(b) != 1+size {
					t.Errorf("%d of type %d in %d bytes is %x: %+v, %q, %v", arg, major, size, b, h, rest, err)
				}
			}
			if b := Append(nil, major, arg); len(b) != least || !bytes.Equal(b, AppendWide(nil, major, arg, least)) {
				t.Errorf("%d of type %d is %x", arg, major, b)
			}
		}
	}
}

func TestWrongHeads(t *testing.T) {
	for src, want := range map[string]error{
		"": io.ErrUnexpectedEOF, "\x18": io.ErrUnexpectedEOF, "\x1b\x00\x00\x00\x00\x00\x00\x00": io.ErrUnexpectedEOF, "\x9f": ErrIndefinite,
		"\x1c": nil, "\xfe": nil, "\xf8\x1f": nil,
	} {
		if h, _, err := Read([]byte(src)); err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%x: %+v, %v", src, h, err)
		}
	}
}

// FuzzRead takes anything. What is a head is written again as one of the same width.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"\x00", "\x18\x18", "\x5b\xff\xff\xff\xff\xff\xff\xff\xff", "\xf9\x00\x00", "\xf8\xff", "\x9f"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		h, rest, err := Read(src)
		if err != nil {
			return
		}
		width := len(src) - len(rest)
		if again := AppendWide(nil, h.Major, h.Arg, width); !bytes.Equal(again, src[:width]) {
			t.Errorf("%x is %+v, which is %x", src[:width], h, again)
		}
	})
}
