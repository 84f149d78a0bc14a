package c2_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/leaktest"
)

var update = flag.Bool("update", false, "write the files under testdata/contracts anew")

// The contracts that can't be.
type (
	noMethods      interface{}
	noContract     map[string]func() error
	pointer        *Counter
	noError        interface{ Add(a, b int) int }
	noResults      interface{ Log(line string) }
	errorNotLast   interface{ Parse(s string) (error, int) }
	unexported     interface{ reset() error }
	channel        interface{ Send(lines chan string) error }
	function       interface{ Each(f func(int) bool) error }
	functionResult interface{ Stop() (func(), error) }
	address        interface{ At(p uintptr) error }
	contextSecond  interface {
		Get(key string, ctx context.Context) error
	}
	contextTwice interface {
		Get(ctx, other context.Context) error
	}
	interfaceArg    interface{ Copy(from io.Reader) error }
	errorArg        interface{ Report(err error) error }
	channelInStruct interface{ Run(j job) error }
	severalFaults   interface {
		Add(a, b int) int
		Fine(ctx context.Context) error
		Send(lines chan string, done <-chan struct{}) ([]func(), error)
		reset() error
	}
	job struct {
		Name  string
		Steps []struct{ Done chan bool }
	}
)

// The structs of funcs that can't be.
type (
	emptyFuncs struct{}
	noFunc     struct{ Increment int }
	//lint:ignore U1000 what is wrong with the field is that nobody can set it
	hiddenFunc struct{ increment func() error }
	unknownTag struct {
		Increment func() error `c2:"reads"`
	}
	bothTags struct {
		Increment func() error `c2:"read,write"`
	}
	emptyName struct {
		Increment func() error `c2:"name="`
	}
	twinTypes struct {
		Increment func(by int) error
		Add       func(by int64) error `c2:"name=Increment"`
	}
	twinAccess struct {
		Value func() (int, error) `c2:"read"`
		Peek  func() (int, error) `c2:"write,name=Value"`
	}
	severalFields struct {
		Increment int
		Value     func() int
		Reset     func() error `c2:"fast"`
	}
	CounterFuncs struct {
		Increment func(ctx context.Context, by int) (int, error)
		Value     func(ctx context.Context) (int, error)
	}
)

// The values that don't do what Counter asks.
type (
	half    struct{}
	byValue struct{}
	other   struct{}
)

func (half) Value(context.Context) (int, error) { return 0, nil }

func (*byValue) Increment(context.Context, int) (int, error) { return 0, nil }
func (*byValue) Value(context.Context) (int, error)          { return 0, nil }
func (byValue) Reset(context.Context) (int, error)           { return 0, nil }

func (other) Increment(int) (int, error)               { return 0, nil }
func (other) Value(context.Context) (float64, error)   { return 0, nil }
func (other) Reset(context.Context) (n int, err error) { return 0, nil }

// The values whose tags contradict Counter or themselves.
type (
	tagUnknown struct {
		counter
		_ c2.Policy `read:"Value,Peek"`
	}
	halfTagged struct {
		half
		_ c2.Policy `read:"Value,Peek"`
	}
	tagBoth struct {
		counter
		_ c2.Policy `read:"Value,Reset" write:"Reset"`
	}
	tagEmpty struct {
		counter
		_ c2.Policy `read:"Value," write:",Reset"`
	}
	tagKeys struct {
		counter
		_ c2.Policy `write:"Reset" reads:"Value"`
	}
	tagTwice struct {
		counter
		_ c2.Policy `read:"Value,Value"`
	}
)

// The contracts with declarations that can't be.
type (
	badVersion   interface{ Value() (int, error) }
	noNamespace  interface{ Value() (int, error) }
	neither      interface{ Value() (int, error) }
	declaredBoth interface{ Value() (int, error) }
)

var (
	_ = c2.Contract[badVersion]("test.counter", "v1.0")
	_ = c2.Contract[noNamespace]("", "1.0.0")
	_ = c2.Contract[neither]("", "1")
	_ = c2.Contract[declaredBoth]("test.counter", "1.0.0")
	_ = c2.Contract[declaredBoth]("test.counter", "1.1.0")
)

// mistakes are what Register or Connect must refuse; the error of each stands in testdata/contracts.
var mistakes = map[string]func(*c2.Node) error{
	"no-methods":        contract[noMethods],
	"basic-type":        contract[int],
	"no-contract":       contract[noContract],
	"pointer":           contract[pointer],
	"no-error":          contract[noError],
	"no-results":        contract[noResults],
	"error-not-last":    contract[errorNotLast],
	"unexported-method": contract[unexported],
	"channel":           contract[channel],
	"func":              contract[function],
	"func-result":       contract[functionResult],
	"unsafe-pointer":    contract[unsafePointer],
	"uintptr":           contract[address],
	"context-second":    contract[contextSecond],
	"context-twice":     contract[contextTwice],
	"interface":         contract[interfaceArg],
	"error":             contract[errorArg],
	"channel-in-struct": contract[channelInStruct],
	"several-faults":    contract[severalFaults],
	"too-many-methods": func(n *c2.Node) error {
		if err := c2.Register[Many]("many", many{}, c2.On(n)); err != nil {
			return err
		}
		_, err := c2.Connect[Many](context.Background(), "many", c2.On(n))
		return err
	},

	"struct-empty":         contract[emptyFuncs],
	"struct-no-func":       contract[noFunc],
	"struct-unexported":    contract[hiddenFunc],
	"struct-unknown-tag":   contract[unknownTag],
	"struct-read-write":    contract[bothTags],
	"struct-empty-name":    contract[emptyName],
	"struct-twin-types":    contract[twinTypes],
	"struct-twin-access":   contract[twinAccess],
	"struct-several":       contract[severalFields],
	"struct-nil-func":      value[CounterFuncs](CounterFuncs{Value: (&counter{}).Value}),
	"struct-other-methods": value[CounterFuncs](other{}),

	"value-lacks-methods":    value[Counter](half{}),
	"value-needs-pointer":    value[Counter](byValue{}),
	"value-other-signatures": value[Counter](other{}),
	"value-nil":              value[Counter](nil),
	"value-nil-pointer":      value[Counter]((*counter)(nil)),
	"value-nil-interface":    func(n *c2.Node) error { return c2.Register[Counter]("counter", nil, c2.On(n)) },

	"policy-unknown-method": value[Counter](&tagUnknown{}),
	"policy-both":           value[Counter](&tagBoth{}),
	"policy-empty-name":     value[Counter](&tagEmpty{}),
	"policy-keys":           value[Counter](&tagKeys{}),
	"policy-twice":          value[Counter](&tagTwice{}),

	"concurrency":     value[Counter](&counter{}, c2.Concurrency(7)),
	"max-pending":     value[Counter](&counter{}, c2.MaxPending(-1)),
	"hold-input":      value[Counter](&counter{}, c2.HoldInput("Bump", "Value", "Add")),
	"hold-input-none": value[Counter](&counter{}, c2.HoldInput()),
	"resource-all-at-once": func(n *c2.Node) error {
		return c2.RegisterAs[Counter]("", &halfTagged{}, c2.On(n), c2.Concurrency(7), c2.HoldInput("Bump"), c2.HoldInput("Add"))
	},
	"options-all-at-once": func(n *c2.Node) error {
		return c2.Register[noError]("", nil, c2.On(n), c2.Concurrency(7), c2.MaxPending(-1))
	},

	"name-empty":   named(""),
	"name-long":    named(strings.Repeat("x", 256)),
	"name-control": named("a\nb"),
	"name-utf8":    named("a\xff"),
	"name-taken": func(n *c2.Node) error {
		return errors.Join(named("counter")(n), named("counter")(n))
	},
	"value-taken": func(n *c2.Node) error {
		c := &counter{}
		return errors.Join(c2.Register[Counter]("a", c, c2.On(n)), c2.Register[Counter]("b", c, c2.On(n)))
	},

	"declaration-version":   contract[badVersion],
	"declaration-namespace": contract[noNamespace],
	"declaration-both":      contract[neither],
	"declaration-twice":     contract[declaredBoth],
}

// contract gives the error that Register and Connect have for T; both, should they differ.
func contract[T any](n *c2.Node) error {
	registered := c2.RegisterAs[T]("x", nil, c2.On(n))
	_, connected := c2.Connect[T](context.Background(), "x", c2.On(n))
	if registered != nil && connected != nil && registered.Error() == connected.Error() {
		return registered
	}
	return errors.Join(registered, connected)
}

func value[T any](v any, opts ...c2.RegisterOption) func(*c2.Node) error {
	return func(n *c2.Node) error { return c2.RegisterAs[T]("counter", v, append(opts, c2.On(n))...) }
}

func named(name string) func(*c2.Node) error {
	return func(n *c2.Node) error { return c2.Register[Counter](name, &counter{}, c2.On(n)) }
}

func TestMistakes(t *testing.T) {
	for name, mistake := range mistakes {
		t.Run(name, func(t *testing.T) {
			leaktest.Check(t)
			err := mistake(newNode(t))
			wantError(t, err, c2.ErrInvalid)
			if err == nil {
				return
			}
			file := filepath.Join("testdata", "contracts", name+".txt")
			got := err.Error() + "\n"
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the error is\n%swant, by %s,\n%s", got, file, want)
			}
		})
	}
}

// TestMistakesAreAllTried: a file that no test reads says nothing.
func TestMistakesAreAllTried(t *testing.T) {
	files, err := filepath.Glob("testdata/contracts/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if mistakes[strings.TrimSuffix(filepath.Base(file), ".txt")] == nil {
			t.Errorf("%s belongs to no mistake; remove it", file)
		}
	}
}

// TestRefusedLeavesNothingBehind: a resource that was refused takes neither the name nor the value nor the address.
func TestRefusedLeavesNothingBehind(t *testing.T) {
	node := newNode(t)
	c := &counter{}
	if err := c2.Register[Counter]("counter", c, c2.On(node), c2.MaxPending(-1)); err == nil {
		t.Fatal("registered with an option that is wrong")
	}
	if err := c2.RegisterAs[CounterFuncs]("counter", other{}, c2.On(node)); err == nil {
		t.Fatal("registered a value that does not fit")
	}
	if list := node.Resources(); len(list) > 0 {
		t.Errorf("the node has %v", list)
	}
	if _, err := os.Stat(strings.TrimPrefix(node.Address(), "ipc://")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the node listens (%v)", err)
	}
	register[Counter](t, node, "counter", c)
}

// TestManyMethodsByStruct: the bound on methods is that of interfaces made at run time, not of contracts.
func TestManyMethodsByStruct(t *testing.T) {
	node := newNode(t)
	register[Many](t, node, "many", many{})
	f := connect[struct {
		M128 func() (int, error)
	}](t, node, "many")
	if n, err := f.M128(); err != nil || n != 128 {
		t.Errorf("M128: %d, %v", n, err)
	}
}

// TestMismatchesAreToldAllAtOnce: also those inside one type.
func TestMismatchesAreToldAllAtOnce(t *testing.T) {
	leaktest.Check(t)
	type place struct {
		Name string
		X, Y float64
	}
	type placeText struct {
		Name string
		X, Y string
	}
	node := newNode(t)
	if err := c2.RegisterAs[struct {
		Put func(p place) (place, error)
	}]("map", struct{ putter[place] }{}, c2.On(node)); err != nil {
		t.Fatal(err)
	}
	_, err := c2.Connect[interface {
		Put(p placeText) (placeText, error)
		Drop(name string) error
	}](t.Context(), "map", c2.On(node))
	wantError(t, err, c2.ErrMismatch,
		"Drop: the resource has no such method; it has Put",
		"\n\tPut: parameter 1: X: the client has string, the server has float64",
		"\n\tPut: parameter 1: Y: the client has string, the server has float64",
		"\n\tPut: result 1: X: the client has string, the server has float64",
		"\n\tPut: result 1: Y: the client has string, the server has float64")
}

// putter gives back what it gets.
type putter[T any] struct{}

func (putter[T]) Put(v T) (T, error) { return v, nil }

// TestTwinsAreToldOnce: two fields that stand for one method do not fit for one reason.
func TestTwinsAreToldOnce(t *testing.T) {
	leaktest.Check(t)
	node := newNode(t)
	register[Counter](t, node, "counter", &counter{})
	_, err := c2.Connect[struct {
		Reset  func(context.Context) (int, error) `c2:"read"`
		Zero   func(context.Context) (int, error) `c2:"read,name=Reset"`
		Double func(context.Context) error
		Twice  func(context.Context) error `c2:"name=Double"`
	}](t.Context(), "counter", c2.On(node))
	wantError(t, err, c2.ErrMismatch, "tagged read, but the resource's writes", "Double: the resource has no such method")
	if err != nil && strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("want two lines of faults: %v", err)
	}
}
