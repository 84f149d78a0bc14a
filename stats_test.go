package c2_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	c2 "github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/await"
)

// Measured is a contract of which there are figures.
type Measured interface {
	GetOne(ctx context.Context) (int, error)
	Fail(ctx context.Context) error
	Panic(ctx context.Context) error
	Block(ctx context.Context, n int) error
	Sum(ctx context.Context, numbers ...int) (int, error)
	Floats(ctx context.Context, n int) ([]float64, error)
}

type measured struct {
	entered, leave chan struct{}
}

func (*measured) GetOne(context.Context) (int, error) { return 1, nil }
func (*measured) Fail(context.Context) error          { return errors.New("it fails") }
func (*measured) Panic(context.Context) error         { panic("for the test") }

func (m *measured) Block(context.Context, int) error {
	m.entered <- struct{}{}
	<-m.leave
	return nil
}

func (*measured) Sum(_ context.Context, numbers ...int) (sum int, err error) {
	for _, n := range numbers {
		sum += n
	}
	return sum, nil
}

func (*measured) Floats(ctx context.Context, n int) ([]float64, error) {
	s := c2.Alloc[float64](ctx, n)
	for i := range s {
		s[i] = float64(i)
	}
	return s, nil
}

// figures waits until those of the resource are such.
func figures(t *testing.T, d *c2.Dynamic, want func(c2.ResourceStats) bool) c2.ResourceStats {
	t.Helper()
	var s c2.ResourceStats
	await.True(t, "the figures are as they should be", func() bool {
		var err error
		if s, err = d.Stats(t.Context()); err != nil {
			t.Fatal(err)
		}
		return want(s)
	})
	return s
}

func TestStats(t *testing.T) {
	server, client := newNode(t), newNode(t)
	m := &measured{entered: make(chan struct{}), leave: make(chan struct{})}
	register[Measured](t, server, "measured", m)
	d, err := c2.ConnectDynamic(t.Context(), "measured", c2.On(client), c2.At(server.Address()))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	here := connect[Measured](t, server, "measured")
	for range 3 {
		here.GetOne(t.Context())
		d.Call(t.Context(), "GetOne")
	}
	here.Fail(t.Context())
	d.Call(t.Context(), "Fail")
	here.Panic(t.Context())
	d.Call(t.Context(), "Panic")
	d.Call(t.Context(), "Sum", 1, 2)
	d.CallCBOR(t.Context(), "Sum", []byte{0x81, 0x61, 'x'})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	here.GetOne(ended)
	done := make(chan error)
	for i := range 2 {
		go func() { _, err := d.Call(t.Context(), "Block", i); done <- err }()
	}
	<-m.entered
	s := figures(t, d, func(s c2.ResourceStats) bool { return s.Waiting == 1 })
	want := []c2.MethodStats{
		{Name: "Block", Calls: 1, Running: 1, Waiting: 1},
		{Name: "Fail", Calls: 2, Errors: map[string]uint64{"resource": 2}},
		{Name: "Floats"},
		{Name: "GetOne", Calls: 6, Errors: map[string]uint64{"canceled": 1}},
		{Name: "Panic", Calls: 2, Errors: map[string]uint64{"internal": 2}},
		{Name: "Sum", Calls: 1, Errors: map[string]uint64{"invalid": 1}},
	}
	if !reflect.DeepEqual(s.Methods, want) {
		t.Errorf("got  %+v\nwant %+v", s.Methods, want)
	}
	all := map[string]uint64{"resource": 2, "internal": 2, "canceled": 1, "invalid": 1}
	if s.Name != "measured" || s.Calls != 12 || s.Running != 1 || !reflect.DeepEqual(s.Errors, all) || time.Since(s.Since) > time.Hour {
		t.Errorf("got %+v", s)
	}
	m.leave <- struct{}{}
	<-m.entered
	m.leave <- struct{}{}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	s = figures(t, d, func(s c2.ResourceStats) bool { return s.Running == 0 })
	if s.Waiting != 0 || s.Calls != 13 {
		t.Errorf("in the end %+v", s)
	}
	if own, err := server.Stats("measured"); err != nil || !reflect.DeepEqual(own.Methods, s.Methods) {
		t.Errorf("the node itself has %+v, %v", own, err)
	}
}

func TestStatsOfNothing(t *testing.T) {
	server, client := newNode(t), newNode(t)
	register[Measured](t, server, "measured", &measured{})
	d, err := c2.ConnectDynamic(t.Context(), "measured", c2.On(client), c2.At(server.Address()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.Stats("other"); !errors.Is(err, c2.ErrNotFound) {
		t.Errorf("another name: %v", err)
	}
	if err := c2.Unregister(t.Context(), "measured", c2.On(server)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Stats(t.Context()); !errors.Is(err, c2.ErrNotFound) {
		t.Errorf("withdrawn: %v", err)
	}
	d.Close()
	if _, err := d.Stats(t.Context()); !errors.Is(err, c2.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// TestCallCBOR calls with arguments as they travel, in the resource's process and from another node.
func TestCallCBOR(t *testing.T) {
	server, client := newNode(t), newNode(t)
	register[Measured](t, server, "measured", &measured{})
	for name, opts := range map[string][]c2.ConnectOption{
		"own": {c2.On(server)}, "ipc": {c2.On(client), c2.At(server.Address())},
	} {
		d, err := c2.ConnectDynamic(t.Context(), "measured", opts...)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		sum := d.Descriptor().Method("Sum")
		args, err := sum.EncodeArgs([]any{1, 2, 3})
		if err != nil {
			t.Fatal(err)
		}
		results, err := d.CallCBOR(t.Context(), "Sum", args)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := sum.DecodeResults(results); err != nil || !reflect.DeepEqual(got, []any{int64(6)}) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
		results, err = d.CallCBOR(t.Context(), "Floats", []byte{0x81, 0x19, 0x10, 0x00}) // 4096, in memory that both see
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Descriptor().Method("Floats").DecodeResults(results)
		if floats, ok := got[0].([]float64); err != nil || !ok || len(floats) != 4096 || floats[4095] != 4095 {
			t.Errorf("%s: got %T, %v", name, got[0], err)
		}
		if _, err := d.CallCBOR(t.Context(), "Sum", []byte{0x80}); !errors.Is(err, c2.ErrInvalid) {
			t.Errorf("%s: without arguments: %v", name, err)
		}
		if _, err := d.CallCBOR(t.Context(), "None", []byte{0x80}); !errors.Is(err, c2.ErrNotFound) {
			t.Errorf("%s: without a method: %v", name, err)
		}
		if d.Descriptor().Method("None") != nil {
			t.Errorf("%s: there is a method None", name)
		}
	}
	if _, err := (&c2.MethodDescriptor{Variadic: true}).EncodeArgs(nil); err == nil || !strings.Contains(err.Error(), "the descriptor is wrong") {
		t.Errorf("variadic without parameters: %v", err)
	}
	join := &c2.MethodDescriptor{Params: []*codec.Schema{{Kind: codec.KindText}, {Kind: codec.KindList}}, Variadic: true}
	if _, err := join.EncodeArgs(nil); err == nil || !strings.Contains(err.Error(), "arguments: have 0, want 1 or more") {
		t.Errorf("variadic without what it must have: %v", err)
	}
	if _, err := (&c2.MethodDescriptor{Results: []*codec.Schema{{Kind: codec.KindInt}}}).DecodeResults([]byte{0x80}); err == nil {
		t.Error("results are missing, and nothing is said")
	}
}
