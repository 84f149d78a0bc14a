package policy_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoReplace keeps go.mod honest: a user's build ignores our replace directives. A
// nested module may point at this repository, as nothing else can provide it.
func TestNoReplace(t *testing.T) {
	walk(t, func(path string, entry fs.DirEntry) error {
		if entry.Name() != "go.mod" {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			line, _, _ = strings.Cut(line, "//")
			what, by, replaces := strings.Cut(line, "=>")
			own := strings.Contains(what, module) && strings.HasPrefix(strings.TrimSpace(by), "..")
			if replaces && (path == "go.mod" || !own) {
				t.Errorf("%s: %q; use a released version", path, strings.TrimSpace(line))
			}
		}
		return nil
	})
}
