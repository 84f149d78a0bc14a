package chart

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// The looks that all charts have in common.
const (
	axisColour = "#d7d7d7"
	textColour = "#333333"
)

// palette returns the colour of the i-th series. They can be told apart by those who see fewer colours, too; from the ninth on they
// are repeated, with dashes.
func palette(i int) (colour, dash string) {
	colours := [...]string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6a3d9a", "#777777"}
	if i >= len(colours) {
		dash = ` stroke-dasharray="6 3"`
	}
	return colours[i%len(colours)], dash
}

// canvas is an SVG that is being written.
type canvas struct {
	strings.Builder
}

// newCanvas begins an SVG that says what it shows to those who can't see it.
func newCanvas(width, height int, title string) *canvas {
	c := new(canvas)
	c.put(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" role="img">`, width, height)
	c.put(`<title>%s</title>`, escape(title))
	c.put(`<rect width="100%%" height="100%%" fill="white"/>`)
	return c
}

func (c *canvas) put(format string, args ...any) { fmt.Fprintf(c, format+"\n", args...) }

func (c *canvas) text(x, y float64, anchor, colour, s string) {
	c.put(`<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s">%s</text>`, x, y, anchor, colour, escape(s))
}

func (c *canvas) line(x1, y1, x2, y2, width float64, colour, dash string) {
	c.put(`<path d="M%.1f %.1fL%.1f %.1f" stroke="%s" stroke-width="%.1f"%s/>`, x1, y1, x2, y2, colour, width, dash)
}

// end ends the SVG and returns it.
func (c *canvas) end() []byte {
	c.put("</svg>")
	return []byte(c.String())
}

func escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}
