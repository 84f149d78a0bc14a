package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/ctwo-go/c2"
)

func TestVisitInProcess(t *testing.T) {
	f, err := loadField()
	if err != nil {
		t.Fatal(err)
	}
	if len(f.points) != 4800 {
		t.Fatalf("%d points, want 4800", len(f.points))
	}
	node, err := c2.NewNode(c2.Address("ipc://" + t.TempDir() + "/wind.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer node.Shutdown(context.Background())
	if err := c2.Register[Wind]("wind", f, c2.On(node)); err != nil {
		t.Fatal(err)
	}
	if err := visit(t.Context(), c2.On(node)); err != nil {
		t.Fatal(err)
	}
	s, err := f.Summary(t.Context())
	if err != nil || s.Max.Speed < 18 {
		t.Errorf("after the visit the strongest wind is %.1f (%v), want 1.5 times what it was", s.Max.Speed, err)
	}
}

func TestDraw(t *testing.T) {
	var out bytes.Buffer
	Grid{Longitude: []float64{0, 1}, Latitude: []float64{0, 1}, Direction: []float64{90, 360}, Speed: []float64{10, 10}}.draw(&out, 2, 2)
	if want := "   ↑\n  → \n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
