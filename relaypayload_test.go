package c2_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/relayapi"
)

// pattern is n bytes that do not look like each other.
func pattern(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return data
}

// mirrorByRelay connects to a Mirror by HTTP.
func mirrorByRelay(t *testing.T, opts ...c2.RegisterOption) (*fakeRelay, *c2.Node, Mirror) {
	t.Helper()
	r, server, client := relayedNodes(t)
	register[Mirror](t, server, "mirror", mirror{}, opts...)
	r.awaitRoute("mirror")
	return r, client, connect[Mirror](t, client, "mirror")
}

func TestPayloadsByRelay(t *testing.T) {
	leaktest.Check(t)
	_, _, m := mirrorByRelay(t, c2.HoldInput("Echo"))
	for _, n := range []int{0, 1, 511, 512, 4 << 10, 64 << 10, 64<<10 + 1, 1 << 20, 1<<20 + 1, 9 << 20} {
		data := pattern(n)
		got, err := m.Echo(within(t), data)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: got %d, %v", n, len(got), err)
		}
	}
}

// TestALargePayloadByRelay goes to a relay that sends back what comes, as it comes.
func TestALargePayloadByRelay(t *testing.T) {
	leaktest.Check(t)
	r, _, m := mirrorByRelay(t)
	for _, chunked := range []bool{false, true} {
		r.onCalls(func(w http.ResponseWriter, req *http.Request) {
			body, _ := io.ReadAll(req.Body)
			w.Header().Set("Content-Type", relayapi.TypeCBOR)
			if !chunked {
				w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			}
			w.Write(body)
		})
		data := pattern(64 << 20)
		if got, err := m.Echo(within(t), data); err != nil || !bytes.Equal(got, data) {
			t.Errorf("chunked %v: got %d bytes, %v", chunked, len(got), err)
		}
	}
}

// TestMemoryByRelay: what has shared memory elsewhere has plain memory here.
func TestMemoryByRelay(t *testing.T) {
	leaktest.Check(t)
	_, client, m := mirrorByRelay(t, c2.HoldInput("Echo"))
	ctx, loan, err := c2.Lend(within(t), m)
	if err != nil {
		t.Fatal(err)
	}
	defer loan.Release()
	data := c2.Alloc[byte](ctx, 2<<20)
	copy(data, pattern(len(data)))
	ctx, held := c2.Hold(ctx)
	got, err := m.Echo(ctx, data)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("got %d bytes, %v", len(got), err)
	}
	if s := client.HoldStats(); s.ActiveHolds != 0 {
		t.Errorf("the hold has %+v, of memory that is the caller's own", s)
	}
	small, err := m.Echo(ctx, data[:100<<10])
	if err != nil {
		t.Fatal(err)
	}
	held.Release()
	if !bytes.Equal(got, data) {
		t.Error("the result changed with the hold's end")
	}
	if len(small) != 100<<10 {
		t.Errorf("got %d bytes", len(small))
	}
	if s := client.HoldStats(); s.ActiveHolds != 0 || s.HeldBytes != 0 {
		t.Errorf("after Release: %+v", s)
	}
}

func TestManyCallersByRelay(t *testing.T) {
	leaktest.Check(t)
	_, client, m := mirrorByRelay(t, c2.Concurrency(c2.Parallel))
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			data := bytes.Repeat([]byte{byte(i)}, 1000*i)
			for range 20 {
				if got, err := m.Echo(within(t), data); err != nil || !bytes.Equal(got, data) {
					t.Errorf("got %d bytes, %v", len(got), err)
				}
			}
		})
	}
	wg.Wait()
	shutdown(t, client)
	_, err := m.Echo(within(t), nil)
	wantError(t, err, c2.ErrClosed)
}

// TestShutdownEndsCallsByRelay that are in flight.
func TestShutdownEndsCallsByRelay(t *testing.T) {
	leaktest.Check(t)
	r, server, client := relayedNodes(t)
	w := newWaiter()
	register[Waiter](t, server, "waiter", w)
	r.awaitRoute("waiter")
	c := connect[Waiter](t, client, "waiter")
	ends := make(chan error, 1)
	go func() { ends <- c.Wait(t.Context()) }()
	<-w.entered
	shutdown(t, client)
	err := <-ends
	wantError(t, err, c2.ErrClosed, "waiter.Wait", "outcome is unknown")
	_, err = c2.Connect[Waiter](within(t), "waiter", c2.On(client))
	wantError(t, err, c2.ErrClosed)
	_, err = c2.List(within(t), c2.On(client))
	wantError(t, err, c2.ErrClosed)
}

// TestTheTimeoutGoesAlong, and is the relay's to keep as well.
func TestTheTimeoutGoesAlong(t *testing.T) {
	leaktest.Check(t)
	r, _, m := mirrorByRelay(t)
	timeouts := make(chan string, 1)
	r.onCalls(func(w http.ResponseWriter, req *http.Request) {
		timeouts <- req.Header.Get(relayapi.HeaderTimeout)
		status(200, relayapi.TypeCBOR, "\x81\x40")(w, req)
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := m.Echo(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if d, err := time.ParseDuration(<-timeouts); err != nil || d > time.Minute || d < 50*time.Second {
		t.Errorf("a minute arrives as %v, %v", d, err)
	}
	if _, err := m.Echo(context.WithoutCancel(ctx), nil); err != nil {
		t.Fatal(err)
	}
	if text := <-timeouts; text != "" {
		t.Errorf("no deadline arrives as %q", text)
	}
}

// Teller is the contract of a resource that fails.
type Teller interface {
	Pay(ctx context.Context, how string) error
}

var (
	errBroke = errors.New("broke")
	_        = c2.RegisterError("c2_test.broke", errBroke)
)

type teller struct{}

func (teller) Pay(_ context.Context, how string) error {
	if how == "panic" {
		panic("robbery")
	}
	return errors.Join(errors.New(how), errBroke)
}

func TestErrorsByRelay(t *testing.T) {
	leaktest.Check(t)
	r, server, client := relayedNodes(t)
	register[Teller](t, server, "teller", teller{})
	r.awaitRoute("teller")
	c := connect[Teller](t, client, "teller")
	err := c.Pay(within(t), "sorry")
	var e *c2.Error
	if !errors.Is(err, errBroke) || !errors.As(err, &e) || e.Code != c2.CodeResource || e.MayHaveRun || err.Error() != "sorry\nbroke" {
		t.Errorf("the resource's error arrives as %#v", err)
	}
	err = c.Pay(within(t), "panic")
	wantError(t, err, c2.ErrInternal, "teller.Pay", "robbery")
	if !errors.As(err, &e) || !e.MayHaveRun {
		t.Errorf("a panic arrives as %#v", err)
	}
	if err := c2.Close(c); err != nil {
		t.Fatal(err)
	}
	wantError(t, c.Pay(within(t), ""), c2.ErrClosed)
}

// TestArgumentsThatCannotBeSent are the caller's fault, and nobody hears of them.
func TestArgumentsThatCannotBeSent(t *testing.T) {
	leaktest.Check(t)
	r, _, _ := mirrorByRelay(t)
	d, err := c2.ConnectDynamic(within(t), "mirror", c2.Relay(r.url()), c2.On(newNode(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	before := r.count("POST", "/v1/resources/")
	_, err = d.Call(within(t), "Echo", "text")
	wantError(t, err, c2.ErrInvalid, "mirror.Echo", "invalid: argument 1", "; the method is Echo(")
	_, err = d.Call(within(t), "Ecco")
	wantError(t, err, c2.ErrNotFound, "it has Echo, Make")
	if n := r.count("POST", "/v1/resources/") - before; n > 0 {
		t.Errorf("%d requests were sent", n)
	}
	if out, err := d.Call(within(t), "Echo", []byte("hi")); err != nil || string(out[0].([]byte)) != "hi" {
		t.Errorf("got %v, %v", out, err)
	}
}
