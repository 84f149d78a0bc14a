package codec

import (
	"runtime"
	"sync"
	"sync/atomic"
)

const (
	// bulkFrom is the size from which it pays to copy with several cores: one alone does not use all of the memory's
	// bandwidth, and least of all where pages are touched for the first time.
	bulkFrom = 4 << 20
	// bulkPart is what one of them copies at a time.
	bulkPart = 1 << 20
	// maxCopiers bounds how many cores are used.
	maxCopiers = 4
)

// copyBulk is copy of src, which is as long as dst.
func copyBulk(dst, src []byte) {
	copiers := min(runtime.GOMAXPROCS(0), maxCopiers)
	if len(src) < bulkFrom || copiers == 1 {
		copy(dst, src)
		return
	}
	// Parts are taken one by one, so that a core that is busy with something else holds up nothing but its last part.
	var next atomic.Int64
	work := func() {
		for {
			end := int(next.Add(bulkPart))
			start := end - bulkPart
			if start >= len(src) {
				return
			}
			end = min(end, len(src))
			copy(dst[start:end], src[start:end])
		}
	}
	var wg sync.WaitGroup
	for range copiers - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}

// appendBulk is append of src to dst.
func appendBulk(dst, src []byte) []byte {
	n := len(dst)
	if len(src) < bulkFrom || cap(dst)-n < len(src) {
		return append(dst, src...)
	}
	dst = dst[:n+len(src)]
	copyBulk(dst[n:], src)
	return dst
}

// cloneBulk is a copy of b, and never nil.
func cloneBulk(b []byte) []byte {
	if len(b) < bulkFrom {
		return append([]byte{}, b...)
	}
	own := uncleared(len(b))
	copyBulk(own, b)
	return own
}
