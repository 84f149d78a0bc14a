package ipc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/ipc"
)

// small is shared memory that is soon used up: a pool of 1 MiB per connection.
func small(change func(*ipc.MemoryConfig)) *ipc.Memory {
	config := ipc.MemoryConfig{Inline: 1 << 10, Dedicated: 64 << 10, ConnBytes: 1 << 20, SpillBytes: -1, Wait: time.Second}
	if change != nil {
		change(&config)
	}
	return ipc.NewMemory(config)
}

func get(ctx context.Context, c *ipc.Client, n int) (*ipc.Payload, error) {
	return c.Call(ctx, ipc.Request{Method: methodSize, Args: ipc.Bytes(fmt.Sprint(n))})
}

// TestSteps sends payloads of several sizes there and back, and has each side tell which way its one went.
func TestSteps(t *testing.T) {
	dir := t.TempDir()
	spill := func(c *ipc.MemoryConfig) { c.SpillDir, c.SpillBytes = dir, 8<<20 }
	off := func(c *ipc.MemoryConfig) { c.Off = true }
	for _, test := range []struct {
		name   string
		change func(*ipc.MemoryConfig)
		size   int
		way    func(*ipc.MemoryStats) *uint64
	}{
		{"nothing", nil, 0, func(s *ipc.MemoryStats) *uint64 { return &s.Inline }},
		{"inline", nil, 1 << 10, func(s *ipc.MemoryStats) *uint64 { return &s.Inline }},
		{"block", nil, 1<<10 + 1, func(s *ipc.MemoryStats) *uint64 { return &s.Block }},
		{"largest block", nil, 64<<10 - 1, func(s *ipc.MemoryStats) *uint64 { return &s.Block }},
		{"dedicated", nil, 64 << 10, func(s *ipc.MemoryStats) *uint64 { return &s.Dedicated }},
		{"whole pool", nil, 1 << 20, func(s *ipc.MemoryStats) *uint64 { return &s.Dedicated }},
		{"spilled", spill, 1<<20 + 1, func(s *ipc.MemoryStats) *uint64 { return &s.Spilled }},
		{"chunks for want of files", nil, 1<<20 + 1, func(s *ipc.MemoryStats) *uint64 { return &s.Chunks }},
		{"chunks beyond all", spill, 9 << 20, func(s *ipc.MemoryStats) *uint64 { return &s.Chunks }},
		{"chunks where spilling fails", func(c *ipc.MemoryConfig) { c.SpillDir, c.SpillBytes = dir+"/none", 8<<20 }, 1<<20 + 1, func(s *ipc.MemoryStats) *uint64 { return &s.Chunks }},
		{"off, inline", off, 64 << 10, func(s *ipc.MemoryStats) *uint64 { return &s.Inline }},
		{"off, chunks", off, 1 << 20, func(s *ipc.MemoryStats) *uint64 { return &s.Chunks }},
	} {
		t.Run(test.name, func(t *testing.T) {
			ours, theirs := small(test.change), small(test.change)
			f := serve(t, ipc.Config{Memory: theirs})
			c := f.client(ipc.Config{Memory: ours})
			const times = 3
			for range times {
				if err := echo(t.Context(), c, pattern(test.size)); err != nil {
					t.Fatal(err)
				}
			}
			for side, memory := range map[string]*ipc.Memory{"arguments": ours, "result": theirs} {
				s := memory.Stats()
				if n := *test.way(&s); n != times {
					t.Errorf("%s: %d of %d went this way: %+v", side, n, times, s)
				}
			}
		})
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestMemoryComesHome expects all that was lent to be back soon after it was released.
func TestMemoryComesHome(t *testing.T) {
	ours, theirs := small(nil), small(nil)
	f := serve(t, ipc.Config{Memory: theirs})
	c := f.client(ipc.Config{Memory: ours})
	p, err := get(t.Context(), c, 20<<10)
	if err != nil {
		t.Fatal(err)
	}
	if s := theirs.Stats(); s.LentBlocks != 1 || s.Lent != 32<<10 {
		t.Errorf("with an answer of 20 KiB held, lent are %d bytes in %d blocks; want one of 32 KiB", s.Lent, s.LentBlocks)
	}
	if err := echo(t.Context(), c, pattern(40<<10)); err != nil {
		t.Fatal(err)
	}
	p.Release()
	await.True(t, "all is home", func() bool {
		return ours.Stats().LentBlocks == 0 && theirs.Stats().LentBlocks == 0
	})
}

// TestBusy has a client keep all that the server may lend it: that client gets CodeBusy, another one what it asks for, and
// the first as well once it gives something back.
func TestBusy(t *testing.T) {
	theirs := small(nil)
	f := serve(t, ipc.Config{Memory: theirs})
	greedy, other := f.client(ipc.Config{}), f.client(ipc.Config{})
	var held []*ipc.Payload
	var err error
	for err == nil {
		var p *ipc.Payload
		if p, err = get(t.Context(), greedy, 60<<10); err == nil {
			held = append(held, p)
		}
		if len(held) > 100 {
			t.Fatal("the server lends without end")
		}
	}
	e := wantCode(t, err, ipc.CodeBusy)
	if !e.MayHaveRun {
		t.Error("the call ran, but the error does not say so")
	}
	taken := len(held) * 64 << 10
	if kept := fmt.Sprintf("blocks of %d bytes", taken); !strings.Contains(e.Message, kept) {
		t.Errorf("the error says %q, want %q in it", e.Message, kept)
	}
	if lent := theirs.Stats().Lent; lent != uint64(taken) {
		t.Errorf("%d bytes are lent, want %d", lent, taken)
	}
	if len(held) < 10 {
		t.Errorf("only %d blocks of 64 KiB were to be had of 1 MiB", len(held))
	}
	if err := echo(t.Context(), greedy, pattern(100)); err != nil {
		t.Errorf("a small call while all is held: %v", err)
	}
	p, err := get(t.Context(), other, 60<<10)
	if err != nil {
		t.Fatalf("another client: %v", err)
	}
	p.Release()
	for _, p := range held[1:] {
		if !bytes.Equal(p.Bytes(), make([]byte, 60<<10)) {
			t.Error("what was held has changed")
		}
		p.Release()
	}
	p, err = get(t.Context(), greedy, 60<<10)
	if err != nil {
		t.Fatalf("after it gave back: %v", err)
	}
	p.Release()
	held[0].Release()
	if s := theirs.Stats(); s.Busy != 1 {
		t.Errorf("%d payloads found no memory, want 1", s.Busy)
	}
}

// TestWaitingResultsAreBounded has a client hold its memory and ask for more again and again: as much as may wait does
// so, the rest is busy at once, and when there is memory again all that waits comes.
func TestWaitingResultsAreBounded(t *testing.T) {
	theirs := small(func(c *ipc.MemoryConfig) { c.Wait = time.Hour })
	f := serve(t, ipc.Config{Memory: theirs})
	c := f.client(ipc.Config{})
	const n, fit, more = 1 << 20, 64, 9 // of 1 MiB, all that the connection may have
	ask := func(ctx context.Context, times int) <-chan error {
		ends := make(chan error, times)
		for range times {
			go func() {
				p, err := get(ctx, c, n)
				if err == nil {
					p.Release()
				}
				ends <- err
			}()
		}
		return ends
	}
	held, err := get(t.Context(), c, 100<<10)
	if err != nil {
		t.Fatal(err)
	}
	ends := ask(t.Context(), fit+more)
	for range more {
		if e := wantCode(t, <-ends, ipc.CodeBusy); !e.MayHaveRun {
			t.Error("the call ran, but the error does not say so")
		}
	}
	if parked := ipc.Parked(f.server); parked > fit*n {
		t.Errorf("%d bytes wait on the heap, want at most %d", parked, fit*n)
	}
	held.Release()
	for range fit {
		if err := <-ends; err != nil {
			t.Fatalf("when there is memory again: %v", err)
		}
	}

	if held, err = get(t.Context(), c, 100<<10); err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	ctx, cancel := context.WithCancel(t.Context())
	ends = ask(ctx, 3)
	await.True(t, "results wait", func() bool { return ipc.Parked(f.server) == 3*n })
	cancel()
	for range 3 {
		wantCode(t, <-ends, ipc.CodeCanceled)
	}
	await.True(t, "nothing waits for calls that are over", func() bool { return ipc.Parked(f.server) == 0 })
}

// TestArgumentsWait has the server keep the memory of arguments: further ones wait for it, as long as their context lets
// them.
func TestArgumentsWait(t *testing.T) {
	ours := small(func(c *ipc.MemoryConfig) { c.Wait = time.Minute })
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{Memory: ours})
	hold := func(n int) chan error {
		ended := make(chan error, 1)
		go func() {
			p, err := c.Call(context.Background(), ipc.Request{Method: methodHold, Args: ipc.Bytes(pattern(n))})
			if err == nil {
				p.Release()
			}
			ended <- err
		}()
		return ended
	}
	first := hold(900 << 10)
	<-f.handler.entered
	data := pattern(900 << 10)
	for d := 50 * time.Millisecond; ; d *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		err := echo(ctx, c, data)
		cancel()
		var e *ipc.Error
		if errors.As(err, &e) && e.Code == ipc.CodeDeadline && !e.MayHaveRun && d < await.Limit {
			continue // its time was over before it could wait
		}
		if e := wantCode(t, err, ipc.CodeBusy); e.MayHaveRun {
			t.Error("the call was not sent, but the error says that it may have run")
		}
		break
	}
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, stop)
	wantCode(t, echo(ctx, c, data), ipc.CodeCanceled)

	waiting := make(chan error, 1)
	go func() { waiting <- echo(context.Background(), c, pattern(900<<10)) }()
	await.True(t, "a call waits for memory", func() bool { return ipc.Stuck(c) == 1 })
	close(f.handler.release)
	for _, ended := range []chan error{first, waiting} {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// TestNoDeadlock lets many calls go both ways at once that each need a large part of the memory of both sides.
func TestNoDeadlock(t *testing.T) {
	tight := func(c *ipc.MemoryConfig) { c.Wait = time.Minute }
	f := serve(t, ipc.Config{Memory: small(tight)})
	c := f.client(ipc.Config{Memory: small(tight)})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			for range 5 {
				if err := echo(ctx, c, pattern(300<<10+i<<12)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestHeldStays keeps an answer while many others come and go, and while the connection and the server end.
func TestHeldStays(t *testing.T) {
	f := serve(t, ipc.Config{Memory: small(nil)})
	c := f.client(ipc.Config{Memory: small(nil)})
	want := pattern(200 << 10)
	held, err := c.Call(t.Context(), ipc.Request{Method: methodEcho, Args: ipc.Bytes(want)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if err := echo(t.Context(), c, bytes.Repeat([]byte{byte(i)}, 10<<10*(i+1))); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string) {
		t.Helper()
		if !bytes.Equal(held.Bytes(), want) {
			t.Errorf("%s, what is held has changed", when)
		}
	}
	check("after other answers")
	c.Close()
	check("after the client's end")
	f.server.Close()
	check("after the server's end")
	runtime.GC()
	check("after a collection")
	if !held.Orphaned() {
		t.Error("the payload is not said to be orphaned")
	}
	held.Release()
}

// TestIdleHold keeps a connection for as long as something of it is held.
func TestIdleHold(t *testing.T) {
	f := serve(t, ipc.Config{Memory: small(nil)})
	c := f.client(ipc.Config{IdleTimeout: 20 * time.Millisecond})
	p, err := get(t.Context(), c, 20<<10)
	if err != nil {
		t.Fatal(err)
	}
	ended := ipc.Ended(c)
	select {
	case <-ended:
		t.Error("the connection ended while an answer was held")
	case <-time.After(200 * time.Millisecond):
	}
	p.Release()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the connection did not end when nothing was held any more")
	}
}

// TestClientGone ends a client that has blocks in hand.
func TestClientGone(t *testing.T) {
	theirs := small(nil)
	f := serve(t, ipc.Config{Memory: theirs})
	c := f.client(ipc.Config{Memory: small(nil)})
	var held []*ipc.Payload
	for range 5 {
		p, err := get(t.Context(), c, 20<<10)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, p)
	}
	c.Close()
	await.True(t, "the server has all its memory back", func() bool {
		s := theirs.Stats()
		return s.LentBlocks == 0 && s.Bytes == 0 && s.Connections == 0
	})
	for _, p := range held {
		p.Release()
	}
}

// attaching is a body that refers to memory rather than to contain it, as far as it can.
type attaching struct {
	memory []byte
	beside int // so many bytes more
	found  *bool
}

func (b attaching) Size(*ipc.Attachments) int { return 100 + b.beside }

func (b attaching) AppendTo(dst []byte, a *ipc.Attachments) ([]byte, error) {
	index, offset, ok := a.Attach(b.memory)
	again, sameOffset, _ := a.Attach(b.memory)
	if again != index || sameOffset != offset {
		return dst, errors.New("asked again, Attach answers otherwise")
	}
	*b.found = ok
	dst = fmt.Appendf(dst, "%d %d %d ", index, offset, len(b.memory))
	return append(dst, make([]byte, b.beside)...), nil
}

// attached is the memory that the payload of an attaching refers to.
func attached(p *ipc.Payload) []byte {
	var index, offset, length int
	fmt.Sscan(string(p.Bytes()), &index, &offset, &length)
	if index >= len(p.Attachments()) {
		return nil
	}
	return p.Attachments()[index][offset : offset+length]
}

// TestLoans passes a part of a loan, and expects it to arrive without a copy, to stay while it is needed, and to come back.
func TestLoans(t *testing.T) {
	ours := small(nil)
	f := serve(t, ipc.Config{Memory: small(nil)})
	got := make(chan *ipc.Payload, 1)
	f.handler.take = func(p *ipc.Payload) { got <- p }
	c := f.client(ipc.Config{Memory: ours})
	loans, err := c.Loans(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mem := loans.Alloc(10 << 10)
	if len(mem) != 10<<10 || cap(mem) != len(mem) {
		t.Fatalf("Alloc gave %d bytes with room for %d", len(mem), cap(mem))
	}
	copy(mem, pattern(len(mem)))
	if small := loans.Alloc(10); small != nil {
		t.Error("Alloc gave shared memory for 10 bytes")
	}
	var found bool
	for range 3 { // as often as one likes
		p, err := c.Call(t.Context(), ipc.Request{Method: methodTake, Args: attaching{mem[1000:9000], 0, &found}})
		if err != nil {
			t.Fatal(err)
		}
		p.Release()
		args := <-got
		if !found || !bytes.Equal(attached(args), pattern(len(mem))[1000:9000]) {
			t.Errorf("attached: %v; it arrived as %d bytes", found, len(attached(args)))
		}
		args.Release()
	}
	p, err := c.Call(t.Context(), ipc.Request{Method: methodTake, Args: attaching{mem, 0, &found}})
	if err != nil {
		t.Fatal(err)
	}
	p.Release()
	args := <-got
	loans.Release()
	loans.Release()
	if late := loans.Alloc(10 << 10); late != nil {
		t.Error("Alloc after Release gave memory")
	}
	if err := echo(t.Context(), c, bytes.Repeat([]byte{7}, 10<<10)); err != nil { // would take the block if it were free
		t.Fatal(err)
	}
	if !bytes.Equal(attached(args), pattern(10<<10)) {
		t.Error("a loan that the server still reads was used again")
	}
	args.Release()
	await.True(t, "the loan is home", func() bool { return ours.Stats().LentBlocks == 0 })
	p, err = c.Call(t.Context(), ipc.Request{Method: methodEcho, Args: attaching{mem, 0, &found}})
	if err != nil || found {
		t.Fatalf("memory that is lent no more was attached: %v, %v", found, err)
	}
	p.Release()
}

// TestAttachmentsCount bounds payloads and what is attached to them together, in both directions: what is too much is
// not sent.
func TestAttachmentsCount(t *testing.T) {
	const most = 100 << 10
	ours := small(nil)
	f := serve(t, ipc.Config{Memory: small(nil), MaxPayload: most})
	taken := 0
	f.handler.take = func(p *ipc.Payload) { taken++; p.Release() }
	c := f.client(ipc.Config{Memory: ours, MaxPayload: most})
	loans, err := c.Loans(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer loans.Release()
	pass := func(mem []byte, beside int) (found bool, err error) {
		p, err := c.Call(t.Context(), ipc.Request{Method: methodTake, Args: attaching{mem, beside, &found}})
		if err == nil {
			p.Release()
		}
		return found, err
	}
	some, more := loans.Alloc(60<<10), loans.Alloc(120<<10)
	if found, err := pass(some, 30<<10); err != nil || !found {
		t.Errorf("within the bound: attached: %v, %v", found, err)
	}
	_, err = pass(some, 50<<10)
	if e := wantCode(t, err, ipc.CodeTooLarge); e.MayHaveRun {
		t.Error("what was never sent may have run")
	}
	if found, err := pass(more[:10], 100); err != nil || found {
		t.Errorf("a part of what is too large as a whole: attached: %v, %v", found, err)
	}
	if taken != 2 {
		t.Errorf("%d calls came to the server, want 2", taken)
	}
	loans.Release()
	await.True(t, "the loans are home", func() bool { return ours.Stats().LentBlocks == 0 })
}

// TestPinned passes the same memory over two connections and in both directions.
func TestPinned(t *testing.T) {
	ours := small(nil)
	f := serve(t, ipc.Config{Memory: small(nil)})
	got := make(chan *ipc.Payload, 1)
	f.handler.take = func(p *ipc.Payload) { got <- p }
	pin, err := ours.Pin(100 << 10)
	if err != nil {
		t.Fatal(err)
	}
	copy(pin.Bytes(), pattern(100<<10))
	var args []*ipc.Payload
	for range 2 {
		c := f.client(ipc.Config{Memory: ours})
		for range 2 {
			var found bool
			p, err := c.Call(t.Context(), ipc.Request{Method: methodTake, Args: attaching{pin.Bytes(), 0, &found}})
			if err != nil || !found {
				t.Fatalf("attached: %v, %v", found, err)
			}
			p.Release()
			args = append(args, <-got)
		}
	}
	if s := ours.Stats(); s.Pinned != 100<<10 || s.Attached != 4 || s.LentBlocks != 2 {
		t.Errorf("pinned is %d, attached %d, lent %d", s.Pinned, s.Attached, s.LentBlocks)
	}
	pin.Release()
	for _, p := range args {
		if !bytes.Equal(attached(p), pattern(100<<10)) {
			t.Error("pinned memory arrived changed, or went while it was read")
		}
		p.Release()
	}
	await.True(t, "the pinned memory is home", func() bool { s := ours.Stats(); return s.LentBlocks == 0 && s.Pinned == 0 })
}

// TestLoansDoNotWait needs more memory than there is for a payload beside a loan of the same side's: what is missing is what the
// caller has itself, so waiting for it would be in vain.
func TestLoansDoNotWait(t *testing.T) {
	ours := small(func(c *ipc.MemoryConfig) { c.Wait = time.Hour })
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{Memory: ours})
	loans, err := c.Loans(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer loans.Release()
	if loans.Alloc(800<<10) == nil {
		t.Fatal("no loan was to be had")
	}
	for _, n := range []int{500 << 10, 1 << 20} {
		if err := echo(t.Context(), c, pattern(n)); err != nil {
			t.Errorf("%d bytes beside a loan: %v", n, err)
		}
	}
	if s := ours.Stats(); s.Busy != 0 || s.Chunks+s.Inline != 2 {
		t.Errorf("it went another way: %+v", s)
	}
}

// TestPinsLeaveDescriptors pins many small pieces.
func TestPinsLeaveDescriptors(t *testing.T) {
	memory := small(nil)
	var pins []*ipc.Pinned
	var err error
	for err == nil && len(pins) <= 1024 {
		var p *ipc.Pinned
		if p, err = memory.Pin(10); err == nil {
			pins = append(pins, p)
		}
	}
	wantCode(t, err, ipc.CodeBusy)
	for _, p := range pins {
		p.Release()
	}
	p, err := memory.Pin(10)
	if err != nil {
		t.Fatalf("after all were released: %v", err)
	}
	p.Release()
}
