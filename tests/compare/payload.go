package main

import (
	"bytes"
	"errors"
	"fmt"
)

// payload is n bytes that were all written to: until then all of a slice may be one page of zeros.
func payload(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>12)
	}
	return b
}

var errOtherBytes = errors.New("other bytes came back than were sent")

// seeAll compares whole answers with what was sent.
func seeAll(data []byte) func([]byte) error {
	return func(answer []byte) error {
		if !bytes.Equal(answer, data) {
			return errOtherBytes
		}
		return nil
	}
}

// seeSome compares the lengths and a few bytes, which takes no time.
func seeSome(data []byte) func([]byte) error {
	return func(answer []byte) error {
		if len(answer) != len(data) {
			return fmt.Errorf("%d bytes came back, %d were sent", len(answer), len(data))
		}
		for i := range 8 {
			if at := i * (len(data) - 1) / 7; answer[at] != data[at] {
				return errOtherBytes
			}
		}
		return nil
	}
}
