package c2

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/ctwo-go/c2/ipc"
)

// Hold returns a context under which the results of calls may stay where they are: byte slices, slices of numbers, columns,
// and other transferables that have a View then lie in the memory of the resource's process, as far as they came through
// shared memory, and are read without a copy. Anything else is a copy as ever.
//
//	ctx, held := c2.Hold(ctx)
//	defer held.Release()
//	mesh, err := store.GetMesh(ctx)
//
// Any number of calls may share a hold; one that ends after Release gets copies. What they returned must not be written
// to, which ends the process where it lies in shared memory, and not be read after Release.
//
// Until then it stays as it is, even if the connection ends or the other process does. Reading it later all the same is
// at worst reading what has changed, or zeros, as long as its addresses are kept from other use: until thousands of
// segments that came later, or terabytes of them, were given back as well (docs/memory.md has the figures). From then
// on it may end the process.
//
// Memory that is held is missing to the resource's process; one that has none left for this connection answers ErrBusy,
// to calls that have run (Error.MayHaveRun). So a hold that becomes garbage without having been released is logged,
// with the place where it was made, and counted. A slice does not keep its hold alive, so the memory is not given back
// then, but when the connection ends or [ReclaimLeaked] is called.
func Hold(ctx context.Context) (context.Context, *Held) {
	h := newHeld(1)
	return context.WithValue(orBackground(ctx), heldKey{}, h), h
}

// Held is memory of other processes that this one keeps: see [Hold]. It is safe for concurrent use.
type Held struct {
	state   *holdState
	cleanup runtime.Cleanup
}

// heldKey is the key under which a context has its *Held.
type heldKey struct{}

func heldOf(ctx context.Context) *Held {
	h, _ := ctx.Value(heldKey{}).(*Held)
	return h
}

// newHeld makes a Held for the function that is skip calls above.
func newHeld(skip int) *Held {
	h := &Held{state: &holdState{since: time.Now()}}
	runtime.Callers(skip+2, h.state.made[:])
	h.cleanup = runtime.AddCleanup(h, (*holdState).leak, h.state)
	return h
}

// Release gives the memory back. It is idempotent, and may be called on nil and on the zero Held.
func (h *Held) Release() {
	if h == nil || h.state == nil { // the zero Held, which nobody made
		return
	}
	h.cleanup.Stop()
	for _, k := range h.state.end() {
		k.node.holds.remove(h.state, k.payload)
		k.payload.Release()
	}
}

// holdState is what a Held holds. It outlives the Held if that is not released.
type holdState struct {
	since time.Time
	made  [1]uintptr // where

	mu    sync.Mutex
	ended bool
	kept  []keptPayload
}

type keptPayload struct {
	node    *Node
	payload *ipc.Payload
}

// keep takes over the caller's reference to a payload. It returns false, and does not, if the hold has ended.
func (s *holdState) keep(n *Node, p *ipc.Payload) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.kept = append(s.kept, keptPayload{n, p})
	n.holds.add(s, p)
	return true
}

func (s *holdState) end() []keptPayload {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.kept
	s.ended, s.kept = true, nil
	return kept
}

// leak is called when the hold can't be released any more.
func (s *holdState) leak() {
	kept := s.end()
	leaked := make(map[*Node]int)
	for _, k := range kept {
		leaked[k.node] += k.payload.Kept()
		k.node.holds.remove(s, k.payload)
		if k.payload.Shared() { // else it is garbage when nothing reads it any more
			k.node.holds.setAside(k.payload)
		}
	}
	for n, bytes := range leaked {
		n.holds.dropOrphans()
		n.holds.countLeak()
		n.log.Warn().Str("made", s.place()).Int("bytes", bytes).Dur("age", time.Since(s.since)).
			Msg("a hold was never released; its memory is set aside until the connection ends (see Hold)")
	}
}

// place is where the hold was made.
func (s *holdState) place() string {
	frame, _ := runtime.CallersFrames(s.made[:]).Next()
	return fmt.Sprintf("%s:%d %s", frame.File, frame.Line, frame.Function)
}

// copiedUpTo is the size in bytes of what is not worth a view if it came to a buffer of this process: the buffer has 512
// bytes at least, however few of them a value needs, and a copy costs little beside the call.
const copiedUpTo = 8 << 10

// worthView tells whether values should stay where they arrived.
func worthView(p *ipc.Payload) bool { return p.Shared() || len(p.Bytes()) > copiedUpTo }

// read has decode read a payload, which is the caller's no longer: it is released, or kept by the hold of ctx if what
// decode made lies in it.
func (n *Node) read(ctx context.Context, p *ipc.Payload, decode func(view bool) (borrowed bool, err error)) error {
	h := heldOf(ctx)
	kept := false
	defer func() {
		if !kept { // also if a type panics
			p.Release()
		}
	}()
	borrowed, err := decode(h != nil && worthView(p))
	if err != nil || !borrowed || p.Private() {
		return err
	}
	if kept = h.state.keep(n, p); !kept { // the hold ended during the call
		_, err = decode(false)
	}
	return err
}

// HoldStatistics says what a node has of other processes' memory, and they of its. Three things hold: a [Hold], a
// [KeepInput], and a call with arguments that [HoldInput] left where they are, from its arrival until it returns or
// KeepInput takes them over. Of what came through the socket nothing is held up to 8 KiB, as it is copied; of more a hold may
// keep a buffer of this process instead, which counts as well while it does, by what is in it.
type HoldStatistics struct {
	ActiveHolds int           `json:"active_holds"` // holds, of all three kinds, that hold anything
	HeldBytes   int64         `json:"held_bytes"`   // memory that they keep
	OldestHold  time.Duration `json:"oldest_hold"`  // how long the oldest of them has been there; in JSON nanoseconds
	LeakedHolds int           `json:"leaked_holds"` // holds that were never released, ever
	LeakedBytes int64         `json:"leaked_bytes"` // memory that they keep still
	LentBlocks  int           `json:"lent_blocks"`  // pieces of the node's memory that other processes read or hold
	LentBytes   int64         `json:"lent_bytes"`   // memory that they take, up to twice what was written to them
}

// HoldStats is [Node.HoldStats] of the default node. Before that is used there is nothing to tell.
func HoldStats() HoldStatistics {
	if n := defaultInUse(); n != nil {
		return n.HoldStats()
	}
	return HoldStatistics{}
}

// HoldStats says what the node holds, and what is held of it.
func (n *Node) HoldStats() HoldStatistics {
	s := n.holds.stats()
	m := n.memory.Stats()
	s.LentBlocks, s.LentBytes = m.LentBlocks, int64(m.Lent)
	return s
}

// MemoryStats is [Node.MemoryStats] of the default node. Before that is used there is nothing to tell.
func MemoryStats() ipc.MemoryStats {
	if n := defaultInUse(); n != nil {
		return n.MemoryStats()
	}
	return ipc.MemoryStats{}
}

// MemoryStats says how the node's own shared memory is used, and which way its payloads went.
func (n *Node) MemoryStats() ipc.MemoryStats { return n.memory.Stats() }

// ReclaimLeaked is [Node.ReclaimLeaked] of the default node.
func ReclaimLeaked() (bytes int64) {
	if n := defaultInUse(); n != nil {
		return n.ReclaimLeaked()
	}
	return 0
}

// ReclaimLeaked gives back the memory of holds that were never released, and tells how much that was. It is for programs
// that know that nothing reads it any more: what does, reads what comes there next.
func (n *Node) ReclaimLeaked() (bytes int64) {
	for _, p := range n.holds.takeLeaked(func(*ipc.Payload) bool { return true }) {
		bytes += int64(p.Kept())
		p.Release()
	}
	return bytes
}

// holdTable is the holds that have something of a node's connections.
type holdTable struct {
	mu     sync.Mutex
	active map[*holdState]holding
	leaks  int
	leaked []*ipc.Payload
}

// holding is what one hold has.
type holding struct{ payloads, bytes int }

func (t *holdTable) add(s *holdState, p *ipc.Payload) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.active == nil {
		t.active = make(map[*holdState]holding)
	}
	h := t.active[s]
	t.active[s] = holding{h.payloads + 1, h.bytes + p.Kept()}
}

func (t *holdTable) remove(s *holdState, p *ipc.Payload) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.active[s]
	if h.payloads--; h.payloads == 0 {
		delete(t.active, s)
		return
	}
	t.active[s] = holding{h.payloads, h.bytes - p.Kept()}
}

func (t *holdTable) setAside(p *ipc.Payload) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leaked = append(t.leaked, p)
}

func (t *holdTable) countLeak() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leaks++
}

// takeLeaked takes those payloads out of what was set aside for which which holds.
func (t *holdTable) takeLeaked(which func(*ipc.Payload) bool) (taken []*ipc.Payload) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leaked = slices.DeleteFunc(t.leaked, func(p *ipc.Payload) bool {
		if which(p) {
			taken = append(taken, p)
			return true
		}
		return false
	})
	return taken
}

// dropOrphans lets go what was set aside of connections that have ended.
func (t *holdTable) dropOrphans() {
	for _, p := range t.takeLeaked((*ipc.Payload).Orphaned) {
		p.Release()
	}
}

func (t *holdTable) stats() (s HoldStatistics) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.ActiveHolds, s.LeakedHolds = len(t.active), t.leaks
	for h, has := range t.active {
		s.HeldBytes += int64(has.bytes)
		s.OldestHold = max(s.OldestHold, time.Since(h.since))
	}
	for _, p := range t.leaked {
		s.LeakedBytes += int64(p.Kept())
	}
	return s
}
