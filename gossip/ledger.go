package gossip

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
)

// Query asks a relay for what changed in its table since a version.
type Query struct {
	Incarnation uint64 // whose version Since is
	Since       uint64 // the version that the one who asks has; 0: nothing
}

// Encode writes q as the query of a URL: incarnation=…&since=….
func (q Query) Encode() string {
	return fmt.Sprintf("incarnation=%016x&since=%d", q.Incarnation, q.Since)
}

// ParseQuery reads the two values that Encode wrote.
func ParseQuery(incarnation, since string) (Query, error) {
	i, err1 := strconv.ParseUint(incarnation, 16, 64)
	s, err2 := strconv.ParseUint(since, 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return Query{}, fmt.Errorf("gossip: want incarnation, hexadecimal, and since, a version: %w", err)
	}
	return Query{i, s}, nil
}

// ledger is a relay's own table and the history of its changes. It is safe for concurrent use.
type ledger struct {
	id          string
	incarnation uint64
	limits      Limits
	keep        int // the shortest history that is cut

	mu      sync.Mutex
	now     replica  // the table as it is
	history []record // the latest changes, by version; a key may be there more than once
	floor   uint64   // the history tells all that changed since this version
	encoded []byte   // the latest delta that was asked for
	from    uint64   // the base of encoded
	to      uint64   // the version of encoded, 0 if there is none
}

// record says that the route of a key came, changed or went with a version.
type record struct {
	version uint64
	key     Key
}

func newLedger(id string, incarnation uint64, limits Limits) *ledger {
	return &ledger{id: id, incarnation: incarnation, limits: limits, keep: 1024, now: *newReplica(incarnation)}
}

// update puts and removes routes, all or none, and tells whether that changed anything. A key that is both put and
// removed is put.
func (l *ledger) update(put []Route, remove []Key) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	final := make(map[Key]*Route, len(put)+len(remove))
	for _, k := range remove {
		if l.now.routes[k] != nil {
			final[k] = nil
		}
	}
	for _, r := range put {
		if err := r.check(); err != nil {
			return false, err
		}
		if old := l.now.routes[r.Key]; old != nil && *old == r {
			delete(final, r.Key)
		} else {
			final[r.Key] = &r
		}
	}
	return len(final) > 0, l.commitLocked(final)
}

// set makes the table what routes are.
func (l *ledger) set(routes []Route) (bool, error) {
	keep := make(map[Key]bool, len(routes))
	for i := range routes {
		keep[routes[i].Key] = true
	}
	l.mu.Lock()
	var remove []Key
	for k := range l.now.routes {
		if !keep[k] {
			remove = append(remove, k)
		}
	}
	l.mu.Unlock()
	return l.update(routes, remove)
}

// commitLocked takes what final says of its keys into the table: nil is gone.
func (l *ledger) commitLocked(final map[Key]*Route) error {
	if len(final) == 0 {
		return nil
	}
	after := sums{l.now.digest, len(l.now.routes), l.now.bytes}
	for k, r := range final {
		if old := l.now.routes[k]; old != nil {
			after.sub(old)
		}
		if r != nil {
			after.add(r)
		}
	}
	switch {
	case after.count > l.limits.Routes:
		return full("routes", after.count, l.limits.Routes)
	case after.bytes > l.limits.TableBytes:
		return full("bytes of routes", after.bytes, l.limits.TableBytes)
	}
	l.now.version++
	l.now.digest, l.now.bytes = after.digest, after.bytes
	for k, r := range final {
		l.history = append(l.history, record{l.now.version, k})
		if r == nil {
			delete(l.now.routes, k)
		} else {
			l.now.routes[k] = r
		}
	}
	l.forgetLocked()
	return nil
}

// forgetLocked drops the older half of a history that has grown longer than what it may save: who is that far behind gets
// the whole.
func (l *ledger) forgetLocked() {
	if len(l.history) <= max(l.keep, 2*len(l.now.routes)) {
		return
	}
	half := len(l.history) / 2
	l.floor = l.history[half-1].version
	// A version is dropped with all that it changed: what is left of it behind the half tells too little.
	for half < len(l.history) && l.history[half].version == l.floor {
		half++
	}
	l.history = slices.Clone(l.history[half:])
}

// tag is what the others are to know of the table.
func (l *ledger) tag(url string) Tag {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Tag{ID: l.id, URL: url, Incarnation: l.incarnation, Version: l.now.version, Digest: l.now.digest}
}

// version is the table's.
func (l *ledger) version() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now.version
}

// count is how many routes there are.
func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.now.routes)
}

// answer is the delta that q asks for, encoded: the whole table where the history does not reach back to q's version or is
// of another incarnation. It also returns the version to which the delta leads. The bytes must not be changed.
func (l *ledger) answer(q Query) ([]byte, uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	base := q.Since
	if q.Incarnation != l.incarnation || base < l.floor || base > l.now.version {
		base = 0
	}
	if l.to == l.now.version && l.from == base && l.encoded != nil {
		return l.encoded, l.to
	}
	d := l.deltaLocked(base)
	l.encoded, l.from, l.to = d.Append(nil), base, d.Version
	return l.encoded, l.to
}

func (l *ledger) deltaLocked(base uint64) *Delta {
	d := &Delta{
		Relay: l.id, Incarnation: l.incarnation, Base: base, Version: l.now.version, Digest: l.now.digest,
	}
	if base > 0 {
		d.Put, d.Removed = l.changedLocked(base)
	}
	if base == 0 || size(d.Put, d.Removed) > l.now.bytes {
		d.Base, d.Removed = 0, nil
		d.Put = slices.Collect(maps.Values(l.now.routes))
	}
	slices.SortFunc(d.Put, func(a, b *Route) int { return a.compare(b.Key) })
	slices.SortFunc(d.Removed, Key.compare)
	return d
}

// size is what a delta counts. One that counts more than the whole table is not worth sending.
func size(put []*Route, removed []Key) int {
	n := 0
	for _, r := range put {
		n += r.Size()
	}
	for _, k := range removed {
		n += (&Route{Key: k}).Size()
	}
	return n
}

// changedLocked is what the history says of the time after base.
func (l *ledger) changedLocked(base uint64) (put []*Route, removed []Key) {
	first, _ := slices.BinarySearchFunc(l.history, base+1, func(r record, version uint64) int {
		if r.version < version {
			return -1
		}
		return 1
	})
	seen := make(map[Key]bool)
	for _, r := range l.history[first:] {
		if seen[r.key] {
			continue
		}
		seen[r.key] = true
		if route := l.now.routes[r.key]; route != nil {
			put = append(put, route)
		} else {
			removed = append(removed, r.key)
		}
	}
	return put, removed
}
