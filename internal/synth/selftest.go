package synth

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
)

// selfTested runs selfTest once per process.
var selfTested = sync.OnceValue(selfTest)

// probe is the interface that the self-test implements. Every method returns its index and its arguments:
// in registers, on the stack, and both.
type probe interface {
	Mixed(a int, b string, c float64, d [2]string, e error) (int, int, string, float64, [2]string, error)
	Registers(a string, b []byte, c complex128) (int, string, []byte, complex128)
	Spilled(a, b, c, d, e, f string) (int, string, string, string, string, string, string)
}

// echo answers every call of a probe with the method's index and the arguments.
type echo struct{}

func (echo) Invoke(method int, args []reflect.Value) []reflect.Value {
	return append([]reflect.Value{reflect.ValueOf(method)}, args[1:]...)
}

// selfTest implements probe and calls it in each of the ways that a method can be reached.
func selfTest() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: the self-test panicked: %v", ErrUnsupported, r)
		}
	}()
	im, err := implementations.of(reflect.TypeFor[probe]())
	if err != nil {
		return err
	}
	v := im.value(echo{})
	p, ok := v.(probe)
	if !ok || !interfaceCallsWork(p) {
		return fmt.Errorf("%w: the self-test's calls through an interface went wrong", ErrUnsupported)
	}
	if !reflectCallsWork(reflect.ValueOf(v)) {
		return fmt.Errorf("%w: the self-test's calls through reflect went wrong", ErrUnsupported)
	}
	return nil
}

func interfaceCallsWork(p probe) bool {
	fault := errors.New("e")
	n, a, b, c, d, e := p.Mixed(1, "b", 2.5, [2]string{"d", "D"}, fault)
	if n != 0 || a != 1 || b != "b" || c != 2.5 || d != [2]string{"d", "D"} || e != fault {
		return false
	}
	n, b, bytes, z := p.Registers("a", []byte("b"), 1+2i)
	if n != 1 || b != "a" || string(bytes) != "b" || z != 1+2i {
		return false
	}
	n, s1, s2, s3, s4, s5, s6 := p.Spilled("1", "2", "3", "4", "5", "6")
	return n == 2 && s1+s2+s3+s4+s5+s6 == "123456"
}

func reflectCallsWork(v reflect.Value) bool {
	args := []reflect.Value{reflect.ValueOf("a"), reflect.ValueOf([]byte("b")), reflect.ValueOf(1 + 2i)}
	bound := v.Method(1).Call(args)
	unbound := v.Type().Method(1).Func.Call(append([]reflect.Value{v}, args...))
	for _, out := range [][]reflect.Value{bound, unbound} {
		if len(out) != 4 || out[0].Int() != 1 || out[1].String() != "a" || string(out[2].Bytes()) != "b" ||
			out[3].Complex() != 1+2i {
			return false
		}
	}
	return true
}
