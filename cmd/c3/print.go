package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// printJSON writes v on one line.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return other(e.Encode(v))
}

// printTable writes rows in columns, the first as a heading.
func printTable(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = visible(cell)
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return other(t.Flush())
}

// visible is text of others without what a terminal would take for a command, or a table for the end of a cell.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, s)
}

// other marks an error of writing.
func other(err error) error {
	if err == nil {
		return nil
	}
	return otherError{err}
}

func number[T int | uint64](n T) string { return strconv.FormatUint(uint64(n), 10) }

// count is a number of things in English.
func count[T int | int64 | uint64](n T, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatUint(uint64(n), 10) + " " + one + "s"
}

// errorCounts are numbers of errors by their code, such as "busy 3, resource 1".
func errorCounts(errors map[string]uint64) string {
	var parts []string
	for _, code := range slices.Sorted(maps.Keys(errors)) {
		parts = append(parts, fmt.Sprintf("%s %d", code, errors[code]))
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, ", ")
}

// duration is a number of seconds with two digits that count.
func duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	unit := time.Duration(1)
	for unit*100 <= d {
		unit *= 10
	}
	return d.Round(unit).String()
}

// size is a number of bytes.
func size[T int64 | uint64](n T) string {
	f, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for f >= 1024 && len(units) > 1 {
		f, units = f/1024, units[1:]
	}
	return strconv.FormatFloat(f, 'g', 3, 64) + " " + units[0]
}
