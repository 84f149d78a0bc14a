package main

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/examples/internal/wind"
)

// Wind is the contract: a plain interface. It is all that the client knows of the resource.
type Wind interface {
	Summary(ctx context.Context) (Summary, error)
	Strongest(ctx context.Context, n int) ([]Point, error)
	Grid(ctx context.Context) (Grid, error)
	Scale(ctx context.Context, area Area, factor float64) (changed int, err error)
}

// Point is the wind at one place: degrees, degrees, degrees, metres a second.
type Point struct{ Longitude, Latitude, Direction, Speed float64 }

// Area is a part of the map, in degrees.
type Area struct{ West, South, East, North float64 }

// Summary is what one wants to know of the field first.
type Summary struct {
	Points  int
	Area    Area
	Mean    float64
	Max     Point
	Process int // that answered
}

// Grid is the whole field, column by column: each slice travels as one block of bytes.
type Grid struct{ Longitude, Latitude, Direction, Speed []float64 }

// field is the resource: an ordinary struct with ordinary methods and no locks.
type field struct {
	_      c2.Policy `read:"Summary,Strongest,Grid"` // these may run beside each other; Scale runs alone
	points []Point
}

func loadField() (*field, error) {
	points, err := wind.Read[Point]()
	return &field{points: points}, err
}

func (f *field) Summary(context.Context) (Summary, error) {
	s := Summary{Points: len(f.points), Process: os.Getpid(), Area: Area{180, 90, -180, -90}}
	for _, p := range f.points {
		s.Mean += p.Speed / float64(len(f.points))
		if p.Speed > s.Max.Speed {
			s.Max = p
		}
		s.Area = Area{min(s.Area.West, p.Longitude), min(s.Area.South, p.Latitude), max(s.Area.East, p.Longitude), max(s.Area.North, p.Latitude)}
	}
	return s, nil
}

func (f *field) Strongest(_ context.Context, n int) ([]Point, error) {
	if n < 0 {
		return nil, errors.New("how many? at least none")
	}
	byStrength := slices.SortedStableFunc(slices.Values(f.points), func(a, b Point) int { return int(1000 * (b.Speed - a.Speed)) })
	return byStrength[:min(n, len(byStrength))], nil
}

func (f *field) Grid(context.Context) (g Grid, err error) {
	for _, p := range f.points {
		g.Longitude = append(g.Longitude, p.Longitude)
		g.Latitude = append(g.Latitude, p.Latitude)
		g.Direction = append(g.Direction, p.Direction)
		g.Speed = append(g.Speed, p.Speed)
	}
	return g, nil
}

func (f *field) Scale(_ context.Context, a Area, factor float64) (changed int, err error) {
	for i := range f.points {
		p := &f.points[i]
		if a.West <= p.Longitude && p.Longitude <= a.East && a.South <= p.Latitude && p.Latitude <= a.North {
			p.Speed *= factor
			changed++
		}
	}
	return changed, nil
}
