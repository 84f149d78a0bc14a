package buddy_test

import (
	"fmt"

	"github.com/ctwo-go/c2/buddy"
	"github.com/ctwo-go/c2/internal/child"
)

// ownerSize is how many bytes an owner's segment has.
const ownerSize = 16 << 20

// runOwner makes a segment, and prints where it is.
func runOwner([]string) error {
	s, err := buddy.Create(ownerSize)
	if err != nil {
		return err
	}
	fill(s.Bytes(), 42)
	ended := child.UntilInputEnds()
	fmt.Println(s.File().Fd())
	<-ended.Done()
	return nil
}
