package codec

import (
	"bytes"
	"fmt"
	"testing"
)

func TestBulk(t *testing.T) {
	for _, n := range []int{0, 1, bulkFrom - 1, bulkFrom, bulkFrom + 1, bulkFrom + bulkPart - 1, 3*bulkPart + bulkFrom + 7} {
		src := make([]byte, n)
		for i := range src {
			src[i] = byte(i ^ i>>9)
		}
		for name, got := range map[string][]byte{
			"clone":            cloneBulk(src),
			"append":           appendBulk(make([]byte, 3, 3+n), src)[3:],
			"append and grow":  appendBulk([]byte{1, 2, 3}, src)[3:],
			"append with room": appendBulk(make([]byte, 3, 100+n), src)[3:],
		} {
			if got == nil || !bytes.Equal(got, src) {
				t.Errorf("%s of %d bytes differs", name, n)
			}
		}
	}
}

// BenchmarkBulk copies with one core and with several.
func BenchmarkBulk(b *testing.B) {
	for _, n := range []int{bulkFrom, 32 << 20, 128 << 20} {
		dst, src := make([]byte, n), make([]byte, n)
		for i := range src {
			src[i] = byte(i)
		}
		for name, f := range map[string]func(dst, src []byte){"one": func(dst, src []byte) { copy(dst, src) }, "several": copyBulk} {
			b.Run(fmt.Sprintf("%dMiB-%s", n>>20, name), func(b *testing.B) {
				b.SetBytes(int64(n))
				for b.Loop() {
					f(dst, src)
				}
			})
		}
	}
}
