package ipc

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ctwo-go/c2/internal/bubble"
)

func TestCallContextDeadline(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := &callContext{deadline: time.Now().Add(time.Second)}
		if d, ok := c.Deadline(); !ok || !d.Equal(c.deadline) {
			t.Errorf("Deadline: %v, %v", d, ok)
		}
		if err := c.Err(); err != nil {
			t.Errorf("before the deadline: %v", err)
		}
		<-c.Done()
		if d := time.Until(c.deadline); d != 0 || c.Err() != context.DeadlineExceeded {
			t.Errorf("Done %v from the deadline, with %v", d, c.Err())
		}
		late := &callContext{deadline: time.Now().Add(-1)}
		<-late.Done()
		if late.Err() != context.DeadlineExceeded {
			t.Errorf("a deadline in the past: %v", late.Err())
		}
	})
}

func TestCallContextEnds(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := &callContext{}
		if _, ok := c.Deadline(); ok || c.Err() != nil || c.Value(1) != nil {
			t.Error("a fresh context is not empty")
		}
		done := c.Done()
		c.end(context.Canceled)
		c.end(context.DeadlineExceeded)
		<-done
		if c.Err() != context.Canceled {
			t.Errorf("ended with %v, then asked for %v", context.Canceled, c.Err())
		}
	})
}

// TestCallContextGivenUp: who gives a call up because of its time says the same as the clock here would soon.
func TestCallContextGivenUp(t *testing.T) {
	hour := time.Now().Add(time.Hour)
	for _, c := range []struct {
		deadline time.Time
		late     bool
		want     error
	}{
		{hour, true, context.DeadlineExceeded}, {hour, false, context.Canceled}, {time.Time{}, true, context.Canceled},
	} {
		ctx := &callContext{deadline: c.deadline}
		done := ctx.Done()
		if ctx.unwanted() {
			t.Error("nobody has given it up")
		}
		ctx.giveUp(c.late)
		<-done
		if ctx.Err() != c.want || !ctx.unwanted() {
			t.Errorf("late %t: ended with %v, want %v", c.late, ctx.Err(), c.want)
		}
	}
	if past := (&callContext{deadline: time.Now().Add(-1)}); past.unwanted() || past.Err() != context.DeadlineExceeded {
		t.Error("its time is over, and who called may not know yet")
	}
}

// TestCallContextDerived: contexts that are made from this one end with it, and cost no goroutine.
func TestCallContextDerived(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := &callContext{deadline: time.Now().Add(time.Minute)}
		child, cancel := context.WithCancelCause(context.WithValue(c, key{}, "v"))
		defer cancel(nil)
		other, cancelOther := context.WithCancel(c)
		cancelOther()
		<-other.Done()
		if c.Err() != nil {
			t.Error("ending a child ended the parent")
		}
		ran := 0
		stop := context.AfterFunc(c, func() { ran++ })
		context.AfterFunc(c, func() { ran += 10 })
		if !stop() || stop() {
			t.Error("stop does not tell whether it stopped anything")
		}
		<-child.Done() // by the deadline, which nobody but the children waits for
		synctest.Wait()
		if child.Err() != context.DeadlineExceeded || ran != 10 {
			t.Errorf("the child ended with %v; functions that ran: %d", child.Err(), ran)
		}
		context.AfterFunc(c, func() { ran = 99 })
		synctest.Wait()
		if ran != 99 {
			t.Error("a function that comes after the end did not run")
		}
	})
}

type key struct{}
