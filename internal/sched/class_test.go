package sched_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/ctwo-go/c2/internal/bubble"
	"github.com/ctwo-go/c2/internal/sched"
)

// TestClassCounts takes calls of two classes every way that there is out of the scheduler.
func TestClassCounts(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := sched.New(sched.ReadParallel, 2)
		read, write := s.Class(true), s.Class(false)
		want := func(when string, c *sched.Class, counts sched.Counts) {
			t.Helper()
			if got := c.Counts(); got != counts {
				t.Errorf("%s: %+v, want %+v", when, got, counts)
			}
		}
		if err := read.Acquire(t.Context()); err != nil || !read.TryAcquire() || write.TryAcquire() {
			t.Fatal("reads do not run beside each other, or a write does")
		}
		want("two reads", read, sched.Counts{Admitted: 2, Running: 2})
		want("no write", write, sched.Counts{})
		ends := make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { ends <- write.Acquire(ctx) }()
		synctest.Wait()
		go func() { ends <- read.Acquire(t.Context()) }()
		synctest.Wait()
		want("a write waits", write, sched.Counts{Pending: 1})
		want("a read waits behind it", read, sched.Counts{Admitted: 2, Running: 2, Pending: 1})
		if err := read.Acquire(t.Context()); !errors.Is(err, sched.ErrBusy) {
			t.Fatal(err)
		}
		want("one too many", read, sched.Counts{Admitted: 2, Running: 2, Pending: 1})
		cancel()
		if err := <-ends; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := <-ends; err != nil { // the read, which the write held back
			t.Fatal(err)
		}
		want("the write has left", write, sched.Counts{})
		want("the read runs", read, sched.Counts{Admitted: 3, Running: 3})
		go func() { ends <- write.Acquire(t.Context()) }()
		synctest.Wait()
		for range 3 {
			read.Release()
		}
		if err := <-ends; err != nil {
			t.Fatal(err)
		}
		want("the write runs", write, sched.Counts{Admitted: 1, Running: 1})
		want("no read does", read, sched.Counts{Admitted: 3})
		go func() { ends <- read.Acquire(t.Context()) }()
		synctest.Wait()
		s.Close()
		if err := <-ends; !errors.Is(err, sched.ErrClosed) {
			t.Fatal(err)
		}
		write.Release()
		want("closed", read, sched.Counts{Admitted: 3})
		want("closed", write, sched.Counts{Admitted: 1})
	})
}
