package c2

import (
	"errors"
	"fmt"
	"io"

	"github.com/ctwo-go/c2/ipc"
)

// answerBody is the body of an answer as it comes. As an [ipc.Body] it can be written once.
type answerBody struct {
	from   io.Reader
	length int64 // as announced, or -1
	limit  int64
}

// answerRoom is for how many bytes of an answer there is room before any has come.
const answerRoom = 64 << 10

// answerGrowth is how many times as much memory as has come is made ready for an answer that is announced to be larger.
const answerGrowth = 8

// errAnswerSize is found in the error of an answer that is larger than the limit.
var errAnswerSize = errors.New("too large")

// Size implements [ipc.Body]. It is not to be more than there is, which may be less than was announced.
func (b *answerBody) Size(*ipc.Attachments) int {
	if b.length < 0 {
		return answerRoom
	}
	return int(min(b.length, answerRoom))
}

// AppendTo implements [ipc.Body].
func (b *answerBody) AppendTo(dst []byte, _ *ipc.Attachments) ([]byte, error) {
	if b.length > b.limit {
		return dst, fmt.Errorf("%w: it has %d bytes, and this side takes %d at most", errAnswerSize, b.length, b.limit)
	}
	start := len(dst)
	for b.length < 0 || int64(len(dst)-start) < b.length {
		if len(dst) == cap(dst) {
			dst = b.grow(dst, start)
		}
		n, err := b.from.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case int64(len(dst)-start) > b.limit:
			return dst[:start], fmt.Errorf("%w: this side takes %d bytes at most", errAnswerSize, b.limit)
		case err == io.EOF && int64(len(dst)-start) < b.length:
			return dst[:start], io.ErrUnexpectedEOF
		case err == io.EOF:
			return dst, nil
		case err != nil:
			return dst[:start], err
		}
	}
	return dst, nil
}

// grow makes room in proportion to what has come, but not for more than was announced.
func (b *answerBody) grow(dst []byte, start int) []byte {
	size := 2 * int64(len(dst))
	if b.length >= 0 {
		size = min(answerGrowth*int64(len(dst)), int64(start)+b.length)
	}
	grown := make([]byte, len(dst), size)
	copy(grown, dst)
	return grown
}
