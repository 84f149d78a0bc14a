package jsonvalue

import (
	"fmt"
	"slices"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/cborhead"
)

// source is bytes in pieces. Heads and text are usually in one; where they are not, they are put together.
type source struct {
	cur  []byte
	rest [][]byte
	left int // bytes in all
}

func (s *source) start(pieces [][]byte) {
	for _, p := range pieces {
		s.left += len(p)
	}
	if len(pieces) > 0 {
		s.cur, s.rest = pieces[0], slices.Clone(pieces[1:])
	}
}

// next makes sure that there is something in cur, if there is anything left.
func (s *source) next() {
	for len(s.cur) == 0 && len(s.rest) > 0 {
		s.cur, s.rest = s.rest[0], s.rest[1:]
	}
}

// head takes a head.
func (s *source) head() (head, error) {
	s.next()
	h, rest, err := cborhead.Read(s.cur)
	if err == cborhead.ErrShort && len(s.rest) > 0 {
		s.gather(min(cborhead.MaxSize, s.left))
		h, rest, err = cborhead.Read(s.cur)
	}
	if err == nil {
		s.left -= len(s.cur) - len(rest)
		s.cur = rest
	}
	return head(h), err
}

// gather makes cur have n bytes at least, of which there are so many.
func (s *source) gather(n int) {
	if len(s.cur) >= n {
		return
	}
	own := append(make([]byte, 0, n), s.cur...)
	for len(own) < n {
		part := s.rest[0][:min(n-len(own), len(s.rest[0]))]
		own = append(own, part...)
		if s.rest[0] = s.rest[0][len(part):]; len(s.rest[0]) == 0 {
			s.rest = s.rest[1:]
		}
	}
	s.cur = own
}

// peek is the next n bytes, of which there are so many.
func (s *source) peek(n int) []byte {
	s.gather(n)
	return s.cur[:n:n]
}

// take is peek, and goes behind them.
func (s *source) take(n int) []byte {
	b := s.peek(n)
	s.cur = s.cur[n:]
	s.left -= n
	return b
}

// some takes some of the next n bytes, of which there are so many: all of them or a multiple of unit, and without copying
// any, but for those that are in two pieces.
func (s *source) some(n, unit int) []byte {
	s.next()
	have := min(n, len(s.cur))
	if have < n {
		have = max(have-have%unit, min(n, unit))
	}
	return s.take(have)
}

// count checks a declared number of elements, each of which takes that many bytes at least.
func (s *source) count(declared uint64, each int) (int, error) {
	if declared > uint64(s.left/each) || declared > codec.MaxElements {
		return 0, fmt.Errorf("%d elements are declared, %d bytes are left: %w", declared, s.left, cborhead.ErrShort)
	}
	return int(declared), nil
}

func short(n uint64, left int) error {
	return fmt.Errorf("%d bytes are declared, %d are left: %w", n, left, cborhead.ErrShort)
}
