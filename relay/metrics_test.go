package relay_test

import (
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
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
