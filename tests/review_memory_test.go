package tests

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// Vault is the contract of what is kept, lent and passed on beyond one call.
type Vault interface {
	// KeepNumber asks to keep an argument that lies in nobody's memory.
	KeepNumber(ctx context.Context, n int) error
	// Sum adds its argument up.
	Sum(ctx context.Context, x []float64) (float64, error)
	// Gather asks Source, in its own process, for n numbers, keeps them, and returns their sum.
	Gather(ctx context.Context, n int) (float64, error)
	// Gathered is the sum of what Gather keeps.
	Gathered(ctx context.Context) (float64, error)
	// Fresh returns memory that Alloc gave, with the given value in it.
	Fresh(ctx context.Context, n int, value float64) ([]float64, error)
	// Work fills memory that Alloc gave, tells that it did, and sums it up when it may go on.
	Work(ctx context.Context, n int) error
	// Burst passes through a type whose codec panics.
	Burst(ctx context.Context, f Fuse) (Fuse, error)
}

// Source is a resource that another one calls in its own process.
type Source interface {
	Numbers(ctx context.Context, n int) ([]float64, error)
}

// Fuse is a transferable that panics where it says so.
type Fuse struct {
	Where string
	Bytes []byte
}

var _ = codec.Register(codec.Transferable[Fuse]{
	Name: "tests.fuse",
	Size: func(f Fuse) int { return len(f.Bytes) + 1 },
	Append: func(dst []byte, f Fuse) ([]byte, error) {
		if f.Where == "append" {
			panic("fuse")
		}
		return append(append(dst, f.Where[:1]...), f.Bytes...), nil
	},
	Decode: func(src []byte) (Fuse, error) {
		switch src[0] {
		case 'd':
			panic("fuse")
		case 'r':
			return Fuse{Where: "append", Bytes: slices.Clone(src[1:])}, nil
		}
		return Fuse{Where: string(src[:1]), Bytes: slices.Clone(src[1:])}, nil
	},
})

type source struct {
	_ c2.Policy `read:"Numbers"`
}

func (source) Numbers(ctx context.Context, n int) ([]float64, error) {
	x := c2.Alloc[float64](ctx, n)
	fill(x, 1)
	return x, nil
}

type vault struct {
	_        c2.Policy `read:"Sum,Fresh,Gathered,KeepNumber,Burst,Work"`
	source   Source
	gathered []float64
	working  chan struct{}
	goOn     chan struct{}
	worked   chan float64
}

func (v *vault) KeepNumber(ctx context.Context, _ int) error {
	c2.KeepInput(ctx).Release()
	return nil
}

func (v *vault) Sum(_ context.Context, x []float64) (float64, error) { return sum(x), nil }

func (v *vault) Gather(ctx context.Context, n int) (_ float64, err error) {
	v.gathered, err = v.source.Numbers(ctx, n)
	return sum(v.gathered), err
}

func (v *vault) Gathered(context.Context) (float64, error) { return sum(v.gathered), nil }

func (v *vault) Fresh(ctx context.Context, n int, value float64) ([]float64, error) {
	x := c2.Alloc[float64](ctx, n)
	for i := range x {
		x[i] = value
	}
	return x, nil
}

func (v *vault) Work(ctx context.Context, n int) error {
	x := c2.Alloc[float64](ctx, n)
	fill(x, 1)
	close(v.working)
	<-ctx.Done()
	<-v.goOn
	v.worked <- sum(x)
	return nil
}

func (v *vault) Burst(_ context.Context, f Fuse) (Fuse, error) { return f, nil }

// vaults is a server with a Vault, and a client's connection to it.
type vaults struct {
	vault  *vault
	server *c2.Node
	client *c2.Node
	conn   Vault
}

func newVaults(t *testing.T, memory c2.MemoryConfig) *vaults {
	t.Helper()
	quiet := c2.Logger(zerolog.New(io.Discard))
	v := &vaults{
		vault:  &vault{working: make(chan struct{}), goOn: make(chan struct{}), worked: make(chan float64, 1)},
		client: newNode(t, c2.SharedMemory(memory), quiet),
	}
	v.server = v.serve(t, "ipc://"+t.TempDir()+"/vault.sock", memory)
	var err error
	if v.conn, err = c2.Connect[Vault](t.Context(), "vault", c2.On(v.client), c2.At(v.server.Address())); err != nil {
		t.Fatal(err)
	}
	return v
}

// serve makes a node with the vault at an address.
func (v *vaults) serve(t *testing.T, address string, memory c2.MemoryConfig) *c2.Node {
	t.Helper()
	node := newNode(t, c2.SharedMemory(memory), c2.Address(address))
	if err := c2.Register[Source]("source", source{}, c2.On(node)); err != nil {
		t.Fatal(err)
	}
	var err error
	if v.vault.source, err = c2.Connect[Source](t.Context(), "source", c2.On(node)); err != nil {
		t.Fatal(err)
	}
	if err := c2.Register[Vault]("vault", v.vault, c2.On(node), c2.HoldInput("KeepNumber")); err != nil {
		t.Fatal(err)
	}
	return node
}

// TestKeepNothing has a method keep arguments that were released when they had been read: the payload they came in is
// another call's by then.
func TestKeepNothing(t *testing.T) {
	v := newVaults(t, c2.MemoryConfig{})
	done := make(chan error)
	for range 4 {
		go func() {
			var err error
			for i := 0; i < 500 && err == nil; i++ {
				err = v.conn.KeepNumber(t.Context(), i)
			}
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestLoanOutlivesConnection keeps a loan while the connection it was made for ends and another takes its place.
func TestLoanOutlivesConnection(t *testing.T) {
	v := newVaults(t, c2.MemoryConfig{})
	ctx, loan, err := c2.Lend(t.Context(), v.conn)
	if err != nil {
		t.Fatal(err)
	}
	x := c2.Alloc[float64](ctx, 50_000)
	fill(x, 1)
	want := sum(x)
	if err := v.server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.serve(t, v.server.Address(), c2.MemoryConfig{})
	got, err := v.conn.Sum(ctx, x)
	for errors.Is(err, c2.ErrUnavailable) && t.Context().Err() == nil {
		got, err = v.conn.Sum(ctx, x)
	}
	if err != nil || got != want {
		t.Errorf("over the new connection the sum of what was lent is %v, want %v (%v)", got, want, err)
	}
	if now := sum(x); now != want {
		t.Errorf("the caller's own memory has the sum %v, want %v", now, want)
	}
	loan.Release()
	if err := c2.Close(v.conn); err != nil {
		t.Fatal(err)
	}
	await.True(t, "the memory is the system's again", func() bool { return v.client.MemoryStats().Bytes == 0 })
}

// TestForgottenLoan forgets a loan: what it keeps goes with its connection.
func TestForgottenLoan(t *testing.T) {
	v := newVaults(t, c2.MemoryConfig{})
	func() {
		ctx, _, err := c2.Lend(t.Context(), v.conn)
		if err != nil {
			t.Fatal(err)
		}
		c2.Alloc[float64](ctx, 50_000)[0] = 1
	}()
	if err := c2.Close(v.conn); err != nil {
		t.Fatal(err)
	}
	await.True(t, "the memory is the system's again", func() bool {
		runtime.GC()
		return v.client.MemoryStats().Bytes == 0
	})
}

// TestForgottenLoanStays forgets a loan, but not what lies in it: that goes on to be nobody else's.
func TestForgottenLoanStays(t *testing.T) {
	leaktest.Check(t)
	v := newVaults(t, c2.MemoryConfig{})
	const n = 200_000 // past what a connection keeps from being used again at once
	garbage := make(chan struct{})
	x := func() []float64 {
		ctx, loan, err := c2.Lend(t.Context(), v.conn)
		if err != nil {
			t.Fatal(err)
		}
		runtime.AddCleanup(loan, func(c chan struct{}) { close(c) }, garbage)
		return c2.Alloc[float64](ctx, n)
	}()
	fill(x, 1)
	want := sum(x)
	await.True(t, "the loan is garbage", func() bool {
		runtime.GC()
		select {
		case <-garbage:
			return true
		default:
			return false
		}
	})
	for range 20 {
		if _, err := v.conn.Sum(t.Context(), make([]float64, n)); err != nil {
			t.Fatal(err)
		}
	}
	if got := sum(x); got != want {
		t.Errorf("what lies in a forgotten loan has the sum %v, want %v", got, want)
	}
}

// TestAllocOutlivesClient has the client go while a method uses what Alloc gave it.
func TestAllocOutlivesClient(t *testing.T) {
	v := newVaults(t, c2.MemoryConfig{})
	ended := make(chan error, 1)
	go func() { ended <- v.conn.Work(t.Context(), 50_000) }()
	<-v.vault.working
	if err := c2.Close(v.conn); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("the call succeeded though its connection was closed")
	}
	select { // there is nothing to see of the connection's end when all is well
	case <-v.vault.worked:
		t.Fatal("the method did not wait")
	case <-time.After(50 * time.Millisecond):
	}
	close(v.vault.goOn)
	want := make([]float64, 50_000)
	fill(want, 1)
	if got := <-v.vault.worked; got != sum(want) {
		t.Errorf("the method's memory has the sum %v after its client went, want %v", got, sum(want))
	}
	await.True(t, "the memory is the system's again", func() bool { return v.server.MemoryStats().Bytes == 0 })
}

// TestAllocInProcess has one resource keep what another one of its process allocated under its context, and expects it to
// be memory that is nobody else's when the outer call has ended.
func TestAllocInProcess(t *testing.T) {
	v := newVaults(t, c2.MemoryConfig{})
	const n = 200_000 // past what a connection keeps from being used again at once
	want, err := v.conn.Gather(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if _, err := v.conn.Fresh(t.Context(), n, float64(-i)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := v.conn.Gathered(t.Context()); err != nil || got != want {
		t.Errorf("what the resource keeps has the sum %v, want %v (%v)", got, want, err)
	}
}

// TestPanicsKeepNothing has a type's codec panic in each place where memory is in hand.
func TestPanicsKeepNothing(t *testing.T) {
	v := newVaults(t, c2.MemoryConfig{ConnBytes: 1 << 20, Dedicated: 64 << 10, SpillBytes: -1, Wait: 100 * time.Millisecond})
	bytes := make([]byte, 40<<10)
	for _, where := range []string{"decode", "result"} {
		for range 40 {
			if _, err := v.conn.Burst(t.Context(), Fuse{Where: where, Bytes: bytes}); !errors.Is(err, c2.ErrInternal) {
				t.Fatalf("a panic in %s: %v", where, err)
			}
		}
	}
	for range 40 {
		func() {
			defer func() {
				if p := recover(); fmt.Sprint(p) != "fuse" {
					t.Errorf("the caller's own panic: %v", p)
				}
			}()
			v.conn.Burst(t.Context(), Fuse{Where: "append", Bytes: bytes})
		}()
	}
	if _, err := v.conn.Burst(t.Context(), Fuse{Where: "x", Bytes: bytes}); err != nil {
		t.Errorf("after the panics: %v", err)
	}
	await.True(t, "nothing is lent", func() bool {
		return v.client.MemoryStats().LentBlocks == 0 && v.server.MemoryStats().LentBlocks == 0
	})
}

// mappedMemory returns the pieces of shared memory that this process has mapped, by device, inode and name.
func mappedMemory(t *testing.T) map[string]bool {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	found := make(map[string]bool)
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, "memfd:") {
			found[strings.Join(strings.Fields(line)[3:], " ")] = true
		}
	}
	return found
}

// moreThan tells whether there is shared memory that was not there before. What was there may be another test's, whose end the
// collector has yet to find.
func moreThan(t *testing.T, before map[string]bool) bool {
	for id := range mappedMemory(t) {
		if !before[id] {
			return true
		}
	}
	return false
}

// TestLeakedHoldEnds leaks a hold of a server that is killed then: the memory goes with the connection, though nobody asks
// for figures or closes anything.
func TestLeakedHoldEnds(t *testing.T) {
	before := mappedMemory(t)
	address := "ipc://" + t.TempDir() + "/suite.sock"
	server := child.Start(t, "suite", address)
	var log syncBuffer
	s, err := c2.Connect[Store](t.Context(), "store", c2.On(newNode(t, c2.Logger(zerolog.New(&log)))), c2.At(address))
	if err != nil {
		t.Fatal(err)
	}
	func() {
		ctx, _ := c2.Hold(t.Context())
		if _, err := s.Cloud(ctx, 50_000); err != nil {
			t.Fatal(err)
		}
	}()
	await.True(t, "the hold is found to be leaked", func() bool {
		runtime.GC()
		return strings.Contains(log.String(), "review_memory_test.go")
	})
	if !moreThan(t, before) {
		t.Error("the memory of a leaked hold went before its connection")
	}
	server.Kill()
	await.True(t, "the memory goes with the connection", func() bool { return !moreThan(t, before) })
}

// TestLeakedBuffers leaks holds of results that came through the socket: those are the collector's, and nobody keeps them.
func TestLeakedBuffers(t *testing.T) {
	var log syncBuffer
	server, client := newNode(t), newNode(t, c2.SharedMemory(c2.MemoryConfig{Off: true}), c2.Logger(zerolog.New(&log)))
	if err := hostStore(server); err != nil {
		t.Fatal(err)
	}
	s, err := c2.Connect[Store](t.Context(), "store", c2.On(client), c2.At(server.Address()))
	if err != nil {
		t.Fatal(err)
	}
	c := leakHold(t, client, s, 5000)
	if n := client.HoldStats().LeakedBytes; n != 0 {
		t.Errorf("%d bytes are kept for a leaked hold of ordinary memory", n)
	}
	for range 20 {
		if _, err := s.Cloud(t.Context(), 4000); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(c, newCloud(5000)) {
		t.Error("what a slice still reads has changed")
	}
}

// TestNoHoldInProcess calls, in its own process, a resource whose types differ, under a hold: what that resource gets from
// elsewhere is its own.
func TestNoHoldInProcess(t *testing.T) {
	v := newVaults(t, c2.MemoryConfig{})
	outer := newNode(t)
	asker := &asker{source: v.conn}
	if err := c2.Register[Asker]("asker", asker, c2.On(outer)); err != nil {
		t.Fatal(err)
	}
	near, err := c2.Connect[struct {
		Ask func(ctx context.Context, n rows) error
	}](t.Context(), "asker", c2.On(outer))
	if err != nil {
		t.Fatal(err)
	}
	ctx, held := c2.Hold(t.Context())
	defer held.Release()
	if err := near.Ask(ctx, 50_000); err != nil {
		t.Fatal(err)
	}
	if s := v.client.HoldStats(); s.ActiveHolds != 0 {
		t.Errorf("the resource's own call is held by its caller: %+v", s)
	}
}

// rows is another type of the same kind.
type rows int

// Asker asks another process.
type Asker interface {
	Ask(ctx context.Context, n int) error
}

type asker struct{ source Vault }

func (a *asker) Ask(ctx context.Context, n int) error {
	_, err := a.source.Fresh(ctx, n, 1)
	return err
}
