package chart

import (
	"fmt"
	"slices"
	"strings"
)

// Line is a series of points.
type Line struct {
	Name   string
	X, Y   []float64 // of one length, positive
	Strong bool      // drawn thicker
}

// Lines is a chart of lines.
type Lines struct {
	Title string
	Lines []Line
	XName func(float64) string // names a place on the axis at which some line has a point
	YName func(float64) string // names a power of ten
}

// Where lines are drawn, in units of the SVG. Their names stand to the right.
const (
	linesWidth, linesHeight = 900, 460
	linesLeft, linesRight   = 70.0, 680.0
	linesTop, linesBottom   = 20.0, 420.0
	nameHeight              = 20.0
)

// SVG draws the chart.
func (l Lines) SVG() []byte {
	var xs, ys []float64
	for _, line := range l.Lines {
		xs, ys = append(xs, line.X...), append(ys, line.Y...)
	}
	slices.Sort(xs)
	xs = slices.Compact(xs)
	if len(xs) == 0 {
		xs = []float64{1}
	}
	x := axis{low: xs[0], high: xs[len(xs)-1], from: linesLeft, to: linesRight}
	if x.low == x.high {
		x.high *= 10
	}
	y := decades(ys, linesBottom, linesTop)
	c := newCanvas(linesWidth, linesHeight, l.Title)
	l.drawAxes(c, x, y, xs)
	for i, line := range l.Lines {
		line.draw(c, x, y, i)
	}
	l.drawNames(c, y)
	return c.end()
}

func (l Lines) drawAxes(c *canvas, x, y axis, xs []float64) {
	for _, v := range xs {
		c.line(x.at(v), linesTop, x.at(v), linesBottom, 1, axisColour, "")
		c.text(x.at(v), linesBottom+18, "middle", textColour, l.XName(v))
	}
	for _, v := range y.ticks() {
		c.line(linesLeft, y.at(v), linesRight, y.at(v), 1, axisColour, "")
		c.text(linesLeft-6, y.at(v)+4, "end", textColour, l.YName(v))
	}
}

func (line Line) draw(c *canvas, x, y axis, i int) {
	colour, dash := palette(i)
	points := make([]string, len(line.X))
	for j := range points {
		points[j] = fmt.Sprintf("%.1f,%.1f", x.at(line.X[j]), y.at(line.Y[j]))
	}
	c.put(`<polyline points="%s" fill="none" stroke="%s" stroke-width="%.1f"%s/>`, strings.Join(points, " "), colour, line.width(), dash)
}

func (line Line) width() float64 {
	if line.Strong {
		return 3.5
	}
	return 1.7
}

// drawNames writes the lines' names beside their last points, as near as they fit, in the order of these.
func (l Lines) drawNames(c *canvas, y axis) {
	type name struct {
		index       int
		place, text float64
	}
	var names []name
	for i, line := range l.Lines {
		if n := len(line.Y); n > 0 {
			names = append(names, name{i, y.at(line.Y[n-1]), 0})
		}
	}
	slices.SortStableFunc(names, func(a, b name) int { return int(100 * (a.place - b.place)) })
	free := linesTop
	for i := range names {
		room := linesBottom - nameHeight*float64(len(names)-1-i)
		names[i].text = max(free, min(names[i].place, room))
		free = names[i].text + nameHeight
	}
	for _, n := range names {
		line := l.Lines[n.index]
		colour, dash := palette(n.index)
		if line.X[len(line.X)-1] == l.lastX() {
			c.line(linesRight, n.place, linesRight+20, n.text, 1, axisColour, "")
		}
		c.line(linesRight+22, n.text, linesRight+46, n.text, line.width(), colour, dash)
		c.text(linesRight+52, n.text+4, "start", textColour, line.Name)
	}
}

func (l Lines) lastX() (last float64) {
	for _, line := range l.Lines {
		for _, x := range line.X {
			last = max(last, x)
		}
	}
	return last
}
