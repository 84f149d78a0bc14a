package buddy

import "math/bits"

// bitmap is a set of small numbers that finds its least member in O(log n): a bit of a level says that a word of the
// level below is not zero.
type bitmap struct {
	levels [][]uint64 // the members first, one word last
}

// newBitmap returns an empty set for numbers below n.
func newBitmap(n int) bitmap {
	var b bitmap
	for {
		n = (n + 63) / 64
		b.levels = append(b.levels, make([]uint64, n))
		if n == 1 {
			return b
		}
	}
}

func (b *bitmap) has(i uint32) bool { return b.levels[0][i>>6]>>(i&63)&1 != 0 }

// add puts i in and reports whether the set was empty.
func (b *bitmap) add(i uint32) (wasEmpty bool) {
	for _, words := range b.levels {
		word := &words[i>>6]
		old := *word
		*word = old | 1<<(i&63)
		if old != 0 {
			return false
		}
		i >>= 6
	}
	return true
}

// remove takes i out and reports whether the set is empty now.
func (b *bitmap) remove(i uint32) (empty bool) {
	for _, words := range b.levels {
		word := &words[i>>6]
		*word &^= 1 << (i & 63)
		if *word != 0 {
			return false
		}
		i >>= 6
	}
	return true
}

// first returns the least member of a set that is not empty.
func (b *bitmap) first() uint32 {
	var i uint32
	for level := len(b.levels) - 1; level >= 0; level-- {
		i = i<<6 | uint32(bits.TrailingZeros64(b.levels[level][i]))
	}
	return i
}
