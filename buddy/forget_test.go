package buddy_test

import (
	"bytes"
	"testing"

	"github.com/ctwo-go/c2/buddy"
)

// TestForget takes pages out of the process, of a segment and of a view of it, and finds them as they were.
func TestForget(t *testing.T) {
	s := newSegment(t, 1<<20)
	for i := range s.Bytes() {
		s.Bytes()[i] = byte(i * 7)
	}
	want := bytes.Clone(s.Bytes())
	view, err := buddy.Attach(s.File(), s.Size())
	if err != nil {
		t.Fatal(err)
	}
	defer view.Release()
	for _, mem := range [][]byte{s.Bytes(), view.Bytes()} {
		for _, cut := range [][2]int{{0, 1 << 20}, {1, 1<<20 - 1}, {4095, 4097}, {100, 100}, {5000, 300_000}} {
			buddy.Forget(mem[cut[0]:cut[1]])
			if !bytes.Equal(mem, want) {
				t.Fatalf("after bytes %d to %d were forgotten, the memory is another", cut[0], cut[1])
			}
		}
	}
	buddy.Forget(s.Bytes())
	buddy.Recall(s.Bytes()[1:])
	s.Bytes()[5] = 99
	if view.Bytes()[5] != 99 {
		t.Error("what is written after a recall is not seen")
	}
}
