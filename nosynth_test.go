//go:build c2_nosynth

package c2_test

import (
	"testing"

	"github.com/ctwo-go/c2"
)

// TestUnsupported: where no interface can be implemented at run time the error names the other two ways, and they work.
func TestUnsupported(t *testing.T) {
	node := newNode(t)
	register[Calc](t, node, "calc", calc{})
	register[Counter](t, node, "counter", &counter{})
	_, err := c2.Connect[Counter](t.Context(), "counter", c2.On(node))
	wantError(t, err, c2.ErrUnsupported, "struct of funcs", "RegisterStub", "Counter")
	if n, err := connect[CounterFuncs](t, node, "counter").Increment(t.Context(), 1); n != 1 || err != nil {
		t.Errorf("a struct of funcs: %d, %v", n, err)
	}
	if n, err := connect[Calc](t, node, "calc").Double(2); n != 4 || err != nil {
		t.Errorf("a stub: %d, %v", n, err)
	}
}
