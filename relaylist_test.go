package c2_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/relayapi"
)

// TestSeveralRelays: a client with a list of relays finds a resource as long as one of them does that knows it.
func TestSeveralRelays(t *testing.T) {
	leaktest.Check(t)
	a, b, down := newFakeRelay(t), newFakeRelay(t), downRelay(t)
	a.noHint, b.noHint = true, true
	list := strings.Join([]string{down.url(), a.url(), " " + b.url()}, ",")
	client := newNode(t, c2.RelayURL(list))
	_, err := c2.Connect[Counter](within(t), "counter", c2.On(client))
	wantError(t, err, c2.ErrNotFound, "counter", "is announced here")

	server := newNode(t, c2.RelayURL(b.url()))
	register[Counter](t, server, "counter", &counter{n: 1})
	b.awaitRoute("counter")
	cnt := connect[Counter](t, client, "counter")
	value := func(want int) {
		t.Helper()
		if n, err := cnt.Value(within(t)); err != nil || n != want {
			t.Errorf("got %d, %v, want %d", n, err, want)
		}
	}
	value(1)
	if all, err := c2.List(within(t), c2.On(client), c2.Relay(b.url()+","+a.url())); err != nil || len(all) != 1 {
		t.Errorf("the list has %v, %v", all, err)
	}

	shutdown(t, server)
	b.stop()
	register[Counter](t, newNode(t, c2.RelayURL(a.url()+","+b.url())), "counter", &counter{n: 2}) // which is announced at a alone
	a.awaitRoute("counter")
	await.True(t, "the call goes on by another relay", func() bool { n, err := cnt.Value(within(t)); return err == nil && n == 2 })
	if asked := a.count("GET", "/v1/resolve/"); asked == 0 {
		t.Error("the other relay was not asked")
	}
	a.stop()
	begun := time.Now()
	_, err = cnt.Value(within(t))
	wantError(t, err, c2.ErrUnavailable, "counter", "relay http://")
	if took := time.Since(begun); took > 4*time.Second { // one that does not answer has five
		t.Errorf("a call with no relay took %v", took)
	}
}

// TestRelaysThatHadTheResource: a client that was told of one relay finds a resource while that one is away, at another one that
// had it before; and the error is that of its own relay when that one does not either.
func TestRelaysThatHadTheResource(t *testing.T) {
	leaktest.Check(t)
	home, b, c := newFakeRelay(t), newFakeRelay(t), newFakeRelay(t)
	b.noHint, c.noHint = true, true
	atB, atC := newNode(t, c2.RelayURL(b.url())), newNode(t, c2.RelayURL(c.url()))
	register[Counter](t, atB, "counter", &counter{n: 1})
	register[Counter](t, atC, "counter", &counter{n: 2})
	b.awaitRoute("counter")
	c.awaitRoute("counter")
	first, second := placesAt(b.url())(b.places("counter")), placesAt(c.url())(c.places("counter"))
	home.do(func() {
		home.candidates = func([]relayapi.Place) []relayapi.Place { return append(first[:1:1], second...) }
	})
	cnt := connect[Counter](t, newNode(t), "counter", c2.Relay(home.url()))
	if n, err := cnt.Value(within(t)); n != 1 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	home.stop()
	b.stop()
	for range 2 {
		if n, err := cnt.Value(within(t)); n != 2 || err != nil {
			t.Errorf("with its own relay and the nearest one away: %d, %v", n, err)
		}
	}
	home.do(func() { home.candidates = nil })
	home.start()
	c.stop()
	_, err := cnt.Value(within(t))
	wantError(t, err, c2.ErrNotFound, "counter", "is announced here")
}

// TestAnAddressWithAZone keeps the network interface that it names, as it is written.
func TestAnAddressWithAZone(t *testing.T) {
	leaktest.Check(t)
	_, err := c2.List(within(t), c2.Relay("HTTP://[FE80::1%25Eth0.none]:80"), c2.On(newNode(t)))
	wantError(t, err, c2.ErrUnavailable, "relay http://[fe80::1%25Eth0.none]:80: dial")
}
