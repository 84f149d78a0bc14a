package c2_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// relayedNodes are a relay, a server that announces to it, and a client whose calls go by HTTP.
func relayedNodes(t *testing.T) (r *fakeRelay, server, client *c2.Node) {
	t.Helper()
	r = newFakeRelay(t)
	r.noHint = true
	return r, newNode(t, c2.RelayURL(r.url())), newNode(t, c2.RelayURL(r.url()))
}

// relayedCounter is what relayedNodes are, where the server has announced a counter.
func relayedCounter(t *testing.T, value *counter) (r *fakeRelay, server, client *c2.Node) {
	t.Helper()
	r, server, client = relayedNodes(t)
	register[Counter](t, server, "counter", value)
	r.awaitRoute("counter")
	return r, server, client
}

func TestConnectByRelay(t *testing.T) {
	leaktest.Check(t)
	r, server, client := relayedNodes(t)
	register[Counter](t, server, "a/b ü?", &counter{})
	r.awaitRoute("a/b ü?")
	for name, opts := range map[string][]c2.ConnectOption{
		"the node's relay": nil, "Relay": {c2.Relay(r.url())}, "At": {c2.At(r.url() + "/")}, "empty At": {c2.At("")},
	} {
		t.Run(name, func(t *testing.T) {
			calls := r.count("POST", "/v1/resources/a%2Fb%20%C3%BC%3F/")
			cnt := connect[Counter](t, client, "a/b ü?", opts...)
			before, err := cnt.Value(within(t))
			if err != nil {
				t.Fatal(err)
			}
			if n, err := cnt.Increment(within(t), 10); err != nil || n != before+10 {
				t.Errorf("got %d, %v", n, err)
			}
			if calls = r.count("POST", "/v1/resources/a%2Fb%20%C3%BC%3F/") - calls; calls != 2 {
				t.Errorf("%d calls went by HTTP, want 2", calls)
			}
		})
	}
}

func TestDirectCallsLeaveTheRelayOut(t *testing.T) {
	leaktest.Check(t)
	r := newFakeRelay(t)
	server, client := newNode(t, c2.RelayURL(r.url())), newNode(t)
	register[Counter](t, server, "counter", &counter{})
	r.awaitRoute("counter")
	cnt := connect[Counter](t, client, "counter", c2.Relay(r.url()))
	r.stop()
	if n, err := cnt.Increment(within(t), 1); err != nil || n != 1 {
		t.Errorf("got %d, %v", n, err)
	}
	if n := r.count("POST", "/v1/resources/"); n > 0 {
		t.Errorf("%d calls went through the relay", n)
	}
}

func TestWhereConnectLooks(t *testing.T) {
	leaktest.Check(t)
	r, server, client := relayedNodes(t)
	register[Counter](t, server, "both", &counter{n: 1})
	register[Counter](t, client, "both", &counter{n: 2})
	register[Counter](t, server, "there", &counter{n: 3})
	r.awaitRoute("there")
	r.awaitRoute("both")
	ctx := within(t)
	if n, err := connect[Counter](t, client, "both").Value(ctx); err != nil || n != 2 {
		t.Errorf("this process comes first: got %d, %v", n, err)
	}
	if n, err := connect[Counter](t, client, "there").Value(ctx); err != nil || n != 3 {
		t.Errorf("then the relay: got %d, %v", n, err)
	}
	d, err := c2.ConnectDynamic(ctx, "there", c2.On(client))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if out, err := d.Call(ctx, "Value"); err != nil || out[0] != int64(3) {
		t.Errorf("dynamic: got %v, %v", out, err)
	}
	_, err = c2.Connect[Counter](ctx, "there", c2.On(client), c2.At("thread://"))
	wantError(t, err, c2.ErrNotFound, "this process", "At(", "Relay(", "C2_RELAY")
	_, err = c2.Connect[Counter](ctx, "nowhere", c2.On(client))
	wantError(t, err, c2.ErrNotFound, "nowhere", r.url(), "is announced here")
	_, err = c2.Connect[Counter](ctx, "nowhere", c2.On(newNode(t)))
	wantError(t, err, c2.ErrNotFound, "this process", "C2_RELAY")
}

func TestListByRelay(t *testing.T) {
	leaktest.Check(t)
	r, server, client := relayedNodes(t)
	other := newNode(t, c2.RelayURL(r.url()))
	register[Counter](t, server, "b", &counter{})
	register[Counter](t, other, "b", &counter{})
	register[Counter](t, other, "c", &counter{})
	register[Waiter](t, client, "a", newWaiter())
	register[Waiter](t, client, "c", newWaiter())
	await.True(t, "all is announced", func() bool { return len(r.places("b")) == 2 && len(r.places("c")) == 2 && r.has("a") })
	for want, opts := range map[string][]c2.ConnectOption{
		"a:Waiter b:Counter c:Waiter": nil,
		"a:Waiter c:Waiter":           {c2.At("thread://")},
	} {
		list, err := c2.List(within(t), append(opts, c2.On(client))...)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range list {
			got = append(got, d.Name+":"+d.Contract)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("got %s, want %s", s, want)
		}
	}
	list, err := c2.List(within(t), c2.On(client), c2.Relay(r.url()))
	if err != nil || len(list) != 3 || len(list[1].Methods) == 0 {
		t.Errorf("the relay's: %v, %v", list, err)
	}
}

func TestCallsByRelayAsElsewhere(t *testing.T) {
	leaktest.Check(t)
	r, server, client := relayedNodes(t)
	w := newWaiter()
	register[Waiter](t, server, "waiter", w)
	r.awaitRoute("waiter")
	c := connect[Waiter](t, client, "waiter")
	ctx, cancel := context.WithCancel(within(t))
	ends := make(chan error, 1)
	go func() { ends <- c.Wait(ctx) }()
	<-w.entered
	cancel()
	err := <-ends
	wantError(t, err, context.Canceled)
	var e *c2.Error
	if !errors.As(err, &e) || !e.MayHaveRun {
		t.Errorf("%v does not say that it may have run", err)
	}
	for d := 50 * time.Millisecond; ; d *= 2 { // until the call gets there before its time is over
		ctx, cancel = context.WithTimeout(within(t), d)
		defer cancel()
		go func() { ends <- c.Wait(ctx) }()
		entered := false
		select {
		case <-w.entered:
			entered = true
		case <-ctx.Done():
		}
		wantError(t, <-ends, context.DeadlineExceeded)
		if entered {
			break
		}
	}
	wantError(t, c.Wait(ctx), context.DeadlineExceeded)
}
