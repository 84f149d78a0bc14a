package gossip

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/ctwo-go/c2/internal/await"
)

// These benchmarks measure what docs/mesh.md promises: twenty relays with the tuning that relays have, gossip and HTTP over
// loopback, all in this process.

// city is a world of twenty relays that fetch and push by HTTP.
type city struct {
	*world
	relays []*Mesh
	sent   atomic.Int64 // bytes of gossip
	edit   []func(*Config)
}

func newCity(b *testing.B, relays int, edit ...func(*Config)) *city {
	c := &city{world: newWorld(b), edit: edit}
	for i := range relays {
		c.add(b, fmt.Sprintf("r%02d", i))
	}
	await.Nothing(b, 30*time.Second, c.whole)
	return c
}

// add starts a relay with an HTTP server.
func (c *city) add(b *testing.B, id string) {
	var mesh atomic.Pointer[Mesh]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := mesh.Load()
		if m == nil || c.blocked(r.Header.Get("From"), m.config.URL) {
			w.WriteHeader(503)
			return
		}
		if r.Method == "POST" {
			body, err := io.ReadAll(r.Body)
			if err != nil || m.Receive(body) != nil {
				w.WriteHeader(409)
			}
			return
		}
		q, err := ParseQuery(r.FormValue("incarnation"), r.FormValue("since"))
		if err != nil {
			w.WriteHeader(400)
			return
		}
		_, _ = w.Write(m.Table(q))
	}))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	m := c.start(id, func(conf *Config) {
		conf.URL, conf.Tuning = server.URL, Tuning{}
		conf.Fetch = func(ctx context.Context, to string, q Query) ([]byte, error) {
			return c.do(ctx, client, conf.URL, "GET", to+"/v1/table?"+q.Encode(), nil)
		}
		conf.Push = func(ctx context.Context, to string, delta []byte) error {
			_, err := c.do(ctx, client, conf.URL, "POST", to+"/v1/table", delta)
			return err
		}
		conf.transport = func(t memberlist.NodeAwareTransport) memberlist.NodeAwareTransport {
			return counted{filter{t, c.world, conf.URL}, &c.sent}
		}
		if len(c.relays) > 0 {
			conf.Seeds = []string{c.relays[0].Address()}
		}
		for _, e := range c.edit {
			e(conf)
		}
	})
	mesh.Store(m)
	c.relays = append(c.relays, m)
	b.Cleanup(func() {
		c.kill(m)
		client.CloseIdleConnections()
		server.Close()
	})
}

func (c *city) do(ctx context.Context, client *http.Client, from, method, to string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("From", from)
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		return nil, fmt.Errorf("status %d", answer.StatusCode)
	}
	return io.ReadAll(answer.Body)
}

// counted is a transport that counts what is sent.
type counted struct {
	filter
	sent *atomic.Int64
}

func (c counted) WriteTo(b []byte, address string) (time.Time, error) {
	return c.WriteToAddress(b, memberlist.Address{Addr: address})
}

func (c counted) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	c.sent.Add(int64(len(b)))
	return c.filter.WriteToAddress(b, a)
}

func (c counted) DialTimeout(address string, d time.Duration) (net.Conn, error) {
	return c.DialAddressTimeout(memberlist.Address{Addr: address}, d)
}

func (c counted) DialAddressTimeout(a memberlist.Address, d time.Duration) (net.Conn, error) {
	conn, err := c.filter.DialAddressTimeout(a, d)
	if err != nil {
		return nil, err
	}
	return countedConn{conn, c.sent}, nil
}

// countedConn counts both directions, as the one who accepts does not.
type countedConn struct {
	net.Conn
	sent *atomic.Int64
}

func (c countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.sent.Add(int64(n))
	return n, err
}

func (c countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.sent.Add(int64(n))
	return n, err
}

// until waits for something that is cheap to ask, and returns how long that took.
func until(b *testing.B, limit time.Duration, done func() bool) time.Duration {
	b.Helper()
	took, ok := await.Within(limit, done)
	if !ok {
		b.Fatalf("not after %v", limit)
	}
	return took
}

// everywhere tells whether all relays but the first find n candidates for a name.
func (c *city) everywhere(name string, n int) func() bool {
	return func() bool {
		return !slices.ContainsFunc(c.relays[1:], func(m *Mesh) bool { return len(m.Lookup(name)) != n })
	}
}

func report(b *testing.B, what string, times []time.Duration) {
	slices.Sort(times)
	for _, p := range []int{50, 99} {
		b.ReportMetric(float64(times[len(times)*p/100].Microseconds())/1000, fmt.Sprint(what, "-p", p, "-ms"))
	}
}

// BenchmarkAnnounce: one relay of twenty announces a route and withdraws it; how long until all know.
func BenchmarkAnnounce(b *testing.B) {
	c := newCity(b, 20)
	var come, gone []time.Duration
	r := route("counter", 1)
	for b.Loop() {
		if err := c.relays[0].Update([]Route{r}, nil); err != nil {
			b.Fatal(err)
		}
		come = append(come, until(b, 30*time.Second, c.everywhere(r.Name, 1)))
		if err := c.relays[0].Update(nil, []Key{r.Key}); err != nil {
			b.Fatal(err)
		}
		gone = append(gone, until(b, 30*time.Second, c.everywhere(r.Name, 0)))
	}
	report(b, "known", come)
	report(b, "gone", gone)
}

// BenchmarkAnnounceByTag is the same without pushes.
func BenchmarkAnnounceByTag(b *testing.B) {
	c := newCity(b, 20, func(c *Config) { c.Push = nil })
	var come []time.Duration
	for i := 0; b.Loop(); i++ {
		r := route(fmt.Sprint("n", i), 1)
		if err := c.relays[0].Update([]Route{r}, nil); err != nil {
			b.Fatal(err)
		}
		come = append(come, until(b, 30*time.Second, c.everywhere(r.Name, 1)))
	}
	report(b, "known", come)
}

// BenchmarkBurst: one relay of twenty announces 5,000 routes, one by one.
func BenchmarkBurst(b *testing.B) {
	const n = 5000
	c := newCity(b, 20)
	for i := 0; b.Loop(); i++ {
		begun := time.Now()
		for j := range n {
			if err := c.relays[0].Update([]Route{route(fmt.Sprint("n", j), i)}, nil); err != nil {
				b.Fatal(err)
			}
		}
		said := time.Since(begun)
		version := c.relays[0].ledger.version()
		until(b, 60*time.Second, func() bool {
			return !slices.ContainsFunc(c.relays[1:], func(m *Mesh) bool { return m.catalog.known("r00").version != version })
		})
		b.ReportMetric(said.Seconds(), "said-s")
		b.ReportMetric(time.Since(begun).Seconds(), "known-s")
		if err := c.relays[0].SetRoutes(nil); err != nil {
			b.Fatal(err)
		}
	}
	if problem := c.whole(); problem != "" {
		await.Nothing(b, 30*time.Second, c.whole)
	}
}

// BenchmarkKill: a relay of twenty dies without a word; how long until nobody has its routes.
func BenchmarkKill(b *testing.B) {
	var times []time.Duration
	for b.Loop() {
		b.StopTimer()
		c := newCity(b, 20)
		if err := c.relays[19].Update([]Route{route("counter", 1)}, nil); err != nil {
			b.Fatal(err)
		}
		dead := c.relays[19]
		c.relays = c.relays[:19]
		until(b, 30*time.Second, c.everywhere("counter", 1))
		b.StartTimer()
		c.kill(dead)
		times = append(times, until(b, 60*time.Second, c.everywhere("counter", 0)))
		b.StopTimer()
		for _, m := range c.relays {
			c.kill(m)
		}
		b.StartTimer()
	}
	report(b, "gone", times)
}

// BenchmarkHeal: twenty relays are cut into halves for as long as it takes them to give each other up, go on announcing,
// and are healed; how long until all tables are equal.
func BenchmarkHeal(b *testing.B) {
	c := newCity(b, 20)
	var times []time.Duration
	for i := 0; b.Loop(); i++ {
		c.mu.Lock()
		c.cut = true
		for j, m := range c.relays {
			c.side[m.config.URL] = j % 2
		}
		c.mu.Unlock()
		apart := until(b, 60*time.Second, func() bool {
			return !slices.ContainsFunc(c.relays, func(m *Mesh) bool { return others(m.Members()) != 9 })
		})
		if *fullSize {
			time.Sleep(40 * time.Second) // memberlist gossips to the dead for 30 s
		}
		for j, m := range c.relays {
			if err := m.SetRoutes([]Route{route(fmt.Sprint("n", i), j), route("shared", j)}); err != nil {
				b.Fatal(err)
			}
		}
		c.heal()
		begun := time.Now()
		await.Nothing(b, 60*time.Second, c.whole)
		times = append(times, time.Since(begun))
		b.ReportMetric(apart.Seconds(), "apart-s")
	}
	report(b, "whole", times)
}

// BenchmarkIdle: what twenty relays with 100 routes each use while nothing happens, over ten seconds.
func BenchmarkIdle(b *testing.B) {
	c := newCity(b, 20)
	for i, m := range c.relays {
		var routes []Route
		for j := range 100 {
			routes = append(routes, route(fmt.Sprint("n", j), i))
		}
		if err := m.SetRoutes(routes); err != nil {
			b.Fatal(err)
		}
	}
	await.Nothing(b, 30*time.Second, c.whole)
	time.Sleep(3 * time.Second) // for the tags' echoes
	for b.Loop() {
		const span = 10 * time.Second
		sent, cpu := c.sent.Load(), cpuTime(b)
		time.Sleep(span)
		b.ReportMetric(100*float64(cpuTime(b)-cpu)/float64(span)/20, "%core/relay")
		b.ReportMetric(float64(c.sent.Load()-sent)/span.Seconds()/20, "bytes/s/relay")
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkTag: how long serf takes to set a tag.
func BenchmarkTag(b *testing.B) {
	c := newCity(b, 20)
	var times []time.Duration
	for b.Loop() {
		begun := time.Now()
		tag := c.relays[0].ledger.tag(c.relays[0].config.URL).String()
		if err := c.relays[0].membership.serf.SetTags(map[string]string{tagKey: tag}); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(begun))
	}
	report(b, "set", times)
}

// BenchmarkLookup among 100,000 routes.
func BenchmarkLookup(b *testing.B) {
	x := newIndex()
	for i := range 100_000 {
		r := route(fmt.Sprint("n", i), i)
		x.put(Candidate{Route: &r, Relay: fmt.Sprint("r", i%1000)})
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if len(x.lookup("n4711")) != 1 {
				b.Fail()
			}
		}
	})
}

// BenchmarkWhole is the table of a relay with 100 routes of one server, written and read.
func BenchmarkWhole(b *testing.B) {
	l := newLedger("r1", 7, Limits{}.withDefaults())
	for i := range 100 {
		r := route(fmt.Sprint("resource-", i), 1)
		r.ID = fmt.Sprintf("%016x", i*7919)
		if _, err := l.update([]Route{r}, nil); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		l.encoded = nil
		body, _ := l.answer(Query{})
		d, err := ParseDelta(body, l.limits)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := newReplica(7).apply(d, false, l.limits); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(body)), "bytes")
	}
}
