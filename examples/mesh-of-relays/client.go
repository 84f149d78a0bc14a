package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ctwo-go/c2"
)

// client calls the station again and again, by whichever relay answers.
type client struct {
	relays []string
	asked  int // the index of the one
	conn   Station
	who    string // answered last

	calls, failed int
	answered      time.Time // when the last answer came
	outage        bool
	longest       time.Duration // without an answer
}

const (
	pause    = 20 * time.Millisecond // between calls
	patience = 2 * time.Second       // for one
)

// ask calls until ctx ends. At the end there must be answers.
func ask(ctx context.Context, relays []string) error {
	c := &client{relays: relays, answered: time.Now()}
	defer c.leave()
	say("the client asks %s", relays[0])
	for ctx.Err() == nil {
		c.once(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	fmt.Printf("\n%d calls, %d got no answer at once; the longest time without an answer: %d ms\n", c.calls, c.failed, c.longest.Milliseconds())
	if c.outage || c.calls == 0 {
		return errors.New("and there is none at the end")
	}
	return nil
}

// once makes one call. A read may be asked again whatever happened to it; where it matters, [c2.Error] says whether it may have run.
func (c *client) once(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	who, err := c.reach(bounded)
	if ctx.Err() != nil {
		return
	}
	c.calls++
	gap := time.Since(c.answered)
	if err != nil {
		c.failed++
		if !c.outage {
			say("no answer: %v", err)
		}
		c.outage = true
		c.next(err)
		return
	}
	c.longest = max(c.longest, gap)
	switch {
	case c.outage:
		say("%s answers, after %d ms, by way of %s", who, gap.Milliseconds(), c.relays[c.asked])
	case who != c.who:
		say("%s answers", who)
	}
	c.who, c.outage, c.answered = who, false, time.Now()
}

// reach asks once, and connects before if need be.
func (c *client) reach(ctx context.Context) (string, error) {
	if c.conn == nil {
		conn, err := c2.Connect[Station](ctx, "station", c2.Relay(c.relays[c.asked]))
		if err != nil {
			return "", err
		}
		c.conn = conn
	}
	return c.conn.Who(ctx)
}

// next turns to the next relay, as the one that was asked may be what is gone.
func (c *client) next(err error) {
	if !errors.Is(err, c2.ErrUnavailable) && !errors.Is(err, c2.ErrNotFound) && !errors.Is(err, context.DeadlineExceeded) {
		return
	}
	c.leave()
	c.asked = (c.asked + 1) % len(c.relays)
}

func (c *client) leave() {
	if c.conn != nil {
		c2.Close(c.conn)
		c.conn = nil
	}
}

func say(format string, args ...any) {
	fmt.Printf("%s  "+format+"\n", append([]any{time.Now().Format("15:04:05.000")}, args...)...)
}
