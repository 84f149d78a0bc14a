package main

import (
	"strings"
	"testing"
)

func TestTail(t *testing.T) {
	var said tail
	for range 3 {
		said.Write([]byte(strings.Repeat("x", 5000) + "\n"))
	}
	said.Write([]byte("the end\n\n"))
	if got := said.String(); len(got) != 8<<10 || lastLine(got) != "the end" {
		t.Errorf("%d bytes are kept, the last line is %q", len(got), lastLine(got))
	}
	if got := lastLine("  \n"); got != "" {
		t.Errorf("the last line of nothing is %q", got)
	}
}
