package main

import "testing"

func TestSizes(t *testing.T) {
	for text, want := range map[string]struct {
		n    int64
		text string
	}{
		"0": {0, "0"}, "1000": {1000, "1000"}, "1024": {1024, "1KiB"}, "16KiB": {16 << 10, "16KiB"}, "1536 MiB": {1536 << 20, "1536MiB"}, "4GiB": {4 << 30, "4GiB"},
		"2TiB": {2 << 40, "2TiB"}, "-1": {-1, "-1"}, "8388607TiB": {8388607 << 40, "8388607TiB"},
	} {
		var v sizeValue
		if err := v.Set(text); err != nil || int64(v) != want.n || v.String() != want.text {
			t.Errorf("%q is %d, %s, %v", text, v, &v, err)
		}
	}
	for _, text := range []string{"", "GiB", "4GB", "4G", "4gib", "1.5GiB", "8388608TiB", "9223372036854775808", "1 000", "0x10", "1KiBKiB"} {
		var v sizeValue
		if err := v.Set(text); err == nil {
			t.Errorf("%q is %d", text, v)
		}
	}
}
