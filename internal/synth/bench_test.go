package synth_test

import (
	"reflect"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/ctwo-go/c2/internal/synth"
)

// constant is the least an invoker can do: what it costs is what a call costs.
func constant() invoke {
	out := []reflect.Value{reflect.ValueOf(3), reflect.Zero(reflect.TypeFor[error]())}
	return func(int, []reflect.Value) []reflect.Value { return out }
}

func BenchmarkCall(b *testing.B) {
	p := implement[counter](b, constant())
	b.ReportAllocs()
	for b.Loop() {
		p.Add(1, 2)
	}
}

// BenchmarkMakeFunc is what BenchmarkCall compares with: a func field filled by reflect.MakeFunc.
func BenchmarkMakeFunc(b *testing.B) {
	var client struct{ Add func(a, b int) (int, error) }
	inv := constant()
	field := reflect.ValueOf(&client).Elem().Field(0)
	field.Set(reflect.MakeFunc(field.Type(), func(args []reflect.Value) []reflect.Value { return inv(0, args) }))
	b.ReportAllocs()
	for b.Loop() {
		client.Add(1, 2)
	}
}

func BenchmarkNew(b *testing.B) {
	inv := constant()
	implement[counter](b, inv)
	iface := reflect.TypeFor[counter]()
	b.ReportAllocs()
	for b.Loop() {
		synth.New(iface, inv)
	}
}

func BenchmarkOf(b *testing.B) {
	p := implement[counter](b, constant())
	b.ReportAllocs()
	for b.Loop() {
		synth.Of(p)
	}
}

func TestNewAllocatesOnce(t *testing.T) {
	if info, ok := debug.ReadBuildInfo(); ok && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool {
		return s.Key == "-race" || s.Key == "-gcflags"
	}) {
		t.Skip("instrumented code allocates more")
	}
	inv := constant()
	implement[counter](t, inv)
	iface := reflect.TypeFor[counter]()
	if n := testing.AllocsPerRun(100, func() { synth.New(iface, inv) }); n > 1 {
		t.Errorf("New makes %v allocations", n)
	}
}
