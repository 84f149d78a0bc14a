package main

import (
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	all := []entrant{{name: "a"}, {name: "b"}, {name: "c"}}
	for only, want := range map[string]string{"": "abc", "b": "b", "c,a": "ca"} {
		chosen, err := choose(all, only)
		got := ""
		for _, e := range chosen {
			got += e.name
		}
		if err != nil || got != want {
			t.Errorf("-only %q: %q, %v, want %q", only, got, err, want)
		}
	}
	if _, err := choose(all, "a,x"); err == nil || !strings.Contains(err.Error(), "there are a, b, c") {
		t.Errorf("-only a,x: %v, want who there is", err)
	}
}

func TestParse(t *testing.T) {
	o, err := parse([]string{"-quick", "-only", "c2", "-write", "f.md", "-python", "dir"})
	if want := (options{quick: true, only: "c2", write: "f.md", python: "dir"}); err != nil || o != want {
		t.Errorf("got %+v, %v, want %+v", o, err, want)
	}
	if _, err := parse([]string{"quick"}); err == nil {
		t.Error("an argument that is no flag was ignored")
	}
}
