package buddy_test

import (
	"fmt"
	"io"
	"os"

	"github.com/ctwo-go/c2/buddy"
)

// The roles that this program plays when a test starts it again.
const (
	roleOwner = "owner" // makes a segment, says where it is, and waits to be killed
	ownerSize = 16 << 20
)

func play(role string) {
	if err := own(); err != nil || role != roleOwner {
		fmt.Fprintln(os.Stderr, role, err)
		os.Exit(1)
	}
}

func own() error {
	s, err := buddy.Create(ownerSize)
	if err != nil {
		return err
	}
	fill(s.Bytes(), 42)
	fmt.Println(s.File().Fd())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
