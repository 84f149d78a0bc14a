package chart_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/ctwo-go/c2/tests/compare/internal/chart"
)

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func TestLines(t *testing.T) {
	l := chart.Lines{
		Title: "times & sizes",
		Lines: []chart.Line{
			{Name: "a <b>", X: []float64{1, 10, 100}, Y: []float64{0.5, 3, 700}, Strong: true},
			{Name: "shorter", X: []float64{1, 10}, Y: []float64{5, 30}},
			{Name: "empty"},
		},
		XName: number,
		YName: number,
	}
	svg := string(l.SVG())
	elements := count(t, svg)
	if elements["polyline"] != 3 {
		t.Errorf("%d lines were drawn, want 3", elements["polyline"])
	}
	for _, want := range []string{
		"times &amp; sizes", "a &lt;b&gt;", "shorter",
		`points="70.0,`, // the first size is at the left
		`680.0,`,        // the last at the right
		">0.1<", ">1000<",
	} {
		if !strings.Contains(svg, want) {
			t.Errorf("there is no %q in\n%s", want, svg)
		}
	}
	if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Errorf("a place is no number:\n%s", svg)
	}
}

// TestDegenerate draws charts that show next to nothing.
func TestDegenerate(t *testing.T) {
	for name, svg := range map[string][]byte{
		"no lines":   chart.Lines{XName: number, YName: number}.SVG(),
		"one point":  chart.Lines{Lines: []chart.Line{{X: []float64{10}, Y: []float64{100}}}, XName: number, YName: number}.SVG(),
		"no ranges":  chart.Ranges{NameOf: number}.SVG(),
		"one moment": chart.Ranges{Ranges: []chart.Range{{From: 10, Middle: 10, To: 10}}, NameOf: number}.SVG(),
	} {
		t.Run(name, func(t *testing.T) {
			count(t, string(svg))
			if s := string(svg); strings.Contains(s, "NaN") || strings.Contains(s, "Inf") {
				t.Errorf("a place is no number:\n%s", s)
			}
		})
	}
}

func TestRanges(t *testing.T) {
	r := chart.Ranges{
		Ranges: []chart.Range{{Name: "a", From: 10, Middle: 20, To: 90, Label: "here", Strong: true}, {Name: "b", From: 15, Middle: 16, To: 17}},
		NameOf: number,
	}
	svg := string(r.SVG())
	if got := count(t, svg)["circle"]; got != 2 {
		t.Errorf("%d dots were drawn, want 2", got)
	}
	for _, want := range []string{">here<", ">10<", ">100<", `cx="160.0"`} {
		if !strings.Contains(svg, want) {
			t.Errorf("there is no %q in\n%s", want, svg)
		}
	}
}

// count checks that svg is XML, and counts its elements.
func count(t *testing.T, svg string) map[string]int {
	t.Helper()
	elements := make(map[string]int)
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return elements
		}
		if err != nil {
			t.Fatalf("this is no XML: %v\n%s", err, svg)
		}
		if start, ok := token.(xml.StartElement); ok {
			elements[start.Name.Local]++
		}
	}
}
