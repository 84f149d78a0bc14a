package main

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/examples/internal/wind"
)

// Wind is the contract.
type Wind interface {
	Summary(ctx context.Context) (Summary, error)
	At(ctx context.Context, longitude, latitude float64) (Point, error) // or ErrOutside
	Strongest(ctx context.Context, n int) ([]Point, error)
	Smooth(ctx context.Context, rounds int) (strongest Point, err error)
	Speeds(ctx context.Context) ([]float64, error)
	Grid(ctx context.Context) (Grid, error)
	Scale(ctx context.Context, area Area, factor float64) (changed int, err error)
}

// ErrOutside is there under the same name in every program that says so.
var ErrOutside = errors.New("no wind is known at this place")

var _ = c2.RegisterError("wind.outside", ErrOutside)

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

// Grid is the whole field in columns.
type Grid struct{ Longitude, Latitude, Direction, Speed []float64 }

// field is the resource: an ordinary struct with ordinary methods and no locks.
type field struct {
	_      c2.Policy `read:"Summary,At,Strongest,Smooth,Speeds,Grid"` // these may run beside each other; Scale runs alone
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

// At finds the nearest point, within half a degree.
func (f *field) At(_ context.Context, longitude, latitude float64) (Point, error) {
	distance := func(p Point) float64 { return math.Hypot(p.Longitude-longitude, p.Latitude-latitude) }
	nearest := slices.MinFunc(f.points, func(a, b Point) int { return int(1e6 * (distance(a) - distance(b))) })
	if distance(nearest) > 0.5 {
		return Point{}, ErrOutside
	}
	return nearest, nil
}

func (f *field) Strongest(_ context.Context, n int) ([]Point, error) {
	if n < 0 {
		return nil, errors.New("how many? at least none")
	}
	byStrength := slices.SortedStableFunc(slices.Values(f.points), func(a, b Point) int { return int(1000 * (b.Speed - a.Speed)) })
	return byStrength[:min(n, len(byStrength))], nil
}

// Smooth finds where the wind is strongest once each point has been averaged with its neighbours in the data, that many times.
// It ends when its caller does not wait any more.
func (f *field) Smooth(ctx context.Context, rounds int) (strongest Point, err error) {
	s := slices.Clone(f.points)
	for range rounds {
		if err := ctx.Err(); err != nil {
			return Point{}, err
		}
		for i := 1; i < len(s)-1; i++ {
			s[i].Speed = (s[i-1].Speed + 2*s[i].Speed + s[i+1].Speed) / 4
		}
	}
	return slices.MaxFunc(s, func(a, b Point) int { return int(1000 * (a.Speed - b.Speed)) }), nil
}

func (f *field) Speeds(context.Context) (speeds []float64, err error) {
	for _, p := range f.points {
		speeds = append(speeds, p.Speed)
	}
	return speeds, nil
}

// Grid writes straight into memory that the caller sees too, where there is such.
func (f *field) Grid(ctx context.Context) (Grid, error) {
	n := len(f.points)
	g := Grid{c2.Alloc[float64](ctx, n), c2.Alloc[float64](ctx, n), c2.Alloc[float64](ctx, n), c2.Alloc[float64](ctx, n)}
	for i, p := range f.points {
		g.Longitude[i], g.Latitude[i], g.Direction[i], g.Speed[i] = p.Longitude, p.Latitude, p.Direction, p.Speed
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

func mean(v []float64) (m float64) {
	for _, x := range v {
		m += x / float64(len(v))
	}
	return m
}
