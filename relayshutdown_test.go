package c2_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// connections counts those to relays that the process has.
func connections() int {
	buf := make([]byte, 4<<20)
	return strings.Count(string(buf[:runtime.Stack(buf, true)]), "net/http.(*persistConn).readLoop")
}

// TestCloseEndsConnections, also if a call still looks for the resource then.
func TestCloseEndsConnections(t *testing.T) {
	leaktest.Check(t)
	r, _, _ := relayedCounter(t, &counter{})
	client := newNode(t)
	cnt, err := c2.Connect[Counter](within(t), "counter", c2.Relay(r.url()), c2.On(client))
	if err != nil {
		t.Fatal(err)
	}
	asked, closed := make(chan struct{}), make(chan struct{})
	r.do(func() {
		r.lie = func(w http.ResponseWriter, req *http.Request) bool {
			if req.Method == http.MethodPost && req.URL.Path != relayapi.PathRoutes {
				problem(w, &ipc.Error{Code: ipc.CodeStale, Message: "replaced"})
				return true
			}
			if strings.HasPrefix(req.URL.Path, relayapi.PathResolve) {
				close(asked)
				<-closed
			}
			return false
		}
	})
	ended := make(chan error)
	go func() {
		_, err := cnt.Value(within(t))
		ended <- err
	}()
	<-asked
	if err := c2.Close(cnt); err != nil {
		t.Error(err)
	}
	close(closed)
	if err := <-ended; !errors.Is(err, c2.ErrClosed) {
		t.Errorf("the call ended with %v", err)
	}
	await.True(t, "only the server's connection is left", func() bool { return connections() == 1 })
}

// TestShutdownEndsConnections, also those that are on their way while calls are.
func TestShutdownEndsConnections(t *testing.T) {
	leaktest.Check(t)
	r, _, _ := relayedCounter(t, &counter{})
	await.True(t, "the server's connection is there", func() bool { return connections() == 1 })
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
		await.True(t, "no connection is left", func() bool { return connections() <= 1 })
	}
}
