package main

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"strings"
)

// Mesh is what the client gets: two columns, each of which travels as one block of bytes, or, under hold, not at all.
type Mesh struct {
	Vertices  []Vec3
	Triangles [][3]uint32 // by their vertices, counted from 0
}

// Positions is what the client sends: a column of its own, since in plain values a slice of structs is sent one by one.
type Positions struct{ Vertices []Vec3 }

// Vec3 is a point.
type Vec3 struct{ X, Y, Z float64 }

// String prints the point as people write it.
func (v Vec3) String() string { return fmt.Sprintf("(%.4f, %.4f, %.4f)", v.X, v.Y, v.Z) }

func centroid(vertices []Vec3) (c Vec3) {
	for _, v := range vertices {
		c.X, c.Y, c.Z = c.X+v.X, c.Y+v.Y, c.Z+v.Z
	}
	n := float64(len(vertices))
	return Vec3{c.X / n, c.Y / n, c.Z / n}
}

//go:embed bunny.obj
var bunny string

// parseOBJ reads the lines of a Wavefront OBJ file that say where vertices are ("v x y z"), and which of them, counted
// from 1, make a triangle ("f i j k").
func parseOBJ(text string) (m Mesh, err error) {
	for line := range strings.Lines(text) {
		kind, rest, _ := strings.Cut(line, " ")
		switch kind {
		case "v":
			var v Vec3
			_, err = fmt.Sscan(rest, &v.X, &v.Y, &v.Z)
			m.Vertices = append(m.Vertices, v)
		case "f":
			var t [3]uint32
			_, err = fmt.Sscan(rest, &t[0], &t[1], &t[2])
			m.Triangles = append(m.Triangles, [3]uint32{t[0] - 1, t[1] - 1, t[2] - 1})
		}
		if err != nil {
			return m, fmt.Errorf("%q: %w", strings.TrimSpace(line), err)
		}
	}
	return m, nil
}

// writeOBJ is the reverse of parseOBJ.
func (m Mesh) writeOBJ(w io.Writer) error {
	out := bufio.NewWriter(w)
	for _, v := range m.Vertices {
		fmt.Fprintln(out, "v", v.X, v.Y, v.Z)
	}
	for _, t := range m.Triangles {
		fmt.Fprintln(out, "f", t[0]+1, t[1]+1, t[2]+1)
	}
	return out.Flush()
}
