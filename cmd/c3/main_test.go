package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rs/zerolog"

	c2 "github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/cmd/c3/internal/reach"
	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"c3": main})
}

// Counter is what the sessions call.
type Counter interface {
	Increment(ctx context.Context, by int) (int, error)
	Value(ctx context.Context) (int, error)
	Fail(ctx context.Context, why string) error
	Panic(ctx context.Context) error
	Wait(ctx context.Context) error
}

type counter struct{ n int }

func (c *counter) Increment(_ context.Context, by int) (int, error) {
	c.n += by
	return c.n, nil
}

func (c *counter) Value(context.Context) (int, error)       { return c.n, nil }
func (c *counter) Fail(_ context.Context, why string) error { return errors.New(why) }
func (c *counter) Panic(context.Context) error              { panic("on purpose") }
func (c *counter) Wait(ctx context.Context) error           { <-ctx.Done(); return ctx.Err() }

// Point is a struct in a contract.
type Point struct{ X, Y float64 }

// Store has arguments and results of many kinds.
type Store interface {
	Put(ctx context.Context, name string, data []byte) (int, error)
	Get(ctx context.Context, name string) ([]byte, error)
	GetText(ctx context.Context, name string) (string, error)
	Echo(ctx context.Context, v any) (any, error)
	Move(ctx context.Context, p Point, by []float64) (Point, string, error)
	Join(ctx context.Context, parts ...string) (string, error)
	When(ctx context.Context, t time.Time) (time.Time, error)
	Nothing(ctx context.Context) error
}

type store struct{ data map[string][]byte }

func (s *store) Put(_ context.Context, name string, data []byte) (int, error) {
	s.data[name] = data
	return len(data), nil
}

func (s *store) Get(_ context.Context, name string) ([]byte, error) { return s.data[name], nil }
func (s *store) GetText(_ context.Context, name string) (string, error) {
	return string(s.data[name]), nil
}
func (s *store) Echo(_ context.Context, v any) (any, error) { return v, nil }
func (s *store) Nothing(context.Context) error              { return nil }

func (s *store) Move(_ context.Context, p Point, by []float64) (Point, string, error) {
	return Point{p.X + by[0], p.Y + by[1]}, "moved", nil
}

func (s *store) Join(_ context.Context, parts ...string) (text string, err error) {
	for _, p := range parts {
		text += "<" + p + ">"
	}
	return text, nil
}

func (s *store) When(_ context.Context, t time.Time) (time.Time, error) { return t.Add(time.Hour), nil }

// server is a node with resources.
func server(t testing.TB, dir string) *c2.Node {
	t.Helper()
	node, err := c2.NewNode(c2.Address("ipc://"+filepath.Join(dir, "n.sock")), c2.Logger(zerolog.Nop()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { node.Shutdown(context.Background()) })
	err = errors.Join(
		c2.Register[Counter]("counter", &counter{n: 100}, c2.On(node)),
		c2.Register[Store]("a store/of things", &store{map[string][]byte{}}, c2.On(node)),
	)
	if err != nil {
		t.Fatal(err)
	}
	return node
}

// TestSessions runs the files in testdata, each against a node and a relay of its own.
func TestSessions(t *testing.T) {
	leaktest.Check(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE") != "",
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"await": awaitURL, "retry": retry},
		Setup: func(env *testscript.Env) error {
			t := env.T().(testing.TB)
			dir, err := os.MkdirTemp("", "c3")
			if err != nil {
				return err
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			node := server(t, dir)
			env.Setenv("AT", node.Address())
			env.Setenv("RELAY", newFakeRelay(t, node, ""))
			env.Setenv("GUARDED", newFakeRelay(t, node, "sesame"))
			env.Setenv("SOCKETS", dir)
			for _, name := range []string{"FREE", "FREE2", "FREE3"} {
				env.Setenv(name, child.FreeAddress(t))
			}
			env.Setenv("GORACE", "atexit_sleep_ms=0") // each command would take a second longer under the race detector
			return nil
		},
	})
}

// TestInterrupted ends a call that would go on.
func TestInterrupted(t *testing.T) {
	leaktest.Check(t)
	node := server(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		await.Within(await.Limit, func() bool {
			s, err := node.Stats("counter")
			return err != nil || s.Running > 0
		})
		cancel()
	}()
	var out, errs strings.Builder
	code := run(ctx, streams{strings.NewReader(""), &out, &errs}, []string{"call", "--at", node.Address(), "counter", "Wait"})
	if code != exitInterrupted || !strings.HasPrefix(errs.String(), "c3: counter.Wait: canceled") {
		t.Errorf("exits with %d: %s%s", code, &out, &errs)
	}
}

// flaky is a place that answers two times out of three, until it stops the one who asks.
type flaky struct {
	reach.Place
	asked int
	stop  func()
}

func (f *flaky) String() string { return "nowhere" }

func (f *flaky) Ping(context.Context, string) error {
	if f.asked++; f.asked == 8 {
		f.stop()
	}
	if f.asked%3 == 0 {
		return errors.New("lost")
	}
	return nil
}

func TestPing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := pinger{place: &flaky{stop: cancel}, name: "x", count: 1000, where: &settings{}}
	if got, err := p.run(ctx); err != nil || got.Asked != 6 || got.Lost != 2 || got.Min <= 0 || got.Min > got.P50 || got.P50 > got.P99 || got.P99 > got.Max {
		t.Errorf("got %+v, %v", got, err)
	}
	p = pinger{place: &flaky{asked: 2}, name: "x", count: 1000, where: &settings{}}
	if got, err := p.run(t.Context()); err == nil {
		t.Errorf("lost from the beginning, and still %+v", got)
	}
	var few pings
	few.fill([]time.Duration{3 * time.Second, time.Second, 2 * time.Second})
	if few.Min != 1 || few.P50 != 2 || few.P90 != 3 || few.Max != 3 {
		t.Errorf("got %+v", few)
	}
}

// TestKinds pins which text of an argument is what.
func TestKinds(t *testing.T) {
	c := caller{}
	text, nullable := &codec.Schema{Kind: codec.KindText}, &codec.Schema{Kind: codec.KindText, Nullable: true}
	bytes, number, free := &codec.Schema{Kind: codec.KindBytes}, &codec.Schema{Kind: codec.KindInt}, &codec.Schema{Kind: codec.KindAny}
	for _, x := range []struct {
		s         *codec.Schema
		arg, want string
	}{
		{text, "a b", `"a b"`}, {text, `"a b"`, `"a b"`}, {text, "10", `"10"`}, {text, "null", `"null"`}, {nullable, "null", "null"}, {text, "", `""`},
		{bytes, "AQ==", `"AQ=="`}, {bytes, "[1, 2]", "[1, 2]"}, {bytes, "null", "null"},
		{number, " 10 ", "10"}, {free, "10", "10"}, {free, "ten", `"ten"`}, {free, `{"a":1}`, `{"a":1}`}, {free, `{"a"`, `"{\"a\""`},
	} {
		got, err := c.argument(x.s, x.arg)
		if err != nil || string(got) != x.want {
			t.Errorf("%q for %v is %s, %v; want %s", x.arg, x.s, got, err, x.want)
		}
	}
	for _, arg := range []string{"ten", "1,2", "", "1 2"} {
		if got, err := c.argument(number, arg); err == nil {
			t.Errorf("%q for a number is %s", arg, got)
		}
	}
}
