package main

import (
	"fmt"
	"time"

	"github.com/ctwo-go/c2"
)

// ask makes a call and prints it. Calls are made once, cold: what you see is what a first call costs.
func ask[T any](what string, call func() (T, error)) (T, error) {
	begin := time.Now()
	v, err := call()
	took := time.Since(begin)
	if err == nil {
		fmt.Printf("  %-24s %-40s %v\n", what, tell(v), took.Round(time.Microsecond))
	}
	return v, err
}

func tell(v any) string {
	switch v := v.(type) {
	case Mesh:
		return fmt.Sprintf("%d vertices, %d triangles", len(v.Vertices), len(v.Triangles))
	case int:
		return fmt.Sprintf("%d vertices changed", v)
	}
	return fmt.Sprint(v)
}

// tellHeld prints how much of the server's memory this process keeps.
func tellHeld(what string) {
	stats := c2.HoldStats()
	fmt.Printf("  %-24s holds: %d, bytes of the server's memory: %d\n", what, stats.ActiveHolds, stats.HeldBytes)
}

// tellLent prints how often this process has sent a piece of its memory by reference.
func tellLent() {
	fmt.Printf("  %-24s pieces sent by reference: %d\n", "lent", c2.MemoryStats().Attached)
}
