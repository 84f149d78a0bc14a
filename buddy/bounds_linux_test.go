package buddy_test

import (
	"math"
	"testing"
	"testing/fstest"

	"github.com/ctwo-go/c2/buddy"
)

func TestSharesOfWhatCanBeMapped(t *testing.T) {
	const tera, unlimited = 1 << 40, math.MaxInt64
	for _, c := range []struct {
		name        string
		files       map[string]string
		bits        int
		space, data int64
		want        [5]int64
	}{
		{"nothing is known", nil, 47, unlimited, unlimited, [5]int64{32765, 16382, 16 * tera, 8191, 8 * tera}},
		{"more mappings", map[string]string{"max_map_count": "1048576\n", "overcommit_memory": "0\n"}, 47, unlimited, unlimited,
			[5]int64{524288, 262144, 16 * tera, 131072, 8 * tera}},
		{"few addresses", nil, 39, unlimited, unlimited, [5]int64{32765, 16382, 64 << 30, 8191, 32 << 30}},
		{"limited addresses", nil, 47, 16 << 30, unlimited, [5]int64{32765, 16382, 2 << 30, 8191, 1 << 30}},
		{"limited memory", nil, 47, unlimited, 16 << 30, [5]int64{32765, 16382, 16 * tera, 8191, 2 << 30}},
		{"no more promises than memory", map[string]string{"overcommit_memory": "2\n"}, 47, unlimited, unlimited,
			[5]int64{32765, 16382, 16 * tera, 8191, 1 << 30}},
		{"all addresses there are", nil, 64, unlimited, unlimited, [5]int64{32765, 16382, 1 << 59, 8191, 1 << 58}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := fstest.MapFS{"proc/meminfo": {Data: []byte("MemTotal: 4194304 kB\nCommitLimit:     8388608 kB\n")}}
			for name, text := range c.files {
				root["proc/sys/vm/"+name] = &fstest.MapFile{Data: []byte(text)}
			}
			if got := buddy.SharesOf(root, c.bits, c.space, c.data); got != c.want {
				t.Errorf("shares are %d, want %d", got, c.want)
			}
		})
	}
}
