package main

import (
	"strings"
	"testing"
)

// TestWithoutPython has peers written in Python say that they are not there, and what to do about it.
func TestWithoutPython(t *testing.T) {
	for _, venvs := range []string{"", t.TempDir()} {
		entrants, absent, err := pythonEntrants(t.Context(), venvs, t.TempDir())
		if err != nil || len(entrants) > 0 || len(absent) == 0 {
			t.Fatalf("with %q: %v, %v, %v", venvs, entrants, absent, err)
		}
		for _, a := range absent {
			if !strings.Contains(a.why, "python/install.sh") {
				t.Errorf("%s: %s; that does not say what to do", a.title, a.why)
			}
		}
	}
}
