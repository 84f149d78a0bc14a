package main

import (
	"fmt"
	"os"
	"testing"
)

// TestMain lets the processes that a comparison starts be what they are to be, as main does.
func TestMain(m *testing.M) {
	played, err := play()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if !played {
		m.Run()
	}
}
