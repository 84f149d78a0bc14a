package c2_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// Calc is a contract with a stub.
type Calc interface {
	Divide(ctx context.Context, a, b int) (quotient, rest int, err error)
	Join(ctx context.Context, sep string, parts ...string) (string, error)
	Describe(ctx context.Context, v any, at *int, list []int, m map[string]int) (string, error)
	Double(n int) (int, error)
	Nothing(ctx context.Context) error
}

var errDivision = errors.New("division by zero")

type calc struct{}

func (calc) Divide(_ context.Context, a, b int) (int, int, error) {
	if b == 0 {
		return 0, 0, errDivision
	}
	return a / b, a % b, nil
}

func (calc) Join(_ context.Context, sep string, parts ...string) (string, error) {
	return strings.Join(parts, sep), nil
}

func (calc) Describe(_ context.Context, v any, at *int, list []int, m map[string]int) (string, error) {
	if v != nil || at != nil || list != nil || m != nil {
		return "something", nil
	}
	return "nothing", nil
}

func (calc) Double(n int) (int, error)     { return 2 * n, nil }
func (calc) Nothing(context.Context) error { return nil }

type calcStub struct{ *c2.Caller }

func (s calcStub) Divide(ctx context.Context, a, b int) (quotient, rest int, err error) {
	err = s.Call(ctx, "Divide", []any{&quotient, &rest}, a, b)
	return quotient, rest, err
}

func (s calcStub) Join(ctx context.Context, sep string, parts ...string) (joined string, err error) {
	err = s.Call(ctx, "Join", []any{&joined}, sep, parts)
	return joined, err
}

func (s calcStub) Describe(ctx context.Context, v any, at *int, list []int, m map[string]int) (text string, err error) {
	err = s.Call(ctx, "Describe", []any{&text}, nil, nil, nil, nil)
	return text, err
}

func (s calcStub) Double(n int) (double int, err error) {
	err = s.Call(context.Background(), "Double", []any{&double}, n)
	return double, err
}

func (s calcStub) Nothing(ctx context.Context) error { return s.Call(ctx, "Nothing", nil) }

var _ = c2.RegisterStub(func(c *c2.Caller) Calc { return calcStub{c} })

// calcs connects to a calc in process and by ipc, and runs the test on each.
func calcs(t *testing.T, test func(t *testing.T, c Calc)) {
	for name, far := range map[string]bool{"in process": false, "by ipc": true} {
		t.Run(name, func(t *testing.T) {
			leaktest.Check(t)
			server := newNode(t)
			register[Calc](t, server, "calc", calc{})
			if far {
				test(t, connect[Calc](t, newNode(t), "calc", c2.At(server.Address())))
			} else {
				test(t, connect[Calc](t, server, "calc"))
			}
		})
	}
}

func TestStub(t *testing.T) {
	calcs(t, func(t *testing.T, c Calc) {
		if _, ok := c.(calcStub); !ok {
			t.Fatalf("Connect gave a %T", c)
		}
		if q, r, err := c.Divide(t.Context(), 17, 5); q != 3 || r != 2 || err != nil {
			t.Errorf("Divide: %d, %d, %v", q, r, err)
		}
		if _, _, err := c.Divide(t.Context(), 1, 0); err == nil || err.Error() != errDivision.Error() {
			t.Errorf("Divide by zero: %v", err)
		}
		for want, parts := range map[string][]string{"": nil, "a": {"a"}, "a-b-c": {"a", "b", "c"}} {
			if s, err := c.Join(t.Context(), "-", parts...); s != want || err != nil {
				t.Errorf("Join(%q): %q, %v", parts, s, err)
			}
		}
		if s, err := c.Describe(t.Context(), 1, nil, nil, nil); s != "nothing" || err != nil {
			t.Errorf("Describe of nil arguments: %q, %v", s, err)
		}
		if n, err := c.Double(4); n != 8 || err != nil {
			t.Errorf("Double: %d, %v", n, err)
		}
		//lint:ignore SA1012 a nil context must not panic
		if err := c.Nothing(nil); err != nil { //nolint:staticcheck
			t.Errorf("Nothing with a nil context: %v", err)
		}
	})
}

func TestStubCloses(t *testing.T) {
	calcs(t, func(t *testing.T, c Calc) {
		for range 2 {
			if err := c2.Close(c); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		wantError(t, c.Nothing(t.Context()), c2.ErrClosed, "calc.Nothing")
	})
}

func TestCallerRefuses(t *testing.T) {
	node := newNode(t)
	register[Calc](t, node, "calc", calc{})
	caller := connect[Calc](t, node, "calc").(calcStub).Caller
	var n, m int
	var text string
	for name, test := range map[string]struct {
		method  string
		results []any
		args    []any
		says    []string
	}{
		"an unknown method":        {"Add", []any{&n}, []any{1, 2}, []string{"calc.Add", "no such method", "Calc"}},
		"too few arguments":        {"Divide", []any{&n, &m}, []any{1}, []string{"arguments: have 1, want 2"}},
		"too many arguments":       {"Double", []any{&n}, []any{1, 2}, []string{"arguments: have 2, want 1"}},
		"variadic one by one":      {"Join", []any{&text}, []any{"-", "a", "b"}, []string{"arguments: have 3, want 2"}},
		"variadic without a slice": {"Join", []any{&text}, []any{"-", "a"}, []string{"argument 2 is string, want []string"}},
		"an argument's type":       {"Divide", []any{&n, &m}, []any{1, int64(2)}, []string{"argument 2 is int64, want int"}},
		"nil for a number":         {"Double", []any{&n}, []any{nil}, []string{"argument 1 is <nil>, want int"}},
		"too few results":          {"Divide", []any{&n}, []any{1, 2}, []string{"results: have 1, want 2"}},
		"results of none":          {"Nothing", []any{&n}, nil, []string{"results: have 1, want 0"}},
		"a result's type":          {"Divide", []any{&n, &text}, []any{1, 2}, []string{"result 2 goes to *string, want *int"}},
		"a result, no pointer":     {"Double", []any{n}, []any{1}, []string{"result 1 goes to int, want *int"}},
		"a nil pointer":            {"Double", []any{(*int)(nil)}, []any{1}, []string{"result 1 goes to a nil *int"}},
		"nil for a pointer":        {"Double", []any{nil}, []any{1}, []string{"result 1 goes to <nil>, want *int"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := caller.Call(t.Context(), test.method, test.results, test.args...)
			wantError(t, err, c2.ErrInvalid, append(test.says, "calc."+test.method)...)
		})
	}
}

// TestCallerFromNowhere: a Caller is what RegisterStub's function gets, and nothing that users make.
func TestCallerFromNowhere(t *testing.T) {
	for _, caller := range []*c2.Caller{nil, {}} {
		s := calcStub{caller}
		wantError(t, s.Nothing(t.Context()), c2.ErrInvalid, "did not come from Connect")
		wantError(t, c2.Close(s), c2.ErrInvalid, "did not come from Connect")
	}
}

func TestRegisterStubRefuses(t *testing.T) {
	wantError(t, c2.RegisterStub(func(c *c2.Caller) Calc { return calcStub{c} }), c2.ErrInvalid, "Calc", "already")
	wantError(t, c2.RegisterStub(func(c *c2.Caller) calcStub { return calcStub{c} }), c2.ErrInvalid, "calcStub", "want an interface")
	wantError(t, c2.RegisterStub[Waiter](nil), c2.ErrInvalid, "Waiter", "a function")
}

// The contracts of stubs that are none.
type (
	withoutCaller interface {
		Nothing(ctx context.Context) error
	}
	othersCaller interface {
		Nothing(ctx context.Context) error
	}
	nilCaller interface {
		Nothing(ctx context.Context) error
	}
	noStub interface {
		Nothing(ctx context.Context) error
	}
)

var (
	_ = c2.RegisterStub(func(*c2.Caller) withoutCaller { return calc{} })
	_ = c2.RegisterStub(func(*c2.Caller) othersCaller { return calcStub{&c2.Caller{}} })
	_ = c2.RegisterStub(func(*c2.Caller) nilCaller { return calcStub{} })
	_ = c2.RegisterStub(func(*c2.Caller) noStub { return nil })
)

func TestStubThatIsNone(t *testing.T) {
	leaktest.Check(t)
	server, client := newNode(t), newNode(t)
	register[Calc](t, server, "calc", calc{})
	for name, connecting := range map[string]func(string, ...c2.ConnectOption) error{
		"withoutCaller": connecting[withoutCaller],
		"othersCaller":  connecting[othersCaller],
		"nilCaller":     connecting[nilCaller],
		"noStub":        connecting[noStub],
	} {
		err := connecting("calc", c2.On(client), c2.At(server.Address()))
		wantError(t, err, c2.ErrInvalid, name, "does not embed the *c2.Caller")
	}
}
