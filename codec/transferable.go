package codec

import (
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"
)

// tagTransferable marks a transferable's bytes. IANA gives numbers above 32767 to whoever asks
// first and has not given this one; it is "c2" in ASCII, followed by 1.
//
// The tag stands around a byte string where the reader's type tells which transferable it is, and
// around an array of its name and the byte string inside any.
const tagTransferable = 0x63320001

// Transferable says how values of T are written and read, instead of the rules of the package.
type Transferable[T any] struct {
	// Name identifies the type to other programs: a reader must have registered the same.
	Name string
	// Size returns how many bytes Append will add. Where it is nil, the space for large values
	// is only found while they are written.
	Size func(v T) int
	// Append adds v's bytes to dst, as many as Size said.
	Append func(dst []byte, v T) ([]byte, error)
	// Decode makes a value of its own from src, which it must not keep.
	Decode func(src []byte) (T, error)
	// View makes a value that may lie in src, for a caller who asked for that. It may be nil.
	View func(src []byte) (T, error)
}

// transfer is the plan of a transferable, its type erased.
type transfer struct {
	typ     reflect.Type
	name    string
	content func(v reflect.Value) int // nil: not known in advance
	write   func(dst []byte, v reflect.Value) ([]byte, error)
	read    func(src []byte, v reflect.Value) error
	view    func(src []byte, v reflect.Value) error // nil: none
}

// Register makes T a transferable, in every type that has it inside. It must come before T is
// first used, so its place is beside the type, where package variables are set or main begins.
// A nil pointer (or nil interface, if T is one) is null and does not reach T's functions.
func Register[T any](t Transferable[T]) error {
	typ := reflect.TypeFor[T]()
	var errs []error
	if t.Name == "" || !utf8.ValidString(t.Name) {
		errs = append(errs, errors.New("it needs a Name, in UTF-8"))
	}
	if t.Append == nil || t.Decode == nil {
		errs = append(errs, errors.New("it needs Append and Decode"))
	}
	if plainData(typ) {
		errs = append(errs, errors.New("its encoding is fixed; define a type of your own"))
	}
	if len(errs) > 0 {
		return fmt.Errorf("transferable %q for %v: %w", t.Name, typ, errors.Join(errs...))
	}
	p := &transfer{typ: typ, name: t.Name, read: reader(t.Decode), view: reader(t.View)}
	p.write = func(dst []byte, v reflect.Value) ([]byte, error) { return t.Append(dst, valueOf[T](v)) }
	if t.Size != nil {
		p.content = func(v reflect.Value) int { return t.Size(valueOf[T](v)) }
	}
	return registry.add(p)
}

// plainData says whether t is what values without a type of their own are made of.
func plainData(t reflect.Type) bool {
	return t.Name() != "" && t.PkgPath() == "" && t != reflect.TypeFor[error]() ||
		t.Kind() == reflect.Interface && t.NumMethod() == 0 ||
		t == reflect.TypeFor[[]any]() || t == reflect.TypeFor[map[string]any]()
}

func reader[T any](decode func([]byte) (T, error)) func([]byte, reflect.Value) error {
	if decode == nil {
		return nil
	}
	return func(src []byte, v reflect.Value) error {
		x, err := decode(src)
		if err == nil {
			*v.Addr().Interface().(*T) = x
		}
		return err
	}
}

func (p *transfer) null(v reflect.Value) bool {
	return (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil()
}

func (p *transfer) size(v reflect.Value, e enc) int {
	if p.null(v) {
		return 1
	}
	total := headSize(tagTransferable)
	if e.named {
		total += 1 + stringSize(len(p.name))
	}
	if p.content == nil {
		return total + wideHead + guess
	}
	n := p.content(v)
	if n < 0 {
		return -1
	}
	return total + stringSize(n)
}

// wideHead is the size of a head with room for any length, put in before the length is known.
const wideHead = 9

func (p *transfer) append(dst []byte, v reflect.Value, e enc) ([]byte, error) {
	if p.null(v) {
		return append(dst, byteNull), nil
	}
	dst = appendHead(dst, majorTag, tagTransferable)
	if e.named {
		dst = appendHead(dst, majorArray, 2)
		dst = append(appendHead(dst, majorText, uint64(len(p.name))), p.name...)
	}
	if p.content == nil {
		return p.appendUnsized(dst, v)
	}
	n := p.content(v)
	if n < 0 {
		return dst, p.fault(fmt.Errorf("its Size is %d", n))
	}
	dst = appendHead(dst, majorBytes, uint64(n))
	out, err := p.write(dst, v)
	if err != nil {
		return dst, p.fault(err)
	}
	if len(out)-len(dst) != n {
		return dst, p.fault(fmt.Errorf("its Size is %d, but Append added %d bytes", n, len(out)-len(dst)))
	}
	return out, nil
}

func (p *transfer) appendUnsized(dst []byte, v reflect.Value) ([]byte, error) {
	dst = append(dst, majorBytes<<5|27, 0, 0, 0, 0, 0, 0, 0, 0)
	out, err := p.write(dst, v)
	if err != nil {
		return dst, p.fault(err)
	}
	n := len(out) - len(dst)
	if n < 0 {
		return dst, p.fault(errors.New("its Append returned less than it was given"))
	}
	length := out[len(dst)-8 : len(dst)]
	for i := range length {
		length[i] = byte(uint64(n) >> (56 - 8*i))
	}
	return out, nil
}

func (p *transfer) decode(d *dec, v reflect.Value) error {
	h, err := d.item()
	if err != nil || h.null() {
		return err
	}
	if h.major == majorArray {
		name, err := d.transferName(h)
		if err != nil {
			return err
		}
		if name != p.name {
			return fmt.Errorf("want the transferable %q, have %q", p.name, clip(name))
		}
		if h, err = d.item(); err != nil {
			return err
		}
	}
	if h.major != majorBytes {
		return wrong(fmt.Sprintf("the transferable %q", p.name), h)
	}
	return p.decodeContent(d, h, v)
}

func (p *transfer) decodeContent(d *dec, h head, v reflect.Value) error {
	b, err := d.take(h.arg)
	if err != nil {
		return err
	}
	if err := p.read(b, v); err != nil {
		return p.fault(err)
	}
	return nil
}

// transferName takes the name out of the array of name and bytes behind head h.
func (d *dec) transferName(h head) (string, error) {
	if h.arg != 2 {
		return "", fmt.Errorf("want a transferable's name and bytes, have an array of %d", h.arg)
	}
	name, err := d.head()
	if err != nil {
		return "", err
	}
	if name.major != majorText {
		return "", wrong("a transferable's name", name)
	}
	b, err := d.text(name.arg)
	return string(b), err
}

func (p *transfer) fault(err error) error {
	return fmt.Errorf("transferable %q (%v): %w", p.name, p.typ, err)
}

func (p *transfer) describe(*describer) *Schema {
	s := named(KindTransferable, p.typ)
	s.Name = p.name
	return s
}
