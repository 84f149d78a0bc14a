package relay

import (
	"bytes"
	"net/http"
	"runtime/debug"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
	"github.com/valyala/fasthttp"

	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// metrics are the relay's figures as Prometheus reads them. They are collected when they are asked for, from what the relay
// counts anyway.
type metrics struct {
	relay    *Relay
	registry *prometheus.Registry

	received, sent       atomic.Uint64 // bytes of bodies
	held                 atomic.Int64  // bytes of servers' memory, for answers that are being sent
	announced, discarded atomic.Uint64 // announcements
	problems             [codes]atomic.Uint64

	calls, duration, answered *prometheus.Desc
	numbers                   []number
}

// number is a metric without labels.
type number struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	get  func() float64
}

func newMetrics(r *Relay) *metrics {
	m := &metrics{relay: r, registry: prometheus.NewRegistry()}
	m.calls = prometheus.NewDesc("c2_relay_calls_total", "Calls that have ended, by how: ok or the code of the error.", []string{"resource", "method", "code"}, nil)
	m.duration = prometheus.NewDesc("c2_relay_call_duration_seconds", "Time from the end of a request's header to the beginning of its answer.", []string{"resource", "method"}, nil)
	m.answered = prometheus.NewDesc("c2_relay_problems_total", "Requests of any kind that were answered with an error, by its code.", []string{"code"}, nil)
	gauge, counter := prometheus.GaugeValue, prometheus.CounterValue
	m.add("c2_relay_calls_in_flight", "Calls that run.", gauge, func() float64 { return float64(r.inFlight.Load()) })
	m.add("c2_relay_received_bytes_total", "Bytes of the bodies of calls.", counter, func() float64 { return float64(m.received.Load()) })
	m.add("c2_relay_sent_bytes_total", "Bytes of the bodies of answers.", counter, func() float64 { return float64(m.sent.Load()) })
	m.add("c2_relay_held_bytes", "Bytes of servers' memory that answers on their way keep.", gauge, func() float64 { return float64(m.held.Load()) })
	m.add("c2_relay_spooled_bytes", "Bytes of files for the bodies of slow peers.", gauge, func() float64 { return float64(r.spool.used.Load()) })
	m.add("c2_relay_connections", "Open connections of callers and announcing servers.", gauge, func() float64 { return float64(r.conns.len()) })
	m.add("c2_relay_connections_refused_total", "Connections beyond the bound.", counter, func() float64 { return float64(r.conns.refused.Load()) })
	m.add("c2_relay_routes", "Routes to resources.", gauge, func() float64 { routes, _ := r.sizes(); return float64(routes) })
	m.add("c2_relay_servers", "Servers that are connected.", gauge, func() float64 { _, servers := r.sizes(); return float64(servers) })
	m.add("c2_relay_announcements_total", "Announcements that were taken.", counter, func() float64 { return float64(m.announced.Load()) })
	m.add("c2_relay_announcements_refused_total", "Announcements that were refused.", counter, func() float64 { return float64(m.discarded.Load()) })
	memory := func(get func(ipc.MemoryStats) uint64) func() float64 {
		return func() float64 { return float64(get(r.memory.Stats())) }
	}
	m.add("c2_relay_pool_bytes", "Shared memory of the relay's pools, in use or kept for the next bodies.", gauge, memory(func(s ipc.MemoryStats) uint64 { return s.Bytes }))
	m.add("c2_relay_pool_file_bytes", "Files of the relay's pools.", gauge, memory(func(s ipc.MemoryStats) uint64 { return s.Files }))
	m.add("c2_relay_pool_lent_bytes", "Bytes of the relay's pools that servers read.", gauge, memory(func(s ipc.MemoryStats) uint64 { return s.Lent }))
	m.registry.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) add(name, help string, kind prometheus.ValueType, get func() float64) {
	m.numbers = append(m.numbers, number{prometheus.NewDesc(name, help, nil, nil), kind, get})
}

// problem counts an answer that is an error.
func (m *metrics) problem(code ipc.Code) { m.problems[known(code)].Add(1) }

func (r *Relay) sizes() (routes, servers int) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.routes, len(r.servers)
}

// Describe implements [prometheus.Collector].
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	out <- m.calls
	out <- m.duration
	out <- m.answered
	for _, n := range m.numbers {
		out <- n.desc
	}
}

// Collect implements [prometheus.Collector].
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	for _, n := range m.numbers {
		out <- prometheus.MustNewConstMetric(n.desc, n.kind, n.get())
	}
	for code := range m.problems {
		if n := m.problems[code].Load(); n > 0 {
			out <- prometheus.MustNewConstMetric(m.answered, prometheus.CounterValue, float64(n), relayapi.CodeName(ipc.Code(code)))
		}
	}
	for name, f := range m.relay.allFigures() {
		f.each(func(method string, one *methodFigures) { m.collectMethod(out, name, method, one) })
	}
}

func (m *metrics) collectMethod(out chan<- prometheus.Metric, name, method string, f *methodFigures) {
	total := uint64(0)
	for code := range codes {
		if n := f.ended[code].Load(); n > 0 {
			total += n
			out <- prometheus.MustNewConstMetric(m.calls, prometheus.CounterValue, float64(n), name, method, relayapi.CodeName(ipc.Code(code)))
		}
	}
	if total == 0 {
		return // most methods of most resources: they need no series yet
	}
	buckets := make(map[float64]uint64, len(bounds))
	count := uint64(0)
	for i, bound := range bounds {
		count += f.buckets[i].Load()
		buckets[bound.Seconds()] = count
	}
	count += f.buckets[len(bounds)].Load()
	sum := float64(f.sum.Load()) / 1e9
	out <- prometheus.MustNewConstHistogram(m.duration, count, sum, buckets, name, method)
}

// allFigures are the figures of all names.
func (r *Relay) allFigures() map[string]*figures {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make(map[string]*figures, len(r.names))
	for name, e := range r.names {
		all[name] = e.figures
	}
	return all
}

// serveMetrics answers Prometheus.
func (r *Relay) serveMetrics(ctx *fasthttp.RequestCtx) error {
	families, err := r.metrics.registry.Gather()
	if err != nil {
		return err
	}
	format := expfmt.NegotiateAccept(http.Header{"Accept": {string(ctx.Request.Header.Peek("Accept"))}}, expfmt.DefaultAcceptedFormats()...)
	var buf bytes.Buffer
	enc := expfmt.NewEncoder(&buf, format)
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			return err
		}
	}
	if c, ok := enc.(expfmt.Closer); ok {
		if err := c.Close(); err != nil {
			return err
		}
	}
	ctx.Response.Header.SetContentType(string(format))
	ctx.SetBody(buf.Bytes())
	return nil
}

// Version is the version of the program that the relay is in, as its build says.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
