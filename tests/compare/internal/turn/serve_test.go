package turn_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ctwo-go/c2/tests/compare/internal/turn"
)

// take asks for one turn.
func take(t *testing.T, req turn.Request, call turn.Call) turn.Answer {
	t.Helper()
	text, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	prepare := func(got turn.Request) (turn.Call, error) {
		if got != req {
			t.Errorf("the request arrived as %+v, want %+v", got, req)
		}
		return call, nil
	}
	if err := turn.Serve(strings.NewReader(string(text)+"\n"), &out, prepare); err != nil {
		t.Fatal(err)
	}
	var a turn.Answer
	if err := json.Unmarshal([]byte(out.String()), &a); err != nil {
		t.Fatalf("%v in %q", err, out.String())
	}
	return a
}

func TestOneCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		a := take(t, turn.Request{Warm: 3, Calls: 5, Span: time.Hour, Pause: time.Second, Callers: 1}, func(context.Context) (float64, error) {
			calls++
			time.Sleep(time.Duration(calls) * time.Millisecond) // of the bubble's clock: this is what is measured
			return 42, nil
		})
		if calls != 8 || a.Calls != 5 || len(a.Took) != 5 || a.Sum != 42 || a.Error != "" {
			t.Fatalf("%d calls came to %+v, want 3 and 5 of sum 42", calls, a)
		}
		for i, took := range a.Took {
			if want := time.Duration(4+i) * time.Millisecond; took != want {
				t.Errorf("call %d took %v, want %v: warm calls and pauses do not count", i, took, want)
			}
		}
	})
}

func TestSpanEndsATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := take(t, turn.Request{Calls: 100, Span: 25 * time.Millisecond, Callers: 1}, func(context.Context) (float64, error) {
			time.Sleep(10 * time.Millisecond)
			return 0, nil
		})
		if a.Calls != 3 || a.Elapsed != 30*time.Millisecond {
			t.Errorf("%d calls in %v, want 3 in 30 ms", a.Calls, a.Elapsed)
		}
	})
}

func TestManyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		a := take(t, turn.Request{Calls: 1, Span: 95 * time.Millisecond, Callers: 4}, func(context.Context) (float64, error) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer now.Add(-1)
			time.Sleep(10 * time.Millisecond)
			return 0, nil
		})
		if a.Calls != 40 || a.Elapsed != 100*time.Millisecond || a.Took != nil {
			t.Errorf("got %+v, want 40 calls in 100 ms and no times", a)
		}
		if most.Load() != 4 {
			t.Errorf("%d called at once, want 4", most.Load())
		}
	})
}

func TestFailures(t *testing.T) {
	fault := errors.New("it broke")
	fail := func(context.Context) (float64, error) { return 0, fault }
	sums := 0.0
	for name, tt := range map[string]struct {
		req  turn.Request
		call turn.Call
		says string
	}{
		"warm":         {turn.Request{Warm: 1, Span: time.Hour}, fail, fault.Error()},
		"one caller":   {turn.Request{Calls: 1, Span: time.Hour, Callers: 1}, fail, fault.Error()},
		"many callers": {turn.Request{Span: time.Hour, Callers: 3}, fail, fault.Error()},
		"another sum": {turn.Request{Calls: 2, Span: time.Hour, Callers: 1}, func(context.Context) (float64, error) {
			sums++
			return sums, nil
		}, "one call gave the sum 1, the next 2"},
	} {
		t.Run(name, func(t *testing.T) {
			if a := take(t, tt.req, tt.call); a.Error != tt.says {
				t.Errorf("the turn says %q, want %q", a.Error, tt.says)
			}
		})
	}
}

func TestServeGoesOnAfterAFailure(t *testing.T) {
	var out strings.Builder
	prepare := func(req turn.Request) (turn.Call, error) {
		if req.Way == "" {
			return nil, errors.New("no way")
		}
		return func(context.Context) (float64, error) { return 7, nil }, nil
	}
	in := `{"calls":1,"callers":1}` + "\n" + `{"way":"w","calls":1,"callers":1}` + "\n"
	if err := turn.Serve(strings.NewReader(in), &out, prepare); err != nil {
		t.Fatal(err)
	}
	first, second, _ := strings.Cut(out.String(), "\n")
	if !strings.Contains(first, `"error":"no way"`) || !strings.Contains(second, `"sum":7`) {
		t.Errorf("got %q and %q, want an error and then a sum", first, second)
	}
}

func TestServeRefusesWhatIsNoRequest(t *testing.T) {
	if err := turn.Serve(strings.NewReader("rest\n"), new(strings.Builder), nil); err == nil {
		t.Error("a line that is no JSON was taken for a request")
	}
}

func TestIsLarge(t *testing.T) {
	for _, tt := range []struct {
		req  turn.Request
		want bool
	}{
		{turn.Request{Work: turn.Echo, Size: 16 << 20}, false},
		{turn.Request{Work: turn.Echo, Size: 64 << 20}, true},
		{turn.Request{Work: turn.Table, Size: 1_000_000}, false},
		{turn.Request{Work: turn.Table, Size: 3_000_000}, true},
	} {
		if got := turn.IsLarge(tt.req); got != tt.want {
			t.Errorf("%s of %d: large is %t, want %t", tt.req.Work, tt.req.Size, got, tt.want)
		}
	}
}
