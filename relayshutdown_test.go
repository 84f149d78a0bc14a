package c2_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// TestShutdownEndsConnections, also those that are on their way while calls are.
func TestShutdownEndsConnections(t *testing.T) {
	leaktest.Check(t)
	r, server, _ := relayedNodes(t)
	register[Counter](t, server, "counter", &counter{})
	r.awaitRoute("counter")
	kept := func() int {
		buf := make([]byte, 4<<20)
		return strings.Count(string(buf[:runtime.Stack(buf, true)]), "net/http.(*persistConn).readLoop")
	}
	await.True(t, "the relay's own are known", func() bool { return kept() == 1 }) // the announcer's
	for range 20 {
		client, err := c2.NewNode(c2.RelayURL(r.url()))
		if err != nil {
			t.Fatal(err)
		}
		cnt, err := c2.Connect[Counter](within(t), "counter", c2.On(client))
		if err != nil {
			t.Fatal(err)
		}
		ends := make(chan error, 32)
		for range cap(ends) {
			go func() {
				for {
					if _, err := cnt.Value(context.Background()); err != nil {
						ends <- err
						return
					}
				}
			}()
		}
		shutdown(t, client)
		for range cap(ends) {
			if err := <-ends; !errors.Is(err, c2.ErrClosed) {
				t.Error(err)
			}
		}
		await.True(t, "no connection is left", func() bool { return kept() <= 1 })
	}
}
