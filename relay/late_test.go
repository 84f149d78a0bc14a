package relay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/relay"
)

// patient gives up with its caller's time, or at once.
type patient interface {
	Wait(ctx context.Context) error
	GiveUp(ctx context.Context) error
}

type waiter struct{ calls atomic.Int64 }

// Wait sees the end a little before the relay does, as now and then happens.
func (w *waiter) Wait(ctx context.Context) error {
	w.calls.Add(1)
	until, _ := ctx.Deadline()
	select {
	case <-time.After(time.Until(until) - 5*time.Millisecond):
		return context.DeadlineExceeded
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (*waiter) GiveUp(context.Context) error { return context.DeadlineExceeded }

// TestTimeIsOver finds the same answer whoever sees first that the time is over, the relay or the resource, and another one
// where the resource's error is its own.
func TestTimeIsOver(t *testing.T) {
	leaktest.Check(t)
	h := newHost(t, relay.Config{})
	n := h.node()
	w := new(waiter)
	if err := c2.Register[patient]("w", w, c2.On(n)); err != nil {
		t.Fatal(err)
	}
	h.announce(n, 1)
	ask := func(method, timeout string) (p relayapi.Problem) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/v1/resources/w/"+method, bytes.NewReader(nil))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(relayapi.HeaderTimeout, timeout)
		status, _, body := h.do(req)
		if err := json.Unmarshal(body, &p); err != nil || p.Status != status {
			t.Fatalf("%d %s: %v", status, body, err)
		}
		return p
	}
	for range 10 {
		p, timeout := relayapi.Problem{Code: "deadline"}, 20*time.Millisecond
		for before := w.calls.Load(); p.Code == "deadline" && w.calls.Load() == before; timeout *= 2 { // else it was over too soon
			p = ask("Wait", timeout.String())
		}
		if p.Status != http.StatusGatewayTimeout || p.Code != "deadline" || !p.MayHaveRun {
			t.Fatalf("the resource waited longer than it may: %+v", p)
		}
	}
	if p := ask("GiveUp", "1m"); p.Status != http.StatusInternalServerError || p.Code != "resource" {
		t.Fatalf("the resource gave up before: %+v", p)
	}
}
