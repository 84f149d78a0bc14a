package ipc

import (
	"os"
	"strings"
	"testing"
)

// TestGoldenFramesAreDocumented keeps docs/wire.md true: it shows each frame, byte by byte.
func TestGoldenFramesAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/wire.md")
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(string(doc))
	for name, frame := range readGolden(t) {
		if !strings.Contains(plain, name) || !strings.Contains(plain, frame) {
			t.Errorf("docs/wire.md does not show the frame %s with the bytes %s", name, frame)
		}
	}
}
