//go:build (linux || darwin) && (amd64 || arm64) && !c2_nosynth

package synth

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"unsafe"
)

// The following mirror internal/abi, whose types are the runtime's own. verify compares what they say
// with what reflect says before anything is written.

// abiType is abi.Type.
type abiType struct {
	size       uintptr
	ptrBytes   uintptr
	hash       uint32
	tflag      uint8
	align      uint8
	fieldAlign uint8
	kind       uint8
	equal      func(unsafe.Pointer, unsafe.Pointer) bool
	gcData     *byte
	str        int32
	ptrToThis  int32
}

// abiStruct is abi.StructType, with the uncommon type that follows it in a type that has methods.
type abiStruct struct {
	abiType
	pkgPath  *byte
	fields   []abiField
	uncommon abiUncommon
}

// abiField is abi.StructField.
type abiField struct {
	_      *byte    // its name
	_      *abiType // its type
	offset uintptr
}

// abiUncommon is abi.UncommonType.
type abiUncommon struct {
	pkgPath int32
	mcount  uint16
	xcount  uint16
	moff    uint32
	_       uint32
}

// abiMethod is abi.Method.
type abiMethod struct {
	name int32
	mtyp int32
	ifn  int32 // offset of the code that interface calls reach
	tfn  int32 // offset of the code that reflect.Type.Method reaches
}

// tflagUncommon is abi.TFlagUncommon.
const tflagUncommon = 1 << 0

// stubName is the function that reflect puts behind every promoted method of an embedded interface.
const stubName = "reflect.embeddedIfaceMethStub"

// addReflectOff registers a pointer with the runtime and returns the offset it is resolved by. The runtime
// pushes it for linking by name, under the promise that it stays (go.dev/issue/67401).
//
//go:linkname addReflectOff reflect.addReflectOff
func addReflectOff(ptr unsafe.Pointer) int32

// patch points the methods of t at the trampolines. t must be fresh from structOf(iface) and used by nobody.
func patch(t, iface reflect.Type) error {
	if err := checkLayout(t); err != nil {
		return err
	}
	st := structAt(t)
	methods, err := methodsOf(st, iface.NumMethod())
	if err != nil {
		return err
	}
	if err := checkMethods(methods, t, iface); err != nil {
		return err
	}
	for i := range methods {
		methods[i].ifn = addReflectOff(code(&byPointerCode[i]))
		methods[i].tfn = addReflectOff(code(&byValueCode[i]))
	}
	return checkPatched(t)
}

// checkLayout compares the struct type with value, which stands for it in compiled code.
func checkLayout(t reflect.Type) error {
	v := reflect.TypeFor[value]()
	if t.Size() != v.Size() || t.Align() != v.Align() || t.NumField() != v.NumField() {
		return errors.New("the struct type's layout is not as expected")
	}
	for i := range v.NumField() {
		if t.Field(i).Offset != v.Field(i).Offset {
			return fmt.Errorf("field %s of the struct type is at offset %d, not %d",
				t.Field(i).Name, t.Field(i).Offset, v.Field(i).Offset)
		}
	}
	return nil
}

// structAt returns the runtime's description of a struct type made by reflect.
func structAt(t reflect.Type) *abiStruct {
	zero := reflect.Zero(t).Interface()
	// The type word of an interface value points at the type's description. That of a struct type is at
	// least as long as abiStruct without uncommon, which methodsOf looks at only where the flag says it is there.
	return (*abiStruct)((*eface)(unsafe.Pointer(&zero)).typ)
}

// describes reports whether st says of itself what reflect says of value, so that the mirrors above hold.
func describes(st *abiStruct) bool {
	v := reflect.TypeFor[value]()
	if st.size != v.Size() || st.kind != uint8(reflect.Struct) || st.align != uint8(v.Align()) ||
		len(st.fields) != v.NumField() || cap(st.fields) != v.NumField() {
		return false
	}
	for i := range st.fields {
		if st.fields[i].offset != v.Field(i).Offset {
			return false
		}
	}
	return true
}

// methodsOf returns the n entries of the method table of st, after proving where they are.
func methodsOf(st *abiStruct, n int) ([]abiMethod, error) {
	if !describes(st) {
		return nil, errors.New("the runtime describes a struct type in another way than expected")
	}
	if st.tflag&tflagUncommon == 0 {
		return nil, errors.New("the struct type has no method table")
	}
	u := &st.uncommon
	if int(u.mcount) != n || int(u.xcount) != n || uintptr(u.moff) != unsafe.Sizeof(*u) {
		return nil, fmt.Errorf("the method table has %d methods, %d exported, at %d; expected %d at %d",
			u.mcount, u.xcount, u.moff, n, unsafe.Sizeof(*u))
	}
	// reflect allocates the description, the uncommon type and the methods as one object, in this order, and
	// moff says that the methods begin where the uncommon type ends.
	first := (*abiMethod)(unsafe.Add(unsafe.Pointer(u), u.moff))
	return unsafe.Slice(first, n), nil
}

// checkMethods proves that the entries are reflect's stubs, unused and in the order of the interface.
func checkMethods(methods []abiMethod, t, iface reflect.Type) error {
	for i := range methods {
		have, want := t.Method(i), iface.Method(i)
		if have.Name != want.Name {
			return fmt.Errorf("method %d of the struct type is %s, not %s", i, have.Name, want.Name)
		}
		stub := have.Func.Pointer()
		if f := runtime.FuncForPC(stub); f == nil || f.Name() != stubName || f.Entry() != stub {
			return fmt.Errorf("method %s is not %s", want.Name, stubName)
		}
		// The address is the runtime's own, of code that is never moved, so it may cross as an integer.
		off := addReflectOff(code(&stub))
		if methods[i].ifn != off || methods[i].tfn != off {
			return fmt.Errorf("the entry of method %s does not name %s", want.Name, stubName)
		}
	}
	return nil
}

// checkPatched proves that the runtime reads what patch wrote.
func checkPatched(t reflect.Type) error {
	for i := range t.NumMethod() {
		m := t.Method(i)
		if m.Func.Pointer() != byValueCode[i] {
			return fmt.Errorf("method %s did not take its trampoline", m.Name)
		}
	}
	return nil
}

// code returns the address of code as a pointer.
func code(addr *uintptr) unsafe.Pointer {
	// A pointer to code is the same word as its address, and means nothing to the collector.
	return *(*unsafe.Pointer)(unsafe.Pointer(addr))
}
