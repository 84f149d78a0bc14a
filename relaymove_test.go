package c2_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// bothWays runs a test with calls that go by HTTP, and with calls that go to the server directly.
func bothWays(t *testing.T, test func(t *testing.T, r *fakeRelay)) {
	for name, noHint := range map[string]bool{"by HTTP": true, "direct": false} {
		t.Run(name, func(t *testing.T) {
			leaktest.Check(t)
			r := newFakeRelay(t)
			r.noHint = noHint
			test(t, r)
		})
	}
}

func TestAResourceThatMoves(t *testing.T) {
	bothWays(t, func(t *testing.T, r *fakeRelay) {
		a, b, client := newNode(t, c2.RelayURL(r.url())), newNode(t, c2.RelayURL(r.url())), newNode(t)
		register[Counter](t, a, "counter", &counter{n: 1})
		register[Counter](t, a, "other", &counter{})
		r.awaitRoute("counter")
		cnt := connect[Counter](t, client, "counter", c2.Relay(r.url()))
		value := func(want int) {
			t.Helper()
			if n, err := cnt.Value(within(t)); err != nil || n != want {
				t.Errorf("got %d, %v, want %d", n, err, want)
			}
		}
		value(1)
		if err := c2.Unregister(within(t), "counter", c2.On(a)); err != nil {
			t.Fatal(err)
		}
		register[Counter](t, a, "counter", &counter{n: 2})
		await.True(t, "the new one is found", func() bool { n, err := cnt.Value(within(t)); return err == nil && n == 2 })
		if err := c2.Unregister(within(t), "counter", c2.On(a)); err != nil {
			t.Fatal(err)
		}
		await.True(t, "it is withdrawn", func() bool { return !r.has("counter") })
		_, err := cnt.Value(within(t))
		wantError(t, err, c2.ErrNotFound, "counter", "is announced here")
		register[Counter](t, b, "counter", &counter{n: 3})
		r.awaitRoute("counter")
		value(3)
		shutdown(t, b)
		register[Counter](t, a, "counter", &counter{n: 4})
		r.awaitRoute("counter")
		value(4)
	})
}

// TestAServerThatDies: the call in flight may have run, and the next one goes to who has the resource by then.
func TestAServerThatDies(t *testing.T) {
	bothWays(t, func(t *testing.T, r *fakeRelay) {
		a, b, client := newNode(t, c2.RelayURL(r.url())), newNode(t, c2.RelayURL(r.url())), newNode(t)
		w := newWaiter()
		register[Waiter](t, a, "waiter", w)
		r.awaitRoute("waiter")
		c := connect[Waiter](t, client, "waiter", c2.Relay(r.url()))
		ends := make(chan error, 1)
		go func() { ends <- c.Wait(within(t)) }()
		<-w.entered
		now, cancel := context.WithCancel(t.Context())
		cancel()
		if err := a.Shutdown(now); !errors.Is(err, context.Canceled) {
			t.Errorf("Shutdown at once: %v", err)
		}
		err := <-ends
		var e *c2.Error
		if !errors.As(err, &e) || !e.MayHaveRun && e.Code != c2.CodeResource {
			t.Errorf("the call in flight got %v, want that it may have run", err)
		}
		w = newWaiter()
		close(w.gate)
		register[Waiter](t, b, "waiter", w)
		r.awaitRoute("waiter")
		go func() { <-w.entered }()
		if err := c.Wait(within(t)); err != nil {
			t.Errorf("the next call: %v", err)
		}
	})
}

// TestCallsInFlightStay where they are when others find the resource elsewhere.
func TestCallsInFlightStay(t *testing.T) {
	bothWays(t, func(t *testing.T, r *fakeRelay) {
		a, b, client := newNode(t, c2.RelayURL(r.url())), newNode(t, c2.RelayURL(r.url())), newNode(t)
		w := newWaiter()
		register[Waiter](t, a, "waiter", w, c2.Concurrency(c2.Parallel))
		r.awaitRoute("waiter")
		c := connect[Waiter](t, client, "waiter", c2.Relay(r.url()))
		ends := make(chan error, 2)
		go func() { ends <- c.Wait(within(t)) }()
		<-w.entered
		go func() { ends <- a.Shutdown(within(t)) }()
		await.True(t, "it is withdrawn", func() bool { return !r.has("waiter") })
		moved := newWaiter()
		close(moved.gate)
		register[Waiter](t, b, "waiter", moved)
		r.awaitRoute("waiter")
		patience := 50 * time.Millisecond
		await.True(t, "a call goes to the new one", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			patience *= 2 // should no call get there in time
			go c.Wait(ctx)
			select {
			case <-moved.entered:
				return true
			case <-w.entered:
			case <-ctx.Done():
			}
			return false
		})
		close(w.gate)
		for range 2 {
			if err := <-ends; err != nil {
				t.Errorf("what was in flight: %v", err)
			}
		}
	})
}

func TestARelayThatRestarts(t *testing.T) {
	leaktest.Check(t)
	r, _, client := relayedCounter(t, &counter{})
	cnt := connect[Counter](t, client, "counter")
	r.stop()
	_, err := cnt.Increment(within(t), 1)
	wantError(t, err, c2.ErrUnavailable, "counter", r.url(), "connection refused")
	if strings.Contains(err.Error(), "may have run") {
		t.Errorf("%v, of a call that was not sent", err)
	}
	r.start()
	r.awaitRoute("counter")
	if n, err := cnt.Increment(within(t), 1); err != nil || n != 1 {
		t.Errorf("got %d, %v", n, err)
	}
}

func TestTwoCandidates(t *testing.T) {
	leaktest.Check(t)
	r, a, client := relayedNodes(t)
	b := newNode(t, c2.RelayURL(r.url()))
	register[Counter](t, a, "counter", &counter{n: 1})
	r.awaitRoute("counter")
	first := r.places("counter")[0].ID
	register[Counter](t, b, "counter", &counter{n: 2})
	await.True(t, "there are two", func() bool { return len(r.places("counter")) == 2 })
	front := newFakeRelay(t) // which knows only where the resource is
	front.candidates = func([]relayapi.Place) []relayapi.Place {
		places := r.places("counter")
		if places[0].ID != first {
			places[0], places[1] = places[1], places[0]
		}
		return placesAt(r.url())(places)
	}
	var tried atomic.Int32
	r.onCalls(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get(relayapi.HeaderResource) == first {
			tried.Add(1)
			problem(w, &ipc.Error{Code: ipc.CodeUnavailable, Message: "can't be reached"})
			return
		}
		r.call(w, req, "counter", "Value")
	})
	cnt := connect[Counter](t, client, "counter", c2.Relay(front.url()))
	for i := range 3 {
		if n, err := cnt.Value(within(t)); err != nil || n != 2 {
			t.Errorf("call %d: got %d, %v, want the second's 2", i, n, err)
		}
	}
	if n := tried.Load(); n != 1 {
		t.Errorf("the first one was tried %d times, want once", n)
	}
}

// TestARelayThatIsNotReached: calls go by the one that was asked.
func TestARelayThatIsNotReached(t *testing.T) {
	leaktest.Check(t)
	r, _, client := relayedCounter(t, &counter{n: 7})
	down := downRelay(t)
	for _, url := range []string{down.url(), "ftp://x", "http://user@host", r.url()} {
		r.do(func() { r.candidates = placesAt(url) })
		if n, err := connect[Counter](t, client, "counter").Value(within(t)); err != nil || n != 7 {
			t.Errorf("with %s: got %d, %v", url, n, err)
		}
	}
}

// TestManyWhoLookAtOnce are told at once what one of them finds out, each of its own call.
func TestManyWhoLookAtOnce(t *testing.T) {
	leaktest.Check(t)
	r, _, client := relayedCounter(t, &counter{})
	cnt := connect[Counter](t, client, "counter")
	const callers = 100
	var asked, begun atomic.Int32
	r.do(func() {
		r.lie = func(w http.ResponseWriter, req *http.Request) bool {
			if strings.HasPrefix(req.URL.Path, "/v1/resolve/") {
				asked.Add(1)
				await.Within(await.Limit, func() bool { return begun.Load() == callers })
				time.Sleep(50 * time.Millisecond) // as one that is slow, so that all of them get to ask
			}
			if req.URL.Path != "/v1/routes" {
				problem(w, &ipc.Error{Code: ipc.CodeUnavailable, Message: "down"})
			}
			return req.URL.Path != "/v1/routes"
		}
	})
	var wg sync.WaitGroup
	for range callers / 2 {
		wg.Go(func() {
			begun.Add(1)
			_, err := cnt.Value(within(t))
			wantError(t, err, c2.ErrUnavailable, "counter.Value: ", "down")
		})
		wg.Go(func() {
			begun.Add(1)
			_, err := cnt.Increment(within(t), 1)
			wantError(t, err, c2.ErrUnavailable, "counter.Increment: ", "down")
		})
	}
	wg.Wait()
	if n := asked.Load(); n > 20 {
		t.Errorf("the relay was asked %d times for %d calls", n, callers)
	}
}

// TestManyWhoFindAnotherContract share what one of them finds out, but each is told of its own call.
func TestManyWhoFindAnotherContract(t *testing.T) {
	leaktest.Check(t)
	r, _, client := relayedCounter(t, &counter{})
	cnt := connect[Counter](t, client, "counter")
	r.do(func() {
		r.lie = func(w http.ResponseWriter, req *http.Request) bool {
			switch {
			case req.Method == http.MethodPost && req.URL.Path != relayapi.PathRoutes:
				problem(w, &ipc.Error{Code: ipc.CodeStale, Message: "replaced"})
			case strings.HasPrefix(req.URL.Path, relayapi.PathResources):
				time.Sleep(50 * time.Millisecond) // as one that is slow
				answer(w, map[string]any{"name": "counter", "id": "0000000000000001"})
			default:
				return false
			}
			return true
		}
	})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, err := cnt.Value(within(t))
			wantError(t, err, c2.ErrMismatch, "counter.Value: ")
		})
		wg.Go(func() {
			_, err := cnt.Increment(within(t), 1)
			wantError(t, err, c2.ErrMismatch, "counter.Increment: ")
		})
	}
	wg.Wait()
}
