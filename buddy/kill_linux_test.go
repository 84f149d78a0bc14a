package buddy_test

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/ctwo-go/c2/buddy"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// An owner that is killed takes nothing from those who read, and leaves nothing to those who don't.
func TestOwnerIsKilled(t *testing.T) {
	leaktest.Check(t)
	before := names(t)
	for range 5 {
		owner, view := attachToChild(t)
		if err := owner.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := owner.Wait(); err == nil || err.Error() != "signal: killed" {
			t.Fatalf("the owner ended by itself: %v", err)
		}
		if !filled(view.Bytes(), 42) {
			t.Error("the view has changed with its owner's end")
		}
		view.Release()
	}
	if after := names(t); !slices.Equal(before, after) {
		t.Errorf("shared memory has names %v, and had %v", after, before)
	}
}

// attachToChild starts an owner and attaches to its segment by its descriptor.
func attachToChild(t *testing.T) (*child.Program, *buddy.View) {
	t.Helper()
	owner := child.Start(t, "owner")
	file, err := os.Open(fmt.Sprintf("/proc/%d/fd/%s", owner.Process.Pid, owner.Line(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	view, err := buddy.Attach(file, ownerSize)
	if err != nil {
		t.Fatal(err)
	}
	return owner, view
}
