package synth

import (
	"errors"
	"fmt"
	"reflect"
)

// check returns everything that keeps an interface from being implemented, one error a fault.
func check(iface reflect.Type) error {
	if iface == nil {
		return fmt.Errorf("%w: no type; use reflect.TypeFor with an interface", ErrInterface)
	}
	if iface.Kind() != reflect.Interface {
		return fmt.Errorf("%w %v: it is a %v, not an interface", ErrInterface, iface, iface.Kind())
	}
	n := iface.NumMethod()
	if n == 0 {
		return fmt.Errorf("%w %v: it has no methods, so no call could ever arrive", ErrInterface, iface)
	}
	var faults []error
	if n > MaxMethods {
		faults = append(faults, fmt.Errorf("%w %v: it has %d methods, the limit is %d; split it into smaller interfaces",
			ErrInterface, iface, n, MaxMethods))
	}
	for i := range n {
		if err := checkMethod(iface, iface.Method(i)); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

func checkMethod(iface reflect.Type, m reflect.Method) error {
	if !m.IsExported() {
		return fmt.Errorf("%w %v: method %s is unexported, so only package %s can implement it",
			ErrInterface, iface, m.Name, m.PkgPath)
	}
	if n := m.Type.NumIn() + m.Type.NumOut(); n > maxSignature {
		return fmt.Errorf("%w %v: method %s has %d parameters and results, the limit is %d; group them in a struct",
			ErrInterface, iface, m.Name, n, maxSignature)
	}
	return nil
}
