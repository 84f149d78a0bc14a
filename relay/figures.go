package relay

import (
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// bounds are the upper bounds of the histograms' buckets.
var bounds = [...]time.Duration{
	20 * time.Microsecond, 50 * time.Microsecond, 100 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second,
	10 * time.Second, 30 * time.Second, time.Minute,
}

// codes is how many codes a call may end with.
const codes = int(ipc.CodeStale) + 1

// known is the code that one is counted as: those of a later version of the protocol have no names here.
func known(code ipc.Code) ipc.Code {
	if int(code) >= codes {
		return ipc.CodeInternal
	}
	return code
}

// figures are what was counted of a name. They last as long as there is a route of it.
type figures struct {
	mu      sync.RWMutex
	methods map[string]*methodFigures
}

func newFigures() *figures { return &figures{methods: make(map[string]*methodFigures)} }

// maxFigures bounds the methods of one name, of all its routes and of those that were there before.
const maxFigures = 4 * maxMethods

// method returns the figures of a method, which the descriptor of a route names.
func (f *figures) method(name string) *methodFigures {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.methods[name]
	if m == nil && len(f.methods) >= maxFigures {
		return new(methodFigures) // which nobody sees: a server that always has other methods is none to be counted
	}
	if m == nil {
		m = new(methodFigures)
		f.methods[name] = m
	}
	return m
}

// each calls do for each method, in order.
func (f *figures) each(do func(name string, m *methodFigures)) {
	f.mu.RLock()
	names := slices.Sorted(maps.Keys(f.methods))
	f.mu.RUnlock()
	for _, name := range names {
		do(name, f.method(name))
	}
}

func (f *figures) calls() (n uint64) {
	f.each(func(_ string, m *methodFigures) { n += m.calls() })
	return n
}

// methodFigures count the calls of one method. They are safe for concurrent use.
type methodFigures struct {
	inFlight atomic.Int64
	ended    [codes]atomic.Uint64           // by code
	buckets  [len(bounds) + 1]atomic.Uint64 // by latency
	sum      atomic.Int64                   // nanoseconds
	longest  atomic.Int64
}

// end counts a call that has ended.
func (m *methodFigures) end(code ipc.Code, took time.Duration) {
	m.ended[known(code)].Add(1)
	i, _ := slices.BinarySearch(bounds[:], took)
	m.buckets[i].Add(1)
	m.sum.Add(int64(took))
	for {
		longest := m.longest.Load()
		if int64(took) <= longest || m.longest.CompareAndSwap(longest, int64(took)) {
			return
		}
	}
}

func (m *methodFigures) calls() (n uint64) {
	for i := range m.ended {
		n += m.ended[i].Load()
	}
	return n
}

// histogram is what of the latencies can be added up.
type histogram struct {
	buckets [len(bounds) + 1]uint64
	longest int64
}

func (h *histogram) add(m *methodFigures) {
	for i := range m.buckets {
		h.buckets[i] += m.buckets[i].Load()
	}
	h.longest = max(h.longest, m.longest.Load())
}

// quantile is the upper bound of the bucket that the quantile is in, in seconds.
func (h *histogram) quantile(q float64) float64 {
	total := uint64(0)
	for _, n := range h.buckets {
		total += n
	}
	rank := uint64(math.Ceil(q * float64(total)))
	for i, n := range h.buckets {
		if rank <= n && i < len(bounds) {
			return min(bounds[i], time.Duration(h.longest)).Seconds()
		}
		rank -= min(rank, n)
	}
	return time.Duration(h.longest).Seconds()
}

func (h *histogram) latency() relayapi.Latency {
	return relayapi.Latency{P50: h.quantile(0.5), P90: h.quantile(0.9), P99: h.quantile(0.99), Max: time.Duration(h.longest).Seconds()}
}

// stats are the figures for people.
func (f *figures) stats() (s relayapi.Stats) {
	var all histogram
	s.Errors = make(map[string]uint64)
	s.Methods = []relayapi.MethodStats{}
	f.each(func(name string, m *methodFigures) {
		one := relayapi.MethodStats{Name: name, Calls: m.calls(), Errors: make(map[string]uint64)}
		for code := 1; code < codes; code++ {
			if n := m.ended[code].Load(); n > 0 {
				one.Errors[relayapi.CodeName(ipc.Code(code))] = n
				s.Errors[relayapi.CodeName(ipc.Code(code))] += n
			}
		}
		var h histogram
		h.add(m)
		all.add(m)
		one.Latency = h.latency()
		s.Calls += one.Calls
		s.InFlight += m.inFlight.Load()
		s.Methods = append(s.Methods, one)
	})
	s.Latency = all.latency()
	return s
}
