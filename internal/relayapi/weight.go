package relayapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// maxGrowth is how many times as much memory as it may have bytes a text of JSON may take when it is read.
const maxGrowth = 8

// ErrTooLarge is in the errors of [Unmarshal] that refuse a text for its size.
var ErrTooLarge = errors.New("too large")

// Unmarshal reads into v what a peer sent as JSON, of which limit bytes are fine. A text that is longer, or that would take more
// than eight times as much memory, is refused unread, with [ErrTooLarge].
func Unmarshal(text []byte, limit int64, v any) error {
	if int64(len(text)) > limit {
		return fmt.Errorf("%w: it has more than %d bytes", ErrTooLarge, limit)
	}
	if Weight(text) > maxGrowth*limit {
		return fmt.Errorf("%w: it takes more than %d bytes of memory", ErrTooLarge, maxGrowth*limit)
	}
	return json.Unmarshal(text, v)
}

// Weight is about how much memory a text of JSON takes when it is read, in bytes. Its smallest items have three bytes, and take a
// hundred.
func Weight(text []byte) int64 { return int64(len(text)) + 100*int64(bytes.Count(text, []byte(","))) }
