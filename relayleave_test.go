package c2_test

import (
	"bytes"
	"net/http"
	"runtime/debug"
	"testing"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/ipc"
)

// movedMirror is a client of a Mirror that is to move from node a to node b, both of which live on.
func movedMirror(t *testing.T) (client *c2.Node, m Mirror, move func()) {
	t.Helper()
	r, a, client := relayedNodes(t)
	r.noHint = false
	b := newNode(t, c2.RelayURL(r.url()))
	register[Mirror](t, a, "mirror", mirror{})
	register[Counter](t, a, "other", &counter{})
	r.awaitRoute("mirror")
	m = connect[Mirror](t, client, "mirror")
	return client, m, func() {
		t.Helper()
		if err := c2.Unregister(within(t), "mirror", c2.On(a)); err != nil {
			t.Fatal(err)
		}
		await.True(t, "it is withdrawn", func() bool { return !r.has("mirror") })
		register[Mirror](t, b, "mirror", mirror{})
		r.awaitRoute("mirror")
	}
}

// TestWhatMovesLeavesNothing: the connection to where a resource was ends without waiting for the garbage collector, but
// not before what is held of it is released.
func TestWhatMovesLeavesNothing(t *testing.T) {
	leaktest.Check(t)
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	client, m, move := movedMirror(t)
	connections := func(want int) func() bool {
		return func() bool { return client.MemoryStats().Connections == want }
	}
	data := pattern(1 << 20)
	ctx, held := c2.Hold(within(t))
	defer held.Release()
	view, err := m.Echo(ctx, data)
	if err != nil || !bytes.Equal(view, data) {
		t.Fatalf("got %d bytes, %v", len(view), err)
	}
	move()
	for range 20 { // into memory that would be free again
		if got, err := m.Echo(within(t), make([]byte, len(data))); err != nil || len(got) != len(data) {
			t.Fatalf("got %d bytes, %v", len(got), err)
		}
	}
	if !connections(2)() || !bytes.Equal(view, data) {
		t.Errorf("with a hold there are %d connections, want 2", client.MemoryStats().Connections)
	}
	held.Release()
	await.True(t, "the former connection ends", connections(1))
}

// TestAllFollowsWhatMoves: not calls only.
func TestAllFollowsWhatMoves(t *testing.T) {
	leaktest.Check(t)
	r, a, client := relayedNodes(t)
	r.noHint = false
	b := newNode(t, c2.RelayURL(r.url()))
	register[Mirror](t, a, "mirror", mirror{})
	r.awaitRoute("mirror")
	m := connect[Mirror](t, client, "mirror")
	d, err := c2.ConnectDynamic(within(t), "mirror", c2.On(client))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	shutdown(t, a)
	register[Mirror](t, b, "mirror", mirror{})
	r.awaitRoute("mirror")
	_, loan, err := c2.Lend(within(t), m)
	if err != nil {
		t.Errorf("lending: %v", err)
	} else {
		loan.Release()
	}
	if s, err := d.Stats(within(t)); err != nil || s.Name != "mirror" {
		t.Errorf("figures: %+v, %v", s, err)
	}
}

// TestSomebodyElseAtTheURL: where the resource's relay was there is another program by now. The call that meets it may have
// run; the next one looks where the resource is.
func TestSomebodyElseAtTheURL(t *testing.T) {
	for name, lie := range map[string]http.HandlerFunc{
		"a page":    status(200, "text/html", "<html>"),
		"a guarded": status(403, "text/html", "<html>"),
		"another code": func(w http.ResponseWriter, _ *http.Request) {
			problem(w, &ipc.Error{Code: ipc.CodeDenied, Message: "no"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			leaktest.Check(t)
			r, server, client := relayedNodes(t)
			register[Counter](t, server, "counter", &counter{n: 5})
			r.awaitRoute("counter")
			owner := newFakeRelay(t)
			owner.do(func() {
				owner.lie = func(w http.ResponseWriter, req *http.Request) bool { r.serve(w, req); return true }
			})
			r.do(func() { r.noHint, r.candidates = true, placesAt(owner.url()) })
			cnt := connect[Counter](t, client, "counter")
			if n, err := cnt.Value(within(t)); err != nil || n != 5 || owner.count("POST", "/v1/resources") != 1 {
				t.Fatalf("got %d, %v", n, err)
			}
			owner.do(func() { owner.lie = func(w http.ResponseWriter, req *http.Request) bool { lie(w, req); return true } })
			r.do(func() { r.candidates = nil })
			if _, err := cnt.Value(within(t)); err == nil {
				t.Error("the call that met somebody else succeeded")
			}
			if n, err := cnt.Value(within(t)); err != nil || n != 5 {
				t.Errorf("the next call: %d, %v", n, err)
			}
		})
	}
}
