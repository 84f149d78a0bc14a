package main

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// duration writes d with three digits at most, in the unit that fits.
func duration(d time.Duration) string {
	switch {
	case d < time.Microsecond:
		return fmt.Sprintf("%d ns", d)
	case d < time.Millisecond:
		return digits(float64(d)/1e3) + " µs"
	case d < time.Second:
		return digits(float64(d)/1e6) + " ms"
	}
	return digits(d.Seconds()) + " s"
}

// digits writes v with three digits, or all before the point if they are more.
func digits(v float64) string {
	places := 2 - int(math.Floor(math.Log10(max(v, 1))))
	return strconv.FormatFloat(v, 'f', max(places, 0), 64)
}

// thousands writes n rounded to three digits, in groups.
func thousands(n float64) string {
	if n >= 1000 {
		unit := math.Pow10(int(math.Floor(math.Log10(n))) - 2)
		n = math.Round(n/unit) * unit
	}
	s := strconv.FormatFloat(n, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// bytesOf writes a size.
func bytesOf(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}
