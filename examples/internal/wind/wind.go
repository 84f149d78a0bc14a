// Package wind has the wind field that several examples serve; DATA.md says where it is from.
package wind

import (
	_ "embed"
	"encoding/csv"
	"strconv"
	"strings"
)

//go:embed windvectors.csv
var windvectors string

// Read returns the field as points of the caller's own type: degrees, degrees, degrees, metres a second.
func Read[P ~struct{ Longitude, Latitude, Direction, Speed float64 }]() (points []P, err error) {
	rows, err := csv.NewReader(strings.NewReader(windvectors)).ReadAll()
	if err != nil {
		return nil, err
	}
	for _, row := range rows[1:] {
		var v [5]float64 // longitude, latitude, dir, dirCat, speed
		for i, text := range row {
			if v[i], err = strconv.ParseFloat(text, 64); err != nil {
				return nil, err
			}
		}
		points = append(points, P{v[0], v[1], v[2], v[4]})
	}
	return points, nil
}
