package jsonvalue

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/cborhead"
)

func (w *writer) integer(h head) {
	switch {
	case h.Major == cborhead.Uint:
		w.buf = strconv.AppendUint(w.buf, h.Arg, 10)
	case h.Arg == math.MaxUint64:
		w.buf = append(w.buf, "-18446744073709551616"...)
	default:
		w.buf = strconv.AppendUint(append(w.buf, '-'), h.Arg+1, 10)
	}
}

func (w *writer) simple(h head, s *codec.Schema) error {
	switch h.Info {
	case cborhead.InfoFalse:
		w.buf = append(w.buf, "false"...)
	case cborhead.InfoTrue:
		w.buf = append(w.buf, "true"...)
	case cborhead.InfoNull, cborhead.InfoUndef:
		w.buf = append(w.buf, "null"...)
	case cborhead.InfoFloat16, cborhead.InfoFloat32, cborhead.InfoFloat64:
		if s != nil && s.Kind == codec.KindTime {
			return w.epoch(h)
		}
		f, bits := h.float()
		w.buf = appendReal(w.buf, f, bits)
	default:
		return fmt.Errorf("simple value %d has no form in JSON; ask for CBOR", h.Arg)
	}
	return nil
}

// float is the value of a float, and how many bits it is exact in.
func (h head) float() (f float64, bits int) {
	switch h.Info {
	case cborhead.InfoFloat16:
		return float64(half(uint16(h.Arg))), 32
	case cborhead.InfoFloat32:
		return float64(math.Float32frombits(uint32(h.Arg))), 32
	}
	return math.Float64frombits(h.Arg), 64
}

// appendReal writes the shortest text that reads as f again.
func appendReal(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, bits)
	if n := len(dst); format == 'e' && dst[n-4] == 'e' && dst[n-2] == '0' {
		dst = append(dst[:n-2], dst[n-1]) // e-07 is e-7
	}
	return dst
}

// epoch writes seconds since 1970 as a time, or as the number where no year has them.
func (w *writer) epoch(h head) error {
	var seconds, part float64
	switch {
	case h.Major == cborhead.Uint && h.Arg < 1<<53:
		seconds = float64(h.Arg)
	case h.Major == cborhead.Negative && h.Arg < 1<<53:
		seconds = -float64(h.Arg) - 1
	case h.Major == cborhead.Simple:
		f, _ := h.float()
		seconds, part = math.Modf(f)
	default:
		seconds = math.NaN()
	}
	t := time.Unix(int64(seconds), int64(math.Round(part*1e9))).UTC()
	const first, last = -62167219200, 253402300799 // years 0 to 9999
	if !(seconds > first && seconds < last) {
		return w.item(h, nil)
	}
	w.buf = append(w.buf, '"')
	w.buf = append(t.AppendFormat(w.buf, time.RFC3339Nano), '"')
	return nil
}
