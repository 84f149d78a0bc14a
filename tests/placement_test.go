package tests

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/gossip"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/relay"
)

// placement is one of the places where a resource can be, as seen by a client.
type placement struct {
	*testing.T
	name    string
	client  *c2.Node
	opts    []c2.ConnectOption
	relayed bool
}

// placements are where the suite runs. Each place is the client's node and the address at which it finds the resources.
var placements = []struct {
	name  string
	place func(*testing.T) (client *c2.Node, address string)
}{
	{"process", func(t *testing.T) (*c2.Node, string) {
		node := newNode(t)
		if err := hostSuite(node); err != nil {
			t.Fatal(err)
		}
		return node, ""
	}},
	// Both ends in this process, where the race detector sees them.
	{"ipc", func(t *testing.T) (*c2.Node, string) { return hostNearby(t, c2.MemoryConfig{}) }},
	{"ipc without shared memory", func(t *testing.T) (*c2.Node, string) { return hostNearby(t, c2.MemoryConfig{Off: true}) }},
	{"ipc with all in shared memory", func(t *testing.T) (*c2.Node, string) {
		return hostNearby(t, c2.MemoryConfig{Inline: 1, Dedicated: 64 << 10, ConnBytes: 64 << 20, SpillBytes: -1})
	}},
	// By way of a relay: to the server's own address, through the relay, and through the relay of another host.
	{"relay", func(t *testing.T) (*c2.Node, string) { return hostByRelay(t, relay.Config{}, 1) }},
	{"relay over HTTP", func(t *testing.T) (*c2.Node, string) { return hostByRelay(t, relay.Config{NoDirect: true}, 1) }},
	{"mesh", func(t *testing.T) (*c2.Node, string) { return hostByRelay(t, relay.Config{}, 2) }},
	{"two processes", func(t *testing.T) (*c2.Node, string) {
		address := "ipc://" + t.TempDir() + "/suite.sock"
		child.Start(t, "suite", address)
		return newNode(t), address
	}},
}

// hostNearby serves the suite from one node of this process to another.
func hostNearby(t *testing.T, memory c2.MemoryConfig) (client *c2.Node, address string) {
	server := newNode(t, c2.SharedMemory(memory))
	if err := hostSuite(server); err != nil {
		t.Fatal(err)
	}
	return newNode(t, c2.SharedMemory(memory)), server.Address()
}

// hostByRelay serves the suite from one node of this process to another, by way of a mesh of so many relays: the server
// announces to the first, the client asks the last.
func hostByRelay(t *testing.T, config relay.Config, relays int) (client *c2.Node, address string) {
	var urls []string
	dir := t.TempDir()
	for i := range relays {
		c := config
		c.ID, c.SocketDirs = fmt.Sprintf("r%d", i), []string{dir}
		if relays > 1 {
			c.Mesh = &relay.MeshConfig{Seeds: slices.Clone(urls), Tuning: gossip.Tuning{LeaveTimeout: 100 * time.Millisecond, LeaveDelay: 10 * time.Millisecond}}
		}
		urls = append(urls, startRelay(t, c))
	}
	server := newNode(t, c2.Address("ipc://"+dir+"/suite.sock"), c2.RelayURL(urls[0]))
	if err := hostSuite(server); err != nil {
		t.Fatal(err)
	}
	client, address = newNode(t), urls[relays-1]
	await.True(t, "the last relay knows the suite", func() bool {
		for _, d := range server.Resources() {
			found, err := c2.ConnectDynamic(t.Context(), d.Name, c2.On(client), c2.Relay(address))
			if err != nil {
				return false
			}
			c2.Close(found)
		}
		return true
	})
	return client, address
}

// startRelay serves a relay that ends with the test, and returns its URL.
func startRelay(t testing.TB, config relay.Config) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config.URL = "http://" + ln.Addr().String()
	r, err := relay.New(config)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- r.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), await.Limit)
		defer cancel()
		if err := errors.Join(r.Shutdown(ctx), <-served); err != nil {
			t.Errorf("relay: %v", err)
		}
	})
	return config.URL
}

// newNode makes a node that ends with the test. It listens, if at all, in a directory of the test's.
func newNode(t testing.TB, opts ...c2.NodeOption) *c2.Node {
	t.Helper()
	base := []c2.NodeOption{
		c2.Address("ipc://" + t.TempDir() + "/node.sock"),
		c2.Logger(zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.Disabled)),
		c2.CallTimeout(5 * time.Second),
	}
	node, err := c2.NewNode(append(base, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), await.Limit)
		defer cancel()
		if err := node.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	return node
}

// everywhere runs a test in every placement.
func everywhere(t *testing.T, test func(p *placement)) {
	for _, pl := range placements {
		t.Run(pl.name, func(t *testing.T) {
			leaktest.Check(t)
			client, address := pl.place(t)
			test(&placement{
				T: t, name: pl.name, client: client, opts: []c2.ConnectOption{c2.On(client), c2.At(address)},
				relayed: strings.HasPrefix(address, "http"),
			})
		})
	}
}

func connectTo[T any](p *placement, name string) T {
	p.Helper()
	v, err := c2.Connect[T](p.Context(), name, p.opts...)
	if p.relayed && errors.Is(err, c2.ErrNotFound) { // what was registered just now is announced soon
		await.True(p, name+" is announced", func() bool {
			v, err = c2.Connect[T](p.Context(), name, p.opts...)
			return !errors.Is(err, c2.ErrNotFound)
		})
	}
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() {
		if err := c2.Close(v); err != nil {
			p.Errorf("Close: %v", err)
		}
	})
	return v
}

func TestValues(t *testing.T) {
	everywhere(t, func(p *placement) {
		l := connectTo[Lab](p, "lab")
		ctx := p.Context()

		want := sample()
		got, err := l.Everything(ctx, want)
		if err != nil {
			p.Fatal(err)
		}
		if !got.Time.Equal(want.Time) || got.Time.Format(time.RFC3339Nano) != want.Time.Format(time.RFC3339Nano) {
			p.Errorf("time %v came back as %v", want.Time, got.Time)
		}
		got.Time = want.Time // whose zone pointers differ
		if !reflect.DeepEqual(got, want) {
			p.Errorf("got  %+v\nwant %+v", got, want)
		}

		s, err := l.Kinds(ctx, true, -8, 65535, 1.5, 2.5, "ü", []byte{1}, '語', 1+2i)
		if want := "true -8 65535 1.5 2.5 ü [1] 35486 (1+2i)"; err != nil || s != want {
			p.Errorf("Kinds: %q, %v, want %q", s, err, want)
		}
		if s, err := l.Join(ctx, "-"); err != nil || s != "nil" {
			p.Errorf("Join of none: %q, %v", s, err)
		}
		if s, err := l.Join(ctx, "-", "a", "b", "c"); err != nil || s != "a-b-c" {
			p.Errorf("Join of three: %q, %v", s, err)
		}
		if s, err := l.Join(ctx, "-", []string{"x", "y"}...); err != nil || s != "x-y" {
			p.Errorf("Join of a slice: %q, %v", s, err)
		}
		if x, err := l.Sum(ctx, 1, 2, 3.5); err != nil || x != 6.5 {
			p.Errorf("Sum: %v, %v", x, err)
		}
		if err := l.Nothing(ctx); err != nil {
			p.Errorf("Nothing: %v", err)
		}
		if sum, product, err := l.Plain(6, 7); err != nil || sum != 13 || product != 42 {
			p.Errorf("Plain: %d, %d, %v", sum, product, err)
		}
		//lint:ignore SA1012 a nil context must not panic
		if err := l.Nothing(nil); err != nil { //nolint:staticcheck
			p.Errorf("with a nil context: %v", err)
		}
	})
}

func TestAny(t *testing.T) {
	everywhere(t, func(p *placement) {
		l := connectTo[Lab](p, "lab")
		for _, v := range []any{nil, true, int64(-5), "s", 1.5, []byte{1, 2}, []float64{1, 2}, []any{int64(1), "x"}, map[string]any{"a": int64(1)}} {
			got, err := l.Any(p.Context(), v)
			if err != nil || !reflect.DeepEqual(got, v) {
				p.Errorf("%T %v came back as %T %v (%v)", v, v, got, got, err)
			}
		}
	})
}

func TestLargeResults(t *testing.T) {
	everywhere(t, func(p *placement) {
		l := connectTo[Lab](p, "lab")
		for _, n := range []int{0, 1, 60 << 10, 70 << 10, 1 << 20, 9 << 20} {
			if b, err := l.Bytes(p.Context(), n); err != nil || len(b) != n {
				p.Errorf("%d bytes: got %d, %v", n, len(b), err)
			}
		}
	})
}

func TestErrors(t *testing.T) {
	everywhere(t, func(p *placement) {
		l := connectTo[Lab](p, "lab")
		ctx := p.Context()
		_, err := l.Fail(ctx, "out of paper")
		if err == nil || err.Error() != "out of paper" {
			p.Errorf("a plain error arrives as %v", err)
		}
		_, err = l.Fail(ctx, "overdrawn")
		if !errors.Is(err, ErrOverdrawn) || err.Error() != "can't pay 5: the account is overdrawn" {
			p.Errorf("a registered error arrives as %v (Is: %v)", err, errors.Is(err, ErrOverdrawn))
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, c2.ErrInternal) {
			p.Errorf("%v is what it was not", err)
		}
		_, err = l.Fail(ctx, "canceled")
		if !errors.Is(err, context.Canceled) {
			p.Errorf("context.Canceled arrives as %v", err)
		}
		_, err = l.Fail(ctx, "not found")
		if !errors.Is(err, c2.ErrNotFound) || err.Error() != "looking it up: c2: not found" {
			p.Errorf("c2.ErrNotFound of the resource's own arrives as %v", err)
		}
	})
}

func TestPanics(t *testing.T) {
	everywhere(t, func(p *placement) {
		l := connectTo[Lab](p, "lab")
		for range 3 {
			err := l.Panic(p.Context())
			var e *c2.Error
			if !errors.Is(err, c2.ErrInternal) || !errors.As(err, &e) || !strings.Contains(err.Error(), "the lab is on fire") {
				p.Fatalf("a panic arrives as %v", err)
			}
			if e.Resource != "lab" || e.Method != "Panic" || !e.MayHaveRun {
				p.Errorf("got %+v, want lab, Panic and that it may have run", e)
			}
		}
		if err := l.Nothing(p.Context()); err != nil {
			p.Errorf("after panics: %v", err)
		}
	})
}

func (p *placement) waiting(l Lab, n int) {
	p.Helper()
	await.True(p, fmt.Sprintf("%d calls are in the resource", n), func() bool {
		got, err := l.Waiting(p.Context())
		return err == nil && got == n
	})
}

func TestCancellation(t *testing.T) {
	everywhere(t, func(p *placement) {
		l := connectTo[Lab](p, "lab")
		ctx, cancel := context.WithCancel(p.Context())
		ends := make(chan error)
		go func() { ends <- l.Block(ctx) }()
		p.waiting(l, 1)
		cancel()
		if err := <-ends; !errors.Is(err, context.Canceled) {
			p.Errorf("the caller gets %v", err)
		}
		p.waiting(l, 0)
		if ends, err := l.Endings(p.Context()); err != nil || len(ends) != 1 || ends[0] != context.Canceled.Error() {
			p.Errorf("the resource saw %q (%v)", ends, err)
		}
		if err := l.Nothing(ctx); !errors.Is(err, context.Canceled) {
			p.Errorf("a call with an ended context: %v", err)
		}
	})
}

func TestDeadlines(t *testing.T) {
	everywhere(t, func(p *placement) {
		l := connectTo[Lab](p, "lab")
		ctx, cancel := context.WithTimeout(p.Context(), 30*time.Millisecond)
		defer cancel()
		if err := l.Block(ctx); !errors.Is(err, context.DeadlineExceeded) {
			p.Errorf("the caller gets %v", err)
		}
		p.waiting(l, 0)
		ctx, cancel = context.WithTimeout(p.Context(), time.Hour)
		defer cancel()
		if left, err := l.Deadline(ctx); err != nil || left < 50*time.Minute || left > time.Hour {
			p.Errorf("an hour arrives as %v (%v)", left, err)
		}
		if left, err := l.Deadline(context.WithoutCancel(p.Context())); err != nil || left != 0 {
			p.Errorf("no deadline arrives as %v (%v)", left, err)
		}
	})
}

func TestReadsRunBesideReadsAndWritesAlone(t *testing.T) {
	everywhere(t, func(p *placement) {
		l := connectTo[Lab](p, "lab")
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { l.GetSlow(p.Context()) })
		}
		p.waiting(l, 5)
		l.Open(p.Context(), true)
		wg.Wait()
		stop := make(chan struct{})
		opener := make(chan struct{})
		go func() {
			defer close(opener)
			// Open is a read: it has its turn between writes only.
			for {
				select {
				case <-stop:
					return
				default:
					l.Open(p.Context(), false)
				}
			}
		}()
		if err := l.Open(p.Context(), false); err != nil {
			p.Fatal(err)
		}
		for range 4 {
			wg.Go(func() {
				for range 20 {
					l.SetSlow(p.Context())
					l.GetSlow(p.Context())
				}
			})
		}
		wg.Wait()
		close(stop)
		<-opener
		reads, overlaps, err := l.Overlap(p.Context())
		if err != nil || reads < 5 {
			p.Errorf("%d reads ran beside each other, want 5 (%v)", reads, err)
		}
		if overlaps > 0 {
			p.Errorf("a write ran beside another call %d times", overlaps)
		}
	})
}

func TestBusy(t *testing.T) {
	everywhere(t, func(p *placement) {
		c := connectTo[Control](p, "control")
		if err := c.NewLab(p.Context(), "narrow", true, 2); err != nil {
			p.Fatal(err)
		}
		l := connectTo[Lab](p, "narrow")
		ctx, cancel := context.WithCancel(p.Context())
		ends := make(chan error)
		for range 10 { // one runs, two wait
			go func() { ends <- l.Block(ctx) }()
		}
		for range 7 {
			err := <-ends
			var e *c2.Error
			if !errors.Is(err, c2.ErrBusy) || !errors.As(err, &e) || e.MayHaveRun || e.Resource != "narrow" || e.Method != "Block" {
				p.Errorf("a call too many ends with %v", err)
			}
		}
		cancel()
		for range 3 {
			if err := <-ends; !errors.Is(err, context.Canceled) {
				p.Errorf("a waiting call ends with %v", err)
			}
		}
		await.True(p, "calls are let in again", func() bool { return l.Nothing(p.Context()) == nil })
	})
}

func TestClosedProxy(t *testing.T) {
	everywhere(t, func(p *placement) {
		l := connectTo[Lab](p, "lab")
		for range 2 {
			if err := c2.Close(l); err != nil {
				p.Errorf("Close: %v", err)
			}
		}
		if err := l.Nothing(p.Context()); !errors.Is(err, c2.ErrClosed) {
			p.Errorf("a call on a closed proxy: %v", err)
		}
		if err := connectTo[Lab](p, "lab").Nothing(p.Context()); err != nil {
			p.Errorf("another proxy: %v", err)
		}
	})
}

// Narrow has few of Lab's methods, with types of its own.
type Narrow interface {
	Everything(ctx context.Context, v Part) (Part, error)
	Join(sep string, parts ...string) (string, error)
}

// Part has some of the fields of Everything, and one more.
type Part struct {
	Duration int64
	Floats   []float64
	Tree     *Branch
	Mine     string
}

type Branch struct {
	Value int8
	Nodes []Branch
}

func TestNarrowContractWithOwnTypes(t *testing.T) {
	everywhere(t, func(p *placement) {
		n := connectTo[Narrow](p, "lab")
		want := Part{Duration: 5, Floats: []float64{1, 2}, Tree: &Branch{1, []Branch{{2, nil}}}}
		given := want
		given.Mine = "only I have this field"
		got, err := n.Everything(p.Context(), given)
		if err != nil || !reflect.DeepEqual(got, want) {
			p.Errorf("got %+v, %v, want %+v", got, err, want)
		}
		if s, err := n.Join("+", "a", "b"); err != nil || s != "a+b" {
			p.Errorf("a method without its context: %q, %v", s, err)
		}
	})
}

// The contracts that do not fit a Lab.
type (
	missing interface {
		Fly(ctx context.Context) error
	}
	arity    interface{ Plain(a int) (int, int, error) }
	results  interface{ Plain(a, b int) (int, error) }
	argument interface {
		Everything(ctx context.Context, v struct{ Slice []struct{ X string } }) (Everything, error)
	}
	variadic interface {
		Sum(ctx context.Context, xs []float64) (float64, error)
	}
	many interface {
		Fly(ctx context.Context) error
		Plain(a string, b int) (int, int, error)
	}
)

func TestMismatch(t *testing.T) {
	everywhere(t, func(p *placement) {
		check := func(err error, says ...string) {
			p.Helper()
			if !errors.Is(err, c2.ErrMismatch) {
				p.Errorf("got %v, want ErrMismatch", err)
				return
			}
			for _, s := range says {
				if !strings.Contains(err.Error(), s) {
					p.Errorf("%q is not in the error: %v", s, err)
				}
			}
		}
		_, err := c2.Connect[missing](p.Context(), "lab", p.opts...)
		check(err, "Fly", "no such method", "Nothing")
		_, err = c2.Connect[arity](p.Context(), "lab", p.opts...)
		check(err, "Plain(int) (int, int, error)", "parameters: have 1", "has 2")
		_, err = c2.Connect[results](p.Context(), "lab", p.opts...)
		check(err, "results: have 1", "has 2")
		_, err = c2.Connect[argument](p.Context(), "lab", p.opts...)
		check(err, "Everything", "parameter 1", "Slice[].X", "string", "float64")
		_, err = c2.Connect[variadic](p.Context(), "lab", p.opts...)
		check(err, "variadic")
		_, err = c2.Connect[many](p.Context(), "lab", p.opts...)
		check(err, "Fly", "Plain", "parameter 1")
	})
}

func TestNotFound(t *testing.T) {
	everywhere(t, func(p *placement) {
		_, err := c2.Connect[Lab](p.Context(), "attic", p.opts...)
		var e *c2.Error
		if !errors.Is(err, c2.ErrNotFound) || !errors.As(err, &e) || e.Resource != "attic" {
			p.Errorf("got %v", err)
		}
		if _, err := c2.ConnectDynamic(p.Context(), "attic", p.opts...); !errors.Is(err, c2.ErrNotFound) {
			p.Errorf("dynamic: got %v", err)
		}
	})
}

// LabFuncs is Lab as a struct of funcs.
type LabFuncs struct {
	Join  func(ctx context.Context, sep string, parts ...string) (string, error) `c2:"read"`
	Add   func(a, b int) (int, int, error)                                       `c2:"name=Plain"`
	Sad   func(ctx context.Context, how string) (int, error)                     `c2:"read,name=Fail"`
	Again func(ctx context.Context, how string) (int, error)                     `c2:"read,name=Fail"`
}

func TestStructOfFuncs(t *testing.T) {
	everywhere(t, func(p *placement) {
		l := connectTo[LabFuncs](p, "lab")
		if s, err := l.Join(p.Context(), "/", "a", "b"); err != nil || s != "a/b" {
			p.Errorf("Join: %q, %v", s, err)
		}
		if sum, product, err := l.Add(2, 3); err != nil || sum != 5 || product != 6 {
			p.Errorf("Add: %d, %d, %v", sum, product, err)
		}
		if _, err := l.Again(p.Context(), "overdrawn"); !errors.Is(err, ErrOverdrawn) {
			p.Errorf("Again: %v", err)
		}
		other := connectTo[LabFuncs](p, "lab")
		copied := l
		if err := c2.Close(copied); err != nil {
			p.Errorf("Close of a copy: %v", err)
		}
		if _, _, err := l.Add(1, 1); !errors.Is(err, c2.ErrClosed) {
			p.Errorf("after Close: %v", err)
		}
		if _, _, err := other.Add(1, 1); err != nil {
			p.Errorf("another struct of the same type: %v", err)
		}
	})
}

func TestInterfaceProxyIsAValueLikeAnyOther(t *testing.T) {
	everywhere(t, func(p *placement) {
		a, b := connectTo[Lab](p, "lab"), connectTo[Lab](p, "lab")
		if a == b || a != Lab(a) {
			p.Error("proxies are not told apart by ==")
		}
		names := map[Lab]string{a: "a", b: "b"}
		if names[a] != "a" || names[b] != "b" {
			p.Errorf("as map keys: %v", names)
		}
		small, ok := any(a).(interface {
			Nothing(ctx context.Context) error
		})
		if !ok {
			p.Fatal("a proxy does not convert to a smaller interface")
		}
		if err := small.Nothing(p.Context()); err != nil {
			p.Error(err)
		}
		nothing := a.Nothing
		if err := nothing(p.Context()); err != nil {
			p.Error(err)
		}
		out := reflect.ValueOf(a).MethodByName("Plain").Call([]reflect.Value{reflect.ValueOf(3), reflect.ValueOf(4)})
		if out[0].Int() != 7 || out[1].Int() != 12 {
			p.Errorf("by reflection: %v", out)
		}
	})
}

func TestDynamic(t *testing.T) {
	everywhere(t, func(p *placement) {
		d, err := c2.ConnectDynamic(p.Context(), "lab", p.opts...)
		if err != nil {
			p.Fatal(err)
		}
		defer d.Close()
		desc := d.Descriptor()
		if desc.Name != "lab" || desc.Namespace != "tests.lab" || desc.Version != "1.2.0" || desc.Concurrency != "read-parallel" {
			p.Errorf("descriptor %+v", desc)
		}
		signatures := map[string]string{}
		for _, m := range desc.Methods {
			signatures[m.String()] = m.Access
		}
		for signature, access := range map[string]string{
			"Plain(int, int) (int, int, error)":       "read",
			"Join(string, ...string) (string, error)": "read",
			"Panic() error":          "write",
			"GetSlow() (int, error)": "read",
			"SetSlow() (int, error)": "write",
		} {
			if got, ok := signatures[signature]; !ok || got != access {
				p.Errorf("%s: access %q (%v), want %q; there are %v", signature, got, ok, access, signatures)
			}
		}
		calls := []struct {
			method string
			args   []any
			want   []any
		}{
			{"Plain", []any{6, 7.0}, []any{int64(13), int64(42)}},
			{"Join", []any{"-"}, []any{""}},
			{"Join", []any{"-", "a", "b"}, []any{"a-b"}},
			{"Sum", []any{1, 2.5}, []any{3.5}},
			{"Nothing", nil, []any{}},
			{"Any", []any{map[string]any{"x": "y"}}, []any{map[string]any{"x": "y"}}},
		}
		for _, c := range calls {
			if got, err := d.Call(p.Context(), c.method, c.args...); err != nil || !reflect.DeepEqual(got, c.want) {
				p.Errorf("%s(%v): %v, %v, want %v", c.method, c.args, got, err, c.want)
			}
		}
		got, err := d.Call(p.Context(), "Everything", map[string]any{"Floats": []any{1, 2.5}, "Pointer": map[string]any{"X": 1}})
		if err != nil {
			p.Fatal(err)
		}
		m := got[0].(map[string]any)
		if !reflect.DeepEqual(m["Floats"], []float64{1, 2.5}) || !reflect.DeepEqual(m["Pointer"], map[string]any{"X": 1.0, "Y": 0.0}) {
			p.Errorf("Everything: %v", m)
		}
		for method, args := range map[string][]any{"Plain": {1}, "Join": {}, "Sum": {"x"}} {
			if _, err := d.Call(p.Context(), method, args...); !errors.Is(err, c2.ErrInvalid) {
				p.Errorf("%s(%v): %v, want ErrInvalid", method, args, err)
			}
		}
		if _, err := d.Call(p.Context(), "Fly"); !errors.Is(err, c2.ErrNotFound) || !strings.Contains(err.Error(), "Plain") {
			p.Errorf("an unknown method: %v", err)
		}
		if _, err := d.Call(p.Context(), "Fail", "overdrawn"); !errors.Is(err, ErrOverdrawn) {
			p.Errorf("a registered error: %v", err)
		}
		c2.Close(d)
		if _, err := d.Call(p.Context(), "Nothing"); !errors.Is(err, c2.ErrClosed) {
			p.Errorf("after Close: %v", err)
		}
	})
}

func TestList(t *testing.T) {
	everywhere(t, func(p *placement) {
		list, err := c2.List(p.Context(), p.opts...)
		if err != nil {
			p.Fatal(err)
		}
		var names []string
		for _, d := range list {
			names = append(names, d.Name)
		}
		if !reflect.DeepEqual(names, []string{"control", "lab", "store"}) {
			p.Errorf("got %v", names)
		}
	})
}

// nothing calls l.Nothing. A relay may need a moment to hear of what was registered just now.
func (p *placement) nothing(l Lab) (err error) {
	p.Helper()
	await.True(p, "it is announced", func() bool {
		err = l.Nothing(p.Context())
		return !p.relayed || !errors.Is(err, c2.ErrNotFound)
	})
	return err
}

// TestComingsAndGoings: clients that are connected see what is registered and withdrawn later.
func TestComingsAndGoings(t *testing.T) {
	everywhere(t, func(p *placement) {
		ctx := p.Context()
		c := connectTo[Control](p, "control")
		if _, err := c2.Connect[Lab](ctx, "late", p.opts...); !errors.Is(err, c2.ErrNotFound) {
			p.Fatalf("before it is registered: %v", err)
		}
		must := func(err error) {
			p.Helper()
			if err != nil {
				p.Fatal(err)
			}
		}
		must(c.NewLab(ctx, "late", false, 0))
		l := connectTo[Lab](p, "late")
		must(l.Nothing(ctx))
		must(c.Unregister(ctx, "late"))
		if err := l.Nothing(ctx); !errors.Is(err, c2.ErrNotFound) {
			p.Errorf("after it was withdrawn: %v", err)
		}
		must(c.NewLab(ctx, "late", false, 0))
		if err := p.nothing(l); err != nil {
			p.Errorf("after it came back: %v", err)
		}
		must(c.Unregister(ctx, "late"))
		must(c.NewWallet(ctx, "late"))
		if err := p.nothing(l); !errors.Is(err, c2.ErrMismatch) {
			p.Errorf("after something else took its name: %v", err)
		}
		w := connectTo[Wallet](p, "late")
		if n, err := w.Pay(ctx, 5); err != nil || n != 5 {
			p.Errorf("the new resource: %d, %v", n, err)
		}
		must(c.Unregister(ctx, "late"))
		if n, err := c.Shutdowns(ctx); err != nil || n != 1 {
			p.Errorf("Shutdown was called %d times (%v), want once", n, err)
		}
		if err := c.Unregister(ctx, "late"); !errors.Is(err, c2.ErrNotFound) {
			p.Errorf("withdrawing what is not there: %v", err)
		}
	})
}

func TestManyCallers(t *testing.T) {
	everywhere(t, func(p *placement) {
		l := connectTo[Lab](p, "lab")
		var wg sync.WaitGroup
		for g := range 50 {
			wg.Go(func() {
				for i := range 20 {
					if sum, _, err := l.Plain(g, i); err != nil || sum != g+i {
						p.Errorf("Plain(%d, %d): %d, %v", g, i, sum, err)
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestValuesThatCannotBeSent(t *testing.T) {
	everywhere(t, func(p *placement) {
		if p.name == "process" {
			p.Skip("values are passed as they are there; see TestSharedInProcess")
		}
		l := connectTo[Lab](p, "lab")
		loop := &Tree{Value: 1}
		loop.Nodes = []*Tree{loop}
		_, err := l.Everything(p.Context(), Everything{Tree: loop})
		if !errors.Is(err, c2.ErrInvalid) || !strings.Contains(err.Error(), "argument 1") {
			p.Errorf("a cyclic argument: %v", err)
		}
		if _, err := l.Any(p.Context(), make(chan int)); !errors.Is(err, c2.ErrInvalid) {
			p.Errorf("a channel in an any: %v", err)
		}
	})
}

// TestResultsThatCannotBeSent: the call ran, and the caller is told that it may have.
func TestResultsThatCannotBeSent(t *testing.T) {
	leaktest.Check(t)
	server := newNode(t)
	if err := hostSuite(server); err != nil {
		t.Fatal(err)
	}
	l, err := c2.Connect[Lab](t.Context(), "lab", c2.On(newNode(t, c2.MaxPayload(64<<10))), c2.At(server.Address()))
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Bytes(t.Context(), 70_000)
	var e *c2.Error
	if !errors.Is(err, c2.ErrTooLarge) || !errors.As(err, &e) || !e.MayHaveRun {
		t.Errorf("a result beyond MaxPayload: %v", err)
	}
	if b, err := l.Bytes(t.Context(), 60_000); err != nil || len(b) != 60_000 {
		t.Errorf("one below: %d bytes, %v", len(b), err)
	}
}

// TestSharedInProcess pins what is different in the resource's own process: nothing is copied.
func TestSharedInProcess(t *testing.T) {
	node := newNode(t)
	if err := hostSuite(node); err != nil {
		t.Fatal(err)
	}
	l, err := c2.Connect[Lab](t.Context(), "lab", c2.On(node))
	if err != nil {
		t.Fatal(err)
	}
	in := Everything{Floats: []float64{1}, Pointer: &Point{1, 1}}
	out, err := l.Everything(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if &out.Floats[0] != &in.Floats[0] || out.Pointer != in.Pointer {
		t.Error("values were copied on a call in process")
	}
	n, err := l.Fail(t.Context(), "overdrawn")
	var e *c2.Error
	if n != 7 || errors.As(err, &e) {
		t.Errorf("got %d, %T: a result beside an error, and the error itself, are passed as they are", n, err)
	}
}

// Impatient has a method of Lab's without its context.
type Impatient interface {
	Block() error
}

func TestCallTimeout(t *testing.T) {
	leaktest.Check(t)
	node := newNode(t, c2.CallTimeout(30*time.Millisecond))
	if err := hostSuite(node); err != nil {
		t.Fatal(err)
	}
	other := newNode(t, c2.CallTimeout(30*time.Millisecond))
	for name, opts := range map[string][]c2.ConnectOption{
		"process": {c2.On(node)},
		"ipc":     {c2.On(other), c2.At(node.Address())},
	} {
		i, err := c2.Connect[Impatient](t.Context(), "lab", opts...)
		if err != nil {
			t.Fatal(err)
		}
		if err := i.Block(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: a method without a context ends with %v", name, err)
		}
		d, err := c2.ConnectDynamic(t.Context(), "lab", opts...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Call(context.Background(), "Block"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: a dynamic call without a deadline ends with %v", name, err)
		}
		if err := errors.Join(c2.Close(i), c2.Close(d)); err != nil {
			t.Error(err)
		}
	}
}
