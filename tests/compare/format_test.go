package main

import (
	"strconv"
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ns", 999: "999 ns", 1000: "1.00 µs", 9_340: "9.34 µs", 93_400: "93.4 µs", 934_000: "934 µs",
		1_250_000: "1.25 ms", 57_300_000: "57.3 ms", 1_200_000_000: "1.20 s", 75 * time.Second: "75.0 s", 2000 * time.Second: "2000 s",
	} {
		if got := duration(d); got != want {
			t.Errorf("%d ns: %q, want %q", d, got, want)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 12: "12", 999: "999", 1000: "1,000", 1234: "1,230", 80_349: "80,300", 3_000_000: "3,000,000"} {
		if got := thousands(n); got != want {
			t.Errorf("%v: %q, want %q", n, got, want)
		}
	}
}

func TestBytesOf(t *testing.T) {
	for n, want := range map[int]string{64: "64 B", 1 << 10: "1 KiB", 256 << 10: "256 KiB", 1 << 20: "1 MiB", 256 << 20: "256 MiB"} {
		if got := bytesOf(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestNanoseconds(t *testing.T) {
	for v, want := range map[float64]string{100: "100ns", 1e3: "1 µs", 1e4: "10 µs", 1e6: "1 ms", 1e8: "100 ms", 1e9: "1 s"} {
		if got := nanoseconds(v); got != want {
			t.Errorf("%s: %q, want %q", strconv.FormatFloat(v, 'g', -1, 64), got, want)
		}
	}
}
