package gossip

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestDeltasInAnyOrder is the property that everything rests on: whatever of an owner's deltas get lost, come twice, late or
// in another order, a replica is at every moment a table that its owner had, and one exchange brings it to the present one.
func TestDeltasInAnyOrder(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		limits := Limits{}.withDefaults()
		l := newLedger("a", 7, limits)
		l.keep = int(seed%3) * 20
		past := map[uint64]uint64{0: 0} // digests by version
		var mail [][]byte
		replica := newReplica(7)
		receive := func(body []byte) {
			d, err := ParseDelta(body, limits)
			if err != nil {
				t.Fatal(err)
			}
			_, err = replica.apply(d, false, limits)
			if err != nil && !errors.Is(err, errStale) && !errors.Is(err, errGap) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			checkReplica(t, replica, past)
		}
		for range 200 {
			switch rnd.IntN(4) {
			case 0, 1:
				mutate(t, l.change, rnd)
				past[l.now.version] = l.now.digest
			case 2:
				body, _ := l.answer(Query{7, rnd.Uint64N(l.now.version + 2)})
				mail = append(mail, body)
			case 3:
				if len(mail) > 0 {
					receive(mail[rnd.IntN(len(mail))])
				}
			}
		}
		body, _ := l.answer(Query{7, replica.version})
		receive(body)
		if replica.version != l.now.version || replica.digest != l.now.digest || len(replica.routes) != len(l.now.routes) {
			t.Fatalf("seed %d: ends with version %d of %d, %d routes of %d",
				seed, replica.version, l.now.version, len(replica.routes), len(l.now.routes))
		}
	}
}

// mutate makes a random change to a table of few names, so that routes come, change, go and come again.
func mutate(t *testing.T, update func([]Route, []Key) error, rnd *rand.Rand) {
	t.Helper()
	var put []Route
	var remove []Key
	for range rnd.IntN(4) {
		put = append(put, route(fmt.Sprint(rnd.IntN(20)), rnd.IntN(2)))
		put[len(put)-1].Reads = uint32(rnd.IntN(3))
	}
	for range rnd.IntN(4) {
		remove = append(remove, route(fmt.Sprint(rnd.IntN(20)), rnd.IntN(2)).Key)
	}
	if err := update(put, remove); err != nil {
		t.Fatal(err)
	}
}

func (l *ledger) change(put []Route, remove []Key) error {
	_, err := l.update(put, remove)
	return err
}

func checkReplica(t *testing.T, r *replica, past map[uint64]uint64) {
	t.Helper()
	sum := sums{}
	for _, route := range r.routes {
		sum.add(route)
	}
	if digest, ok := past[r.version]; !ok || r.digest != digest || sum != (sums{r.digest, len(r.routes), r.bytes}) {
		t.Fatalf("the replica's version %d has digest %x, its routes %x; its owner's had %x", r.version, r.digest, sum.digest, digest)
	}
}

// TestHistoryIsBounded, and who is behind it gets the whole.
func TestHistoryIsBounded(t *testing.T) {
	l := newLedger("a", 7, Limits{}.withDefaults())
	for i := range 10_000 {
		if _, err := l.update([]Route{route(fmt.Sprint(i%10), i)}, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := l.update(nil, []Key{route(fmt.Sprint(i%10), i).Key}); err != nil {
			t.Fatal(err)
		}
		if i == 5000 {
			if _, err := l.update([]Route{route("stays", 1), route("stays", 2)}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := len(l.history); n > 1100 {
		t.Errorf("the history has %d records", n)
	}
	now := l.now.version
	for since, whole := range map[uint64]bool{0: true, 1: true, l.floor - 1: true, now - 1: false, now: false, now + 1: true} {
		body, _ := l.answer(Query{7, since})
		d, err := ParseDelta(body, l.limits)
		if err != nil || (d.Base == 0) != whole {
			t.Errorf("since %d of %d, floor %d: from %d, %v", since, l.now.version, l.floor, d.Base, err)
		}
	}
	if body, _ := l.answer(Query{8, l.now.version}); parsed(t, body).Base != 0 {
		t.Error("one who asks by another incarnation does not get the whole")
	}
}

func parsed(t *testing.T, body []byte) *Delta {
	t.Helper()
	d, err := ParseDelta(body, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestUpdateIsAllOrNothing, and what changes nothing makes no version.
func TestUpdateIsAllOrNothing(t *testing.T) {
	l := newLedger("a", 7, Limits{Routes: 3}.withDefaults())
	a, b := route("a", 1), route("b", 1)
	for _, put := range [][]Route{{a, b}, {a, b}, {}} {
		if _, err := l.update(put, nil); err != nil {
			t.Fatal(err)
		}
	}
	before := l.now
	if before.version != 1 {
		t.Errorf("version %d after one change", before.version)
	}
	if _, err := l.update([]Route{route("c", 1), route("d", 1)}, nil); !errors.Is(err, ErrFull) {
		t.Errorf("one route too many: %v", err)
	}
	if _, err := l.update([]Route{route("c", 1), {}}, nil); err == nil {
		t.Error("a route without a name is taken")
	}
	if l.now.version != 1 || len(l.now.routes) != 2 || l.now.digest != before.digest {
		t.Errorf("a refused update left %+v", l.now)
	}
	if changed, err := l.update([]Route{a}, []Key{a.Key}); err != nil || changed {
		t.Errorf("a route that is removed and put again: %v, %v", changed, err)
	}
	if _, err := l.set([]Route{b}); err != nil || len(l.now.routes) != 1 {
		t.Errorf("set: %v, %v", l.now.routes, err)
	}
}
