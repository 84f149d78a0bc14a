package codec

import (
	"cmp"
	"slices"
)

// span is memory from its first byte to the one behind its last.
type span struct{ start, end uintptr }

// attachedSize is how many bytes of memory the attachments are. What lies in several of them counts once: to refer to it
// again costs the sender nothing, so it must not buy him anything.
func (d *dec) attachedSize() uintptr {
	d.spans = d.spans[:0]
	for _, a := range d.attachments {
		if len(a) > 0 {
			d.spans = append(d.spans, spanOf(a))
		}
	}
	slices.SortFunc(d.spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	var size, reached uintptr
	for _, s := range d.spans {
		if s.end > reached {
			size += s.end - max(s.start, reached)
			reached = s.end
		}
	}
	return size
}
