package synth_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ctwo-go/c2/internal/synth"
)

func TestSupported(t *testing.T) {
	err := synth.Supported()
	hasTrampolines := slices.Contains([]string{"linux", "darwin"}, runtime.GOOS) &&
		slices.Contains([]string{"amd64", "arm64"}, runtime.GOARCH) && !disabled
	if hasTrampolines && err != nil {
		t.Errorf("Supported() = %v on %s/%s", err, runtime.GOOS, runtime.GOARCH)
	}
	if !hasTrampolines && !errors.Is(err, synth.ErrUnsupported) {
		t.Errorf("Supported() = %v on %s/%s, want ErrUnsupported", err, runtime.GOOS, runtime.GOARCH)
	}
}

func TestNewAgreesWithSupported(t *testing.T) {
	_, err := synth.New(reflect.TypeFor[counter](), returning())
	if errors.Is(err, synth.ErrUnsupported) != (synth.Supported() != nil) {
		t.Errorf("New gives %v, Supported %v", err, synth.Supported())
	}
}

type (
	counter interface {
		Add(a, b int) (int, error)
		Close() error
	}
	secretive interface {
		Open() error
		close() error
		drop() error
	}
	long interface {
		Many([]int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int,
			int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int,
			int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int,
			int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int,
			int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int,
			int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int,
			int, int, int, int, int, int, int) error
	}
)

func TestRejected(t *testing.T) {
	for name, c := range map[string]struct {
		iface reflect.Type
		say   []string
	}{
		"nil":        {nil, []string{"no type"}},
		"struct":     {reflect.TypeFor[padded](), []string{"synth_test.padded", "struct, not an interface"}},
		"pointer":    {reflect.TypeFor[*counter](), []string{"ptr, not an interface"}},
		"no methods": {reflect.TypeFor[any](), []string{"no methods"}},
		"unexported": {reflect.TypeFor[secretive](), []string{"method close is unexported", "method drop is unexported"}},
		"too wide":   {reflect.TypeFor[tooWide](), []string{"129 methods", "limit is 128"}},
		"too long":   {reflect.TypeFor[long](), []string{"method Many has 128 parameters and results", "limit is 127"}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := synth.Supported(); err != nil {
				t.Skip(err)
			}
			_, err := synth.New(c.iface, returning())
			if !errors.Is(err, synth.ErrInterface) || errors.Is(err, synth.ErrUnsupported) {
				t.Fatalf("New gives %v, want an ErrInterface", err)
			}
			for _, s := range c.say {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("error %q does not say %q", err, s)
				}
			}
		})
	}
}

func TestNilInvoker(t *testing.T) {
	if err := synth.Supported(); err != nil {
		t.Skip(err)
	}
	if _, err := synth.New(reflect.TypeFor[counter](), nil); err == nil || !strings.Contains(err.Error(), "nil invoker") {
		t.Errorf("New with a nil invoker gives %v", err)
	}
}

func TestOf(t *testing.T) {
	type key struct{ invoke }
	inv := &key{returning(nil)}
	v := synthesise(t, reflect.TypeFor[counter](), inv)
	if got, ok := synth.Of(v.Interface().(counter)); !ok || got != synth.Invoker(inv) {
		t.Errorf("Of a synthesised value = %v, %v", got, ok)
	}
	for name, other := range map[string]any{
		"nil": nil, "int": 1, "struct": padded{}, "interface pointer": new(counter), "nil pointer": (*padded)(nil),
		"func": func() {}, "uncomparable": []int{1}, "uncomparable struct": large{},
		"a zero value of the type": reflect.Zero(v.Type()).Interface(),
		"a pointer to the type":    reflect.New(v.Type()).Interface(),
	} {
		if got, ok := synth.Of(other); ok || got != nil {
			t.Errorf("Of(%s) = %v, %v", name, got, ok)
		}
	}
}

func TestWidest(t *testing.T) {
	w := implement[widest](t, func(method int, args []reflect.Value) []reflect.Value {
		return []reflect.Value{reflect.ValueOf(1000*method + int(args[0].Int()))}
	})
	v := reflect.ValueOf(w)
	for i, call := range widestCalls {
		if got := call(w, 7); got != 1000*i+7 {
			t.Errorf("method %d called through the interface answers %d", i, got)
		}
		if got := v.Type().Method(i).Func.Call([]reflect.Value{v, reflect.ValueOf(8)})[0].Int(); got != int64(1000*i+8) {
			t.Errorf("method %d called by reflect answers %d", i, got)
		}
	}
}

// TestGenerated fails when a generator was changed, or its output, and go generate was not run.
func TestGenerated(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command")
	}
	dir := t.TempDir()
	for _, program := range []string{"gen.go", "gencases.go"} {
		cmd := exec.Command("go", "run", program, "-dir", dir)
		cmd.Env = append(os.Environ(), "GOOS=", "GOARCH=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", program, err, out)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 4 {
		t.Fatalf("the generators wrote %v, %v", files, err)
	}
	for _, want := range files {
		w, _ := os.ReadFile(want)
		h, err := os.ReadFile(filepath.Base(want))
		if err != nil || string(h) != string(w) {
			t.Errorf("%s is not current (%v); run go generate", filepath.Base(want), err)
		}
	}
}
