package codec

import "github.com/ctwo-go/c2/internal/cborhead"

// A reader that was given views sees large data where it lies, if it lies at a multiple of what the
// processor asks for. So the bytes before such data are stretched: CBOR leaves the width of a head
// to the writer, tag 55799 means nothing wherever it stands, and the content of tag 1664221185 is
// for this package to define.
const (
	// alignFrom is the least size that is worth it; copying less costs less than the padding.
	alignFrom = 64

	// transferAlign is where transferables begin: a cache line, and more than any element needs.
	transferAlign = 64

	maxTypedPad    = 11                // what alignment adds to a typed array, at most
	maxTransferPad = transferAlign + 1 // and to a transferable
)

// offset is where the next byte of dst lies in the payload.
func (e enc) offset(dst []byte) int {
	if e.Encoding == nil {
		return len(dst)
	}
	return len(dst) - e.Base
}

// appendTypedHeads writes the tag of a typed array and the head of its n bytes, so that they lie
// at a multiple of align. Three widths always suffice: the tag's, the length's and, of a tag that
// means nothing, none or one. Tag and n are 24 and more, whose heads take 2, 3, 5 or 9 bytes.
func appendTypedHeads(dst []byte, e enc, tag uint64, n, align int) []byte {
	at := e.offset(dst)
	for _, neutral := range [...]int{0, 3, 5, 9} {
		for t := cborhead.Size(tag); t <= cborhead.MaxSize; t = 2*t - 1 {
			for l := cborhead.Size(uint64(n)); l <= cborhead.MaxSize; l = 2*l - 1 {
				if (at+neutral+t+l)&(align-1) != 0 {
					continue
				}
				if neutral > 0 {
					dst = cborhead.AppendWide(dst, cborhead.Tag, tagCBOR, neutral)
				}
				dst = cborhead.AppendWide(dst, cborhead.Tag, tag, t)
				return cborhead.AppendWide(dst, cborhead.Bytes, uint64(n), l)
			}
		}
	}
	return cborhead.Append(cborhead.Append(dst, cborhead.Tag, tag), cborhead.Bytes, uint64(n)) // not reached
}

// padding is the length of a byte string that begins at offset at and puts what follows behind it
// and skip more bytes where transferables are to begin, and the size of that string's head.
func padding(at, skip int) (n, head int) {
	const mask = transferAlign - 1
	if n = -(at + 1 + skip) & mask; n < 24 {
		return n, 1
	}
	return -(at + 2 + skip) & mask, 2
}
