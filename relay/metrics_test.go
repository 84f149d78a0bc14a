package relay_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/relay"
)

// families are the figures that the relay gives Prometheus.
func (h *host) families() map[string]*dto.MetricFamily {
	h.t.Helper()
	status, body := h.get("/metrics")
	if status != 200 {
		h.t.Fatalf("/metrics: %d %s", status, body)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body + "\n"))
	if err != nil {
		h.t.Fatal(err)
	}
	return families
}

// metric is the value of a metric without labels.
func (h *host) metric(name string) float64 {
	h.t.Helper()
	f := h.families()[name]
	if f == nil {
		h.t.Fatalf("no metric %s", name)
	}
	m := f.GetMetric()[0]
	return m.GetGauge().GetValue() + m.GetCounter().GetValue()
}

func TestMetrics(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{})
	if f := h.families()["c2_relay_calls_total"]; f != nil {
		t.Errorf("series before any call: %v", f)
	}
	for range 3 {
		h.call("Add", "[1]")
	}
	h.call("Fail", "[]")
	h.call("None", "[]")
	families := h.families()
	calls := make(map[string]float64)
	for _, m := range families["c2_relay_calls_total"].GetMetric() {
		var labels []string
		for _, l := range m.GetLabel() {
			labels = append(labels, l.GetName()+"="+l.GetValue())
		}
		calls[strings.Join(labels, " ")] = m.GetCounter().GetValue()
	}
	if len(calls) != 2 || calls["code=ok method=Add resource=t"] != 3 || calls["code=resource method=Fail resource=t"] != 1 {
		t.Errorf("%v", calls)
	}
	for _, m := range families["c2_relay_call_duration_seconds"].GetMetric() {
		if n := m.GetHistogram().GetSampleCount(); n != 3 && n != 1 || m.GetHistogram().GetSampleSum() <= 0 {
			t.Errorf("%v", m)
		}
	}
	for name, want := range map[string]float64{
		"c2_relay_routes": 1, "c2_relay_servers": 1, "c2_relay_announcements_total": 1, "c2_relay_announcements_refused_total": 0,
		"c2_relay_calls_in_flight": 0, "c2_relay_received_bytes_total": 3*3 + 2, "c2_relay_held_bytes": 0, "c2_relay_spooled_bytes": 0,
		"c2_relay_connections_refused_total": 0,
	} {
		if got := h.metric(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	for _, name := range []string{
		"c2_relay_sent_bytes_total", "c2_relay_connections", "go_goroutines", "process_open_fds",
	} {
		if h.metric(name) <= 0 {
			t.Errorf("%s does not move", name)
		}
	}
	h.get("/healthz")
}

// lines is a log that tests read.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestAccessLog(t *testing.T) {
	leaktest.Check(t)
	log := new(lines)
	h, _, _ := served(t, relay.Config{AccessLog: true, Logger: zerolog.New(log), Token: ""})
	h.call("Add", "[1]")
	h.dial().exchange("GET /x%0ay\" HTTP/1.1\r\nHost: x\r\n\r\n")
	for _, line := range strings.Split(strings.TrimSpace(log.String()), "\n") {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
	for _, want := range []string{`"method":"POST","target":"/v1/resources/t/Add","status":200`, `"target":"/x%0ay\"","status":404`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in %s", want, log)
		}
	}
}

// What is refused before any resource hears of it is counted, too.
func TestProblemsAreCounted(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{Token: "sesame"})
	h.call("Fail", "[]")
	h.call("None", "[]")
	h.get("/v1/nowhere")
	h.talk("nonsense\r\n\r\n", true)
	h.talk(post("Add", "Expect: 100-continue\r\nContent-Length: 3\r\n", ""), false)
	h.token = "open"
	h.call("Add", "[1]")
	h.token = "sesame"
	got := make(map[string]float64)
	for _, m := range h.families()["c2_relay_problems_total"].GetMetric() {
		got[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
	}
	if want := map[string]float64{"resource": 1, "not_found": 2, "invalid": 1, "denied": 2}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The documentation has the metrics that there are.
func TestMetricsAreDocumented(t *testing.T) {
	leaktest.Check(t)
	text, err := os.ReadFile("../docs/relay.md")
	if err != nil {
		t.Fatal(err)
	}
	h, _, _ := served(t, relay.Config{})
	h.call("Fail", "[]")
	families := h.families()
	for name := range families {
		if strings.HasPrefix(name, "c2_") && !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/relay.md has no %s", name)
		}
	}
	for _, name := range regexp.MustCompile("`(c2_relay_[a-z_]+)`").FindAllStringSubmatch(string(text), -1) {
		if families[name[1]] == nil {
			t.Errorf("docs/relay.md has %s, the relay does not", name[1])
		}
	}
}
