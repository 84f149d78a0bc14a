package tests

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/ctwo-go/c2/internal/leaktest"
)

// TestBombs sends arguments that are small on the wire and would be large, deep or endless if they were believed. Each
// is refused with a clear message, takes no more memory than it may, and the connection goes on.
func TestBombs(t *testing.T) {
	leaktest.Check(t)
	_, c, lab := labOnWire(t, dialWire)
	nested := func(open string, n int) []byte { return append(bytes.Repeat([]byte(open), n), 0) }
	huge := []byte{0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	structs := append([]byte{0xa1, 0x65}, "Slice\x9a\x00\x03\x00\x00"...) // {"Slice": [192 Ki empty maps]}
	structs = append(structs, bytes.Repeat([]byte{0xa0}, 192<<10)...)
	tests := []struct {
		name, method string
		arg          []byte
		says         string
	}{
		{"deep arrays", "Any", nested("\x81", 200_000), "nested deeper"},
		{"deep maps", "Any", nested("\xa1\x00", 100_000), "nested deeper"},
		{"deep tags", "Any", nested("\xc6", 200_000), "nested deeper"},
		{"deep structs", "Everything", append([]byte("\xa1\x64Tree"), nested("\xa1\x65Nodes\x81", 20_000)...), "nested deeper"},
		{"array of 2^64 elements", "Any", huge, "elements"},
		{"string of 2^64 bytes", "Any", []byte{0x7b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "bytes"},
		{"map of 2^64 pairs", "Any", append([]byte{0xbb}, huge[1:]...), "elements"},
		{"typed array of 2^60 bytes", "Sum", append([]byte{0xd8, 86, 0x5b, 0x10}, make([]byte, 7)...), "bytes"},
		{"typed array of half an element", "Sum", []byte{0xd8, 86, 0x43, 1, 2, 3}, "no whole number"},
		{"key twice", "Any", []byte{0xa2, 0x61, 'a', 0, 0x61, 'a', 1}, "twice"},
		{"text that is no UTF-8", "Any", []byte{0x62, 0xc3, 0x28}, "UTF-8"},
		{"indefinite length", "Any", []byte{0x9f, 0, 0xff}, "indefinite"},
		{"nothing", "Any", nil, "the data ends"},
		{"two where one is wanted", "Any", []byte{0, 0}, "after the last"},
		{"many empty structs", "Everything", structs, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := lab.request(t, tt.method, tt.arg)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			end := c.call(req)
			runtime.ReadMemStats(&after)
			if tt.says == "" {
				if end.code != 0 {
					t.Errorf("code %d, want success", end.code)
				}
			} else if _, message := end.failure(); end.code != 10 || !strings.Contains(message, tt.says) {
				t.Errorf("code %d, %q, want code 10 and %q in it", end.code, message, tt.says)
			}
			if grown := int64(after.TotalAlloc - before.TotalAlloc); grown > 256<<20 {
				t.Errorf("%d MiB were allocated for %d bytes", grown>>20, len(tt.arg))
			}
		})
	}
	if got := c.results(lab.request(t, "Plain", cborUint(6), cborUint(7))); len(got) != 2 {
		t.Errorf("afterwards: %v", got)
	}
}
