package chart

// Range is a value and what goes beyond it.
type Range struct {
	Name         string
	From, Middle float64 // positive; a dot stands at From, a mark at Middle
	To           float64 // where the line ends
	Label        string  // what stands there
	Strong       bool    // drawn thicker
}

// Ranges is a chart of ranges, one under the other.
type Ranges struct {
	Title   string
	Ranges  []Range
	NameOf  func(float64) string // names a power of ten
	Caption string               // says what dot, mark and line are
}

// Where ranges are drawn, in units of the SVG. Their names stand to the left.
const (
	rangesWidth            = 900
	rangesLeft             = 160.0
	rangesRight            = 800.0
	rangesTop, rangeHeight = 20.0, 30.0
)

// SVG draws the chart.
func (r Ranges) SVG() []byte {
	bottom := rangesTop + rangeHeight*float64(len(r.Ranges))
	var values []float64
	for _, one := range r.Ranges {
		values = append(values, one.From, one.Middle, one.To)
	}
	x := decades(values, rangesLeft, rangesRight)
	c := newCanvas(rangesWidth, int(bottom)+60, r.Title)
	for _, v := range x.ticks() {
		c.line(x.at(v), rangesTop, x.at(v), bottom, 1, axisColour, "")
		c.text(x.at(v), bottom+18, "middle", textColour, r.NameOf(v))
	}
	c.text((rangesLeft+rangesRight)/2, bottom+42, "middle", textColour, r.Caption)
	for i, one := range r.Ranges {
		one.draw(c, x, rangesTop+rangeHeight*(float64(i)+0.5))
	}
	return c.end()
}

func (one Range) draw(c *canvas, x axis, y float64) {
	colour, width := "#777777", 2.0
	if one.Strong {
		colour, _ = palette(0)
		width = 4
	}
	c.text(rangesLeft-10, y+4, "end", textColour, one.Name)
	c.line(x.at(one.From), y, x.at(one.To), y, width, colour, "")
	c.line(x.at(one.Middle), y-6, x.at(one.Middle), y+6, width, colour, "")
	c.put(`<circle cx="%.1f" cy="%.1f" r="5" fill="%s"/>`, x.at(one.From), y, colour)
	c.text(x.at(one.To)+8, y+4, "start", textColour, one.Label)
}
