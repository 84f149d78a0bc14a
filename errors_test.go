package c2_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/leaktest"
)

var (
	errOverdrawn = errors.New("the account is overdrawn")
	errFrozen    = errors.New("the account is frozen")
	errNameless  = errors.New("nobody named me")
	_            = c2.RegisterError("test.overdrawn", errOverdrawn)
	_            = c2.RegisterError("test.frozen", errFrozen)
)

// sliceError is an error that can't be compared.
type sliceError []string

func (e sliceError) Error() string { return strings.Join(e, ", ") }

// nilError panics when it is asked for its text and is nil.
type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

func TestRegisterErrorRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		name string
		err  error
		says []string
	}{
		"no name":            {"", errNameless, []string{"a name of 1 to 255 bytes"}},
		"a long name":        {strings.Repeat("x", 256), errNameless, []string{"a name of 1 to 255 bytes"}},
		"nil":                {"test.nil", nil, []string{`"test.nil"`, "an error"}},
		"what has no ==":     {"test.slice", sliceError{"a"}, []string{"c2_test.sliceError", "can't be compared", "register a sentinel"}},
		"a name taken":       {"test.frozen", errNameless, []string{`"test.frozen"`, "frozen", "already"}},
		"an error named":     {"test.broke", errOverdrawn, []string{`"test.broke"`, `"test.overdrawn"`, "already"}},
		"an error of c2's":   {"test.busy", c2.ErrBusy, []string{`"c2.busy"`}},
		"an error of Go's":   {"test.canceled", context.Canceled, []string{`"context.canceled"`}},
		"a name of c2's own": {"c2.busy", errNameless, []string{`"c2.busy"`}},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, c2.RegisterError(test.name, test.err), c2.ErrInvalid, test.says...)
		})
	}
	if err := c2.RegisterError("test.frozen", errFrozen); err != nil {
		t.Errorf("saying it again: %v", err)
	}
}

// Failing is the contract of a resource that returns an error by its name in failures.
type Failing interface {
	Fail(ctx context.Context, how string) error
	Encode(ctx context.Context, v any) error
}

var failures = map[string]error{
	"plain":       errors.New("out of paper"),
	"nameless":    errNameless,
	"wrapped":     fmt.Errorf("can't pay 5: %w", errOverdrawn),
	"deep":        fmt.Errorf("a: %w", fmt.Errorf("b: %w", errOverdrawn)),
	"joined":      errors.Join(errOverdrawn, fmt.Errorf("and %w", errFrozen)),
	"not exist":   &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist},
	"uncompared":  sliceError{"a", "b"},
	"another's":   fmt.Errorf("asking: %w", &c2.Error{Code: c2.CodeBusy, Resource: "printer", Message: "no tray is free"}),
	"empty":       errors.New(""),
	"typed nil":   (*nilError)(nil),
	"many joined": errors.Join(errOverdrawn, errFrozen, context.Canceled, c2.ErrDenied, fs.ErrExist),
}

type failing struct{}

func (failing) Fail(_ context.Context, how string) error { return failures[how] }
func (failing) Encode(context.Context, any) error        { return nil }

func TestResourceErrorsByIPC(t *testing.T) {
	leaktest.Check(t)
	server, client := newNode(t), newNode(t)
	register[Failing](t, server, "failing", failing{})
	f := connect[Failing](t, client, "failing", c2.At(server.Address()))
	known := []error{
		errOverdrawn, errFrozen, errNameless, context.Canceled, context.DeadlineExceeded, fs.ErrNotExist, fs.ErrExist,
		c2.ErrBusy, c2.ErrDenied, c2.ErrInternal, c2.ErrNotFound,
	}
	for how, is := range map[string][]error{
		"plain":       nil,
		"nameless":    nil,
		"wrapped":     {errOverdrawn},
		"deep":        {errOverdrawn},
		"joined":      {errOverdrawn, errFrozen},
		"not exist":   {fs.ErrNotExist},
		"uncompared":  nil,
		"another's":   {c2.ErrBusy},
		"empty":       nil,
		"many joined": {errOverdrawn, errFrozen, context.Canceled, c2.ErrDenied, fs.ErrExist},
	} {
		t.Run(how, func(t *testing.T) {
			err := f.Fail(t.Context(), how)
			if err == nil || err.Error() != failures[how].Error() {
				t.Fatalf("got %v, want the text %q", err, failures[how])
			}
			var e *c2.Error
			if !errors.As(err, &e) || e.Code != c2.CodeResource || e.MayHaveRun || e.Resource != "failing" || e.Method != "Fail" {
				t.Errorf("got %#v", e)
			}
			for _, k := range known {
				want := false
				for _, w := range is {
					want = want || w == k
				}
				if errors.Is(err, k) != want {
					t.Errorf("is it %q: %t, want %t", k, !want, want)
				}
			}
		})
	}
}

// TestErrorThatPanics: an error's own methods are the resource's code, too.
func TestErrorThatPanics(t *testing.T) {
	server, client := newNode(t), newNode(t)
	register[Failing](t, server, "failing", failing{})
	f := connect[Failing](t, client, "failing", c2.At(server.Address()))
	wantError(t, f.Fail(t.Context(), "typed nil"), c2.ErrInternal, "failing.Fail", "panicked")
	wantError(t, f.Fail(t.Context(), "wrapped"), errOverdrawn)
}

// TestErrorInProcess: the caller gets the very error that the resource returned. One of a call that the resource made
// itself is marked as the resource's: else its code would seem to speak of this call.
func TestErrorInProcess(t *testing.T) {
	node := newNode(t)
	register[Failing](t, node, "failing", failing{})
	f := connect[Failing](t, node, "failing")
	for how, want := range failures {
		if how == "uncompared" {
			continue
		}
		err := f.Fail(t.Context(), how)
		var e *c2.Error
		if how == "another's" {
			if !errors.As(err, &e) || e.Code != c2.CodeResource || e.Resource != "failing" || e.Error() != want.Error() || !errors.Is(err, c2.ErrBusy) {
				t.Errorf("%s: got %#v", how, err)
			}
		} else if err != want {
			t.Errorf("%s: got %v", how, err)
		}
	}
}

func TestErrorText(t *testing.T) {
	for want, e := range map[string]c2.Error{
		"c2: busy":                           {Code: c2.CodeBusy},
		"c2: counter: not found":             {Code: c2.CodeNotFound, Resource: "counter"},
		"c2: counter.Value: closed: go home": {Code: c2.CodeClosed, Resource: "counter", Method: "Value", Message: "go home"},
		"c2: Value: deadline exceeded":       {Code: c2.CodeDeadline, Method: "Value"},
		"c2: too large":                      {Code: c2.CodeTooLarge, Message: "too large"},
		"the account is overdrawn":           {Code: c2.CodeResource, Resource: "bank", Method: "Pay", Message: "the account is overdrawn"},
		"c2: code 99: from the future":       {Code: 99, Message: "from the future"},
		"c2: a.B: unavailable: gone (the outcome is unknown: the call may have run)": {
			Code: c2.CodeUnavailable, Resource: "a", Method: "B", Message: "gone", MayHaveRun: true},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestErrorIs(t *testing.T) {
	sentinels := map[c2.Code]error{
		c2.CodeNotFound: c2.ErrNotFound, c2.CodeUnavailable: c2.ErrUnavailable, c2.CodeBusy: c2.ErrBusy, c2.CodeClosed: c2.ErrClosed,
		c2.CodeMismatch: c2.ErrMismatch, c2.CodeTooLarge: c2.ErrTooLarge, c2.CodeDenied: c2.ErrDenied, c2.CodeInternal: c2.ErrInternal,
		c2.CodeUnsupported: c2.ErrUnsupported, c2.CodeInvalid: c2.ErrInvalid, c2.CodeCanceled: context.Canceled,
		c2.CodeDeadline: context.DeadlineExceeded,
	}
	for code := c2.Code(0); code < 100; code++ {
		err := fmt.Errorf("calling: %w", &c2.Error{Code: code})
		for of, sentinel := range sentinels {
			if errors.Is(err, sentinel) != (code == of) {
				t.Errorf("code %v is %v: %t", code, sentinel, code != of)
			}
		}
		var e *c2.Error
		if !errors.As(err, &e) || e.Code != code {
			t.Errorf("code %v arrives as %v", code, e)
		}
	}
}

// TestErrorUnwrapsToItsCause: what arose in this process can be looked into.
func TestErrorUnwrapsToItsCause(t *testing.T) {
	server, client := newNode(t), newNode(t)
	register[Failing](t, server, "failing", failing{})
	f := connect[Failing](t, client, "failing", c2.At(server.Address()))
	err := f.Encode(t.Context(), map[string]any{"lines": []any{make(chan int)}})
	wantError(t, err, c2.ErrInvalid, "failing.Encode", "argument 1", "chan int")
	var cause *codec.Error
	if !errors.As(err, &cause) || cause.Path != `["lines"][0]` {
		t.Errorf("the cause is %#v", cause)
	}
	var e *c2.Error
	if errors.As(err, &e) && e.MayHaveRun {
		t.Error("a call that could not be encoded is said to have been sent")
	}
}

// TestMayHaveRun: it is said of calls that were sent and not answered, and of no others.
func TestMayHaveRun(t *testing.T) {
	leaktest.Check(t)
	server, client := newNode(t), newNode(t)
	w := newWaiter()
	register[Waiter](t, server, "waiter", w)
	c := connect[Waiter](t, client, "waiter", c2.At(server.Address()))
	mayHaveRun := func(err error) bool {
		var e *c2.Error
		return errors.As(err, &e) && e.MayHaveRun
	}

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Wait(ended); !errors.Is(err, context.Canceled) || mayHaveRun(err) {
		t.Errorf("with a context that has ended: %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	end := make(chan error)
	go func() { end <- c.Wait(ctx) }()
	<-w.entered
	cancel()
	if err := <-end; !errors.Is(err, context.Canceled) || !mayHaveRun(err) {
		t.Errorf("canceled while it ran: %v", err)
	}

	shutdown(t, server)
	if err := c.Wait(t.Context()); !errors.Is(err, c2.ErrUnavailable) || mayHaveRun(err) {
		t.Errorf("with no server left: %v", err)
	}
}
