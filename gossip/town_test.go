package gossip

import (
	"container/heap"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

var fullSize = flag.Bool("full", false, "simulate 1,000 relays with 100,000 routes in TestTown, not 150 with 15,000; late heals in BenchmarkHeal")

// What town assumes.
const (
	townRoutes  = 100                    // of each relay
	townWay     = 500 * time.Microsecond // the least time of a message on its way, and as much again by chance
	townServe   = 50 * time.Microsecond  // for an owner to answer a pull: the bytes are there
	townTake    = 200 * time.Microsecond // for a relay to take a table or a delta, see BenchmarkWhole
	townRound   = 100 * time.Millisecond // between gossip rounds, to three others each
	townTag     = 300 * time.Millisecond // for which a relay is busy with its tag
	townMessage = 230                    // bytes of a tag in gossip, six of which fit into a packet
	townHeader  = 250                    // bytes of HTTP's headers, for a request or an answer
	townLost    = 2 * time.Second        // until a push that is lost is given up
	townWindow  = 16                     // pulls, and pushes, at a time
)

// town is a mesh of many relays, message by message, in virtual time. Its owners are real ledgers and what travels is
// what they encode; of those who take it only versions are kept, but for some, who are real catalogs. Everybody knows
// everybody from the start. A relay does one thing at a time.
type town struct {
	n        int
	rnd      *rand.Rand
	now      time.Duration
	agenda   townAgenda
	owners   []*ledger
	version  []uint64
	have     [][]uint64 // by who takes and whose it is
	tagged   [][]uint64 // the version that gossip told of
	heard    [][]uint64 // the number of that tag
	under    [][]bool   // a pull is scheduled or under way
	window   []int      // pulls under way
	waiting  [][]int    // pulls that are due
	busy     []time.Duration
	queue    []townQueue
	tags     []uint64 // numbers of the owners' tags
	tagFree  []time.Duration
	pushing  []bool
	loss     float64
	behind   int // pairs whose table is not the owner's
	messages []int
	bytes    []int // sent and received
	gossip   int   // bytes of all
	catalogs map[int]*catalog
}

type townEvent struct {
	at time.Duration
	do func()
}

type townAgenda []townEvent

func (a townAgenda) Len() int           { return len(a) }
func (a townAgenda) Less(i, j int) bool { return a[i].at < a[j].at }
func (a townAgenda) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *townAgenda) Push(e any)        { *a = append(*a, e.(townEvent)) }
func (a *townAgenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// townQueue is what a relay has to tell by gossip: by how often it did, the latest of each owner.
type townQueue struct {
	tiers   [][]townNews
	running bool
}

type townNews struct {
	owner   int
	number  uint64
	version uint64
}

func newTown(t *testing.T, n int) *town {
	w := &town{
		n: n, rnd: rand.New(rand.NewPCG(1, 2)), catalogs: make(map[int]*catalog),
		owners: make([]*ledger, n), version: make([]uint64, n), window: make([]int, n), waiting: make([][]int, n),
		busy: make([]time.Duration, n), queue: make([]townQueue, n), tags: make([]uint64, n), tagFree: make([]time.Duration, n),
		pushing: make([]bool, n), messages: make([]int, n), bytes: make([]int, n),
		have: make([][]uint64, n), tagged: make([][]uint64, n), heard: make([][]uint64, n), under: make([][]bool, n),
	}
	view := make(map[string]sighting)
	for i := range n {
		w.owners[i] = newLedger(fmt.Sprintf("relay-%04d", i), 7, Limits{}.withDefaults())
		var routes []Route
		for j := range townRoutes {
			routes = append(routes, w.route(i, j))
		}
		if _, err := w.owners[i].update(routes, nil); err != nil {
			t.Fatal(err)
		}
		w.version[i] = 1
		view[w.owners[i].id] = sighting{w.owners[i].tag(at(w.owners[i].id)), true}
		w.have[i], w.tagged[i], w.heard[i], w.under[i] = make([]uint64, n), make([]uint64, n), make([]uint64, n), make([]bool, n)
	}
	for i := range 3 {
		c := newCatalog(w.owners[i].id, Limits{}.withDefaults(), defaultPace, zerolog.Nop(), never)
		others := make(map[string]sighting)
		for id, s := range view {
			if id != w.owners[i].id {
				others[id] = s
			}
		}
		c.observe(epoch, others)
		w.catalogs[i] = c
	}
	for i := range n {
		for j := range n {
			if i != j {
				w.tagged[i][j] = 1
				w.schedule(i, j)
			}
		}
	}
	w.behind = n * (n - 1)
	return w
}

func (w *town) route(i, j int) Route {
	r := route(fmt.Sprintf("resource-%04d-%03d", i, j), i)
	r.ID = fmt.Sprintf("%016x", uint64(i*1000+j)*0x9e3779b97f4a7c15)
	return r
}

func (w *town) after(d time.Duration, do func()) { heap.Push(&w.agenda, townEvent{w.now + d, do}) }

func (w *town) some(d time.Duration) time.Duration { return time.Duration(w.rnd.Int64N(int64(d))) }

func (w *town) way() time.Duration { return townWay + w.some(townWay) }

// work makes a relay do something of some length after what it does already.
func (w *town) work(i int, d time.Duration, do func()) {
	w.busy[i] = max(w.busy[i], w.now) + d
	w.after(w.busy[i]-w.now, do)
}

// equal runs until all tables are those of their owners, and returns how long that took.
func (w *town) equal(t *testing.T) time.Duration {
	t.Helper()
	begun := w.now
	for w.behind > 0 {
		if len(w.agenda) == 0 || w.now-begun > 10*time.Minute {
			t.Fatalf("%d tables are behind and nothing is under way", w.behind)
		}
		w.step()
	}
	return w.now - begun
}

func (w *town) step() {
	e := heap.Pop(&w.agenda).(townEvent)
	w.now = e.at
	e.do()
}

func (w *town) count(from, to, bytes int) {
	w.messages[from]++
	w.messages[to]++
	w.bytes[from] += bytes
	w.bytes[to] += bytes
}

// schedule makes i pull j's table, if it is behind.
func (w *town) schedule(i, j int) {
	if w.under[i][j] || w.have[i][j] >= w.tagged[i][j] {
		return
	}
	w.under[i][j] = true
	wait := w.some(time.Duration(w.n) * time.Millisecond)
	if w.have[i][j] > 0 {
		wait += defaultPace.grace
	}
	w.after(wait, func() {
		w.waiting[i] = append(w.waiting[i], j)
		w.pull(i)
	})
}

// pull starts what i has to pull, as far as there is room.
func (w *town) pull(i int) {
	for len(w.waiting[i]) > 0 && w.window[i] < townWindow {
		j := w.waiting[i][0]
		w.waiting[i] = w.waiting[i][1:]
		if w.have[i][j] >= w.tagged[i][j] {
			w.under[i][j] = false
			continue
		}
		w.window[i]++
		q := Query{7, w.have[i][j]}
		w.count(i, j, townHeader)
		w.after(w.way(), func() { w.work(j, townServe, func() { w.serve(i, j, q) }) })
	}
}

func (w *town) serve(i, j int, q Query) {
	body, to := w.owners[j].answer(q)
	w.count(j, i, townHeader+len(body))
	w.after(w.way(), func() {
		w.work(i, townTake, func() {
			w.window[i]--
			w.under[i][j] = false
			w.take(i, j, to)
			if c := w.catalogs[i]; c != nil {
				c.answered(epoch, pull{relay: w.owners[j].id, query: q}, body, nil)
			}
			w.schedule(i, j)
			w.pull(i)
		})
	})
}

// take gives i a version of j's table.
func (w *town) take(i, j int, version uint64) {
	if version <= w.have[i][j] {
		return
	}
	if w.have[i][j] < w.version[j] && version == w.version[j] {
		w.behind--
	}
	w.have[i][j] = version
}

// announce changes j's table and tells of it.
func (w *town) announce(t *testing.T, j int) {
	r := w.route(j, int(w.version[j])%townRoutes)
	r.Reads += uint32(w.version[j])
	if _, err := w.owners[j].update([]Route{r}, nil); err != nil {
		t.Fatal(err)
	}
	for i := range w.n {
		if i != j && w.have[i][j] == w.version[j] {
			w.behind++
		}
	}
	w.version[j]++
	if !w.pushing[j] {
		w.pushing[j] = true
		w.after(10*time.Millisecond, func() { w.push(j) })
	}
	if w.tagFree[j] <= w.now {
		w.tag(j)
	}
}

// tag puts j's tag into its gossip, and looks again when serf has set it, and for its echo.
func (w *town) tag(j int) {
	version := w.version[j]
	w.tell(j, version)
	w.tagFree[j] = w.now + townTag
	w.after(townTag, func() {
		if w.version[j] > version {
			w.tag(j)
		} else {
			w.after(echo+w.some(echo), func() {
				if w.version[j] == version {
					w.tell(j, version)
				}
			})
		}
	})
}

func (w *town) tell(j int, version uint64) {
	w.tags[j]++
	w.hear(j, townNews{j, w.tags[j], version})
}

// hear takes a tag, and passes it on.
func (w *town) hear(i int, news townNews) {
	if news.number <= w.heard[i][news.owner] {
		return
	}
	w.heard[i][news.owner] = news.number
	if i != news.owner && news.version > w.tagged[i][news.owner] {
		w.tagged[i][news.owner] = news.version
		w.schedule(i, news.owner)
	}
	q := &w.queue[i]
	if len(q.tiers) == 0 {
		q.tiers = make([][]townNews, 4*int(math.Ceil(math.Log10(float64(w.n+1)))))
	}
	q.tiers[0] = append(q.tiers[0], news)
	if !q.running {
		q.running = true
		w.after(w.some(townRound), func() { w.round(i) })
	}
}

// round is what a relay does every tenth of a second if it has something to tell.
func (w *town) round(i int) {
	q := &w.queue[i]
	for range 3 {
		packet := w.packet(i)
		if len(packet) == 0 {
			q.running = false
			return
		}
		to := w.rnd.IntN(w.n)
		w.gossip += townMessage * len(packet)
		w.after(w.way(), func() {
			for _, news := range packet {
				w.hear(to, news)
			}
		})
	}
	w.after(townRound, func() { w.round(i) })
}

// packet takes six tags that were told least often, without those that are out of date.
func (w *town) packet(i int) []townNews {
	q := &w.queue[i]
	var packet []townNews
	var told [][]townNews
	for tier := range q.tiers {
		var again []townNews
		for len(q.tiers[tier]) > 0 && len(packet) < 6 {
			news := q.tiers[tier][0]
			q.tiers[tier] = q.tiers[tier][1:]
			if news.number == w.heard[i][news.owner] {
				packet = append(packet, news)
				again = append(again, news)
			}
		}
		told = append(told, again)
	}
	for tier, again := range told {
		if tier+1 < len(q.tiers) {
			q.tiers[tier+1] = append(q.tiers[tier+1], again...)
		}
	}
	return packet
}

// push gives all others what changed in j's table, some at a time, and then what changed meanwhile.
func (w *town) push(j int) {
	version := w.version[j]
	order := w.rnd.Perm(w.n)
	open := 0
	var next func()
	next = func() {
		for open < townWindow && len(order) > 0 {
			i := order[0]
			order = order[1:]
			if i == j {
				continue
			}
			open++
			w.deliver(i, j, func() {
				open--
				next()
			})
		}
		if open == 0 && len(order) == 0 {
			if w.pushing[j] = w.version[j] > version; w.pushing[j] {
				w.after(10*time.Millisecond, func() { w.push(j) })
			}
		}
	}
	next()
}

func (w *town) deliver(i, j int, done func()) {
	base := w.have[i][j] // what it was told last, or pulls at this moment
	body, to := w.owners[j].answer(Query{7, base})
	w.count(j, i, 2*townHeader+len(body))
	if w.rnd.Float64() < w.loss {
		w.after(townLost, func() { w.deliver(i, j, func() {}) })
		w.after(townLost, done)
		return
	}
	w.after(w.way(), func() {
		w.work(i, townTake, func() {
			if base > 0 {
				w.take(i, j, to)
				if c := w.catalogs[i]; c != nil {
					_ = c.receive(epoch, body)
				}
			}
			w.after(w.way(), done)
		})
	})
}

// report logs what a part of the simulation took, and starts counting anew.
func (w *town) report(t *testing.T, what string, took time.Duration) {
	sum := func(list []int) (all int) {
		for _, n := range list {
			all += n
		}
		return all
	}
	t.Logf("%-40s %8v   messages per relay %6d, at most %6d   bytes %9d, at most %9d   gossip %8d", what, took.Round(time.Millisecond),
		sum(w.messages)/w.n, slices.Max(w.messages), sum(w.bytes)/w.n, slices.Max(w.bytes), w.gossip/w.n)
	clear(w.messages)
	clear(w.bytes)
	w.gossip = 0
}

// quiet runs until nothing is under way.
func (w *town) quiet() {
	for len(w.agenda) > 0 {
		w.step()
	}
}

// TestTown prints how long a large mesh takes for what, in how many messages and bytes.
func TestTown(t *testing.T) {
	n := 150
	if *fullSize {
		n = 1000
	}
	w := newTown(t, n)
	t.Logf("%d relays with %d routes each", n, townRoutes)
	w.report(t, "all start at once", w.equal(t))
	w.quiet()

	w.announce(t, 5)
	w.report(t, "one announces a route", w.equal(t))
	w.quiet()
	w.report(t, "and the tag's way after it", 0)

	w.loss = 0.05
	w.announce(t, 6)
	w.report(t, "one announces, 5 % of pushes are lost", w.equal(t))
	w.quiet()
	clear(w.messages)

	w.loss = 0.01
	const changes, span = 1000, 10 * time.Second
	for range changes {
		j := w.rnd.IntN(n)
		w.after(w.some(span), func() { w.announce(t, j) })
	}
	begun := w.now
	for w.now-begun < span {
		w.step()
	}
	w.report(t, "100 changes a second for 10 s, 1 % lost", w.now-begun)
	w.report(t, "until all are equal after that", w.equal(t))
	w.quiet()

	clear(w.have[9])
	w.behind = n - 1
	for j := range n {
		if j != 9 {
			w.schedule(9, j)
		}
	}
	w.report(t, "one starts and gets all", w.equal(t))
	w.check(t)
}

// check compares the catalogs with the owners' tables.
func (w *town) check(t *testing.T) {
	for i, c := range w.catalogs {
		if got, want := len(c.index.all()), (w.n-1)*townRoutes; got != want {
			t.Errorf("relay %d has %d routes of %d", i, got, want)
		}
		for j, o := range w.owners {
			if j == i {
				continue
			}
			if p := c.peers[o.id]; p.table == nil || p.table.digest != o.now.digest || p.table.version != o.now.version {
				t.Fatalf("relay %d has another table of relay %d than that one", i, j)
			}
		}
	}
}
