package tests

import (
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

var plotFile = flag.String("plot", "", "write an SVG of BenchmarkSizes to this file")

// curve is the times of one way to send, by size.
type curve struct {
	name  string
	sizes []int
	times []time.Duration
}

// The plot's field, in the units of the SVG, and what it shows: each decade of time, each factor of 16 of size.
const (
	plotLeft, plotTop     = 70, 20
	plotWidth, plotHeight = 620, 400
	plotFirst, plotLast   = 6, 31       // sizes, as powers of two
	plotLow, plotHigh     = -1.0, 7.001 // microseconds, as powers of ten
)

var plotColours = []string{"#888888", "#e08214", "#1b7837", "#5aae61", "#762a83", "#c2a5cf"}

// writePlot draws curves with both axes logarithmic.
func writePlot(tb testing.TB, path string, curves []curve) {
	tb.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", plotLeft+plotWidth+20, plotTop+plotHeight+50)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/>`+"\n")
	for p := plotFirst; p <= plotLast; p += 4 {
		x := plotX(1 << p)
		fmt.Fprintf(&b, `<path d="M%.1f %d v%d" stroke="#ddd"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", x, plotTop, plotHeight, x, plotTop+plotHeight+18, plotSize(1<<p))
	}
	for i, label := range []string{"0.1 µs", "1 µs", "10 µs", "0.1 ms", "1 ms", "10 ms", "0.1 s", "1 s", "10 s"} {
		y := plotY(math.Pow10(i - 1))
		fmt.Fprintf(&b, `<path d="M%d %.1f h%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", plotLeft, y, plotWidth, plotLeft-6, y+4, label)
	}
	for i, c := range curves {
		colour := plotColours[i%len(plotColours)]
		points := make([]string, len(c.sizes))
		for j, size := range c.sizes {
			points[j] = fmt.Sprintf("%.1f,%.1f", plotX(size), plotY(float64(c.times[j].Nanoseconds())/1000))
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), colour)
		fmt.Fprintf(&b, `<path d="M%d %d h20" stroke="%s" stroke-width="2"/><text x="%d" y="%d">%s</text>`+"\n", plotLeft+15, plotTop+20+18*i, colour, plotLeft+42, plotTop+24+18*i, c.name)
	}
	b.WriteString("</svg>\n")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		tb.Error(err)
	}
}

func plotX(size int) float64 {
	return plotLeft + plotWidth*(math.Log2(float64(size))-plotFirst)/(plotLast-plotFirst)
}

func plotY(us float64) float64 {
	low := math.Max(math.Log10(us), plotLow)
	return plotTop + plotHeight*(1-(low-plotLow)/(plotHigh-plotLow))
}

func plotSize(n int) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%d GiB", n>>30)
	}
	return sizeName(n)
}
