package codec

import (
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// tagTransferable marks a transferable's bytes. IANA gives numbers above 32767 to whoever asks
// first and has not given this one; it is "c2" in ASCII, followed by 1.
//
// The tag stands around a byte string where the reader's type tells which transferable it is, and
// around an array of its name and the byte string inside any. To align the bytes, a second byte
// string goes in front of theirs, whose content means nothing, in an array with the rest: [padding,
// bytes] or [name, padding, bytes]. Bytes that refer to attachments have tagAttachment around them.
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
	// Decode makes a value of its own from src, which it must not keep. src may be memory that
	// a peer writes to at any time: what is checked must be what is used, so read it once.
	Decode func(src []byte) (T, error)
	// View makes a value that may lie in src, for a caller who asked for that. It may be nil.
	// Where src is large it begins at a multiple of 64 bytes, unless a relay or another
	// language wrote it: where it does not, View must copy what has to be aligned.
	View func(src []byte) (T, error)
}

// transfer is the plan of a transferable, its type erased.
type transfer struct {
	typ  reflect.Type
	name string
	// content is how many bytes write adds, and whether they refer to attachments. It is nil
	// where that is not known in advance.
	content func(v reflect.Value, e enc) (n int, attached bool)
	write   func(dst []byte, v reflect.Value, e enc) ([]byte, error)
	read    func(d *dec, c content, v reflect.Value) error
	view    func(d *dec, c content, v reflect.Value) error // nil: none
	columns []Field                                        // nil: not columns, and never attached
}

// content is a transferable's bytes as they came. They belong to the input.
type content struct {
	bytes    []byte
	attached bool // they may refer to attachments
}

// Register makes T a transferable, in every type that has it inside. It must come before T is
// first used, so its place is beside the type, where package variables are set or main begins.
// A nil pointer (or nil interface, if T is one) is null and does not reach T's functions.
func Register[T any](t Transferable[T]) error {
	p := &transfer{typ: reflect.TypeFor[T](), name: t.Name, read: reader(t.Decode), view: reader(t.View)}
	if t.Append != nil {
		p.write = func(dst []byte, v reflect.Value, _ enc) ([]byte, error) { return t.Append(dst, valueOf[T](v)) }
	}
	if t.Size != nil {
		p.content = func(v reflect.Value, _ enc) (int, bool) { return t.Size(valueOf[T](v)), false }
	}
	return p.register()
}

func (p *transfer) register() error {
	var errs []error
	if p.name == "" || !utf8.ValidString(p.name) {
		errs = append(errs, errors.New("it needs a Name, in UTF-8"))
	}
	if p.write == nil || p.read == nil {
		errs = append(errs, errors.New("it needs Append and Decode"))
	}
	if plainData(p.typ) {
		errs = append(errs, errors.New("its encoding is fixed; define a type of your own"))
	}
	if len(errs) > 0 {
		return fmt.Errorf("transferable %q for %v: %w", p.name, p.typ, errors.Join(errs...))
	}
	return registry.add(p)
}

// plainData says whether t is what values without a type of their own are made of.
func plainData(t reflect.Type) bool {
	return t.Name() != "" && t.PkgPath() == "" && t != reflect.TypeFor[error]() ||
		t.Kind() == reflect.Interface && t.NumMethod() == 0 ||
		t == reflect.TypeFor[[]any]() || t == reflect.TypeFor[map[string]any]()
}

func reader[T any](decode func([]byte) (T, error)) func(*dec, content, reflect.Value) error {
	if decode == nil {
		return nil
	}
	return func(_ *dec, c content, v reflect.Value) error {
		x, err := decode(c.bytes)
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
	total := cborhead.Size(tagTransferable)
	if e.named {
		total += 1 + stringSize(len(p.name))
	}
	if p.content == nil {
		return total + p.maxPad(alignFrom) + cborhead.MaxSize + guess
	}
	n, attached := p.content(v, e)
	if n < 0 {
		return -1
	}
	if attached {
		total += cborhead.Size(tagAttachment)
	}
	return total + p.maxPad(n) + stringSize(n)
}

// aligned says whether n bytes are to be aligned: only who has a View gains by it.
func (p *transfer) aligned(n int) bool { return p.view != nil && n >= alignFrom }

func (p *transfer) maxPad(n int) int {
	if p.aligned(n) {
		return maxTransferPad
	}
	return 0
}

func (p *transfer) append(dst []byte, v reflect.Value, e enc) ([]byte, error) {
	if p.null(v) {
		return append(dst, byteNull), nil
	}
	dst = cborhead.Append(dst, cborhead.Tag, tagTransferable)
	if p.content == nil {
		return p.appendUnsized(p.appendLead(dst, e, cborhead.MaxSize, p.aligned(alignFrom)), v, e)
	}
	n, attached := p.content(v, e)
	if n < 0 {
		return dst, p.fault(fmt.Errorf("its Size is %d", n))
	}
	head := cborhead.Size(uint64(n))
	if attached {
		head += cborhead.Size(tagAttachment)
	}
	dst = p.appendLead(dst, e, head, p.aligned(n))
	if attached {
		dst = cborhead.Append(dst, cborhead.Tag, tagAttachment)
	}
	dst = cborhead.Append(dst, cborhead.Bytes, uint64(n))
	out, err := p.write(dst, v, e)
	if err != nil {
		return dst, p.fault(err)
	}
	if len(out)-len(dst) != n {
		return dst, p.fault(fmt.Errorf("its Size is %d, but Append added %d bytes", n, len(out)-len(dst)))
	}
	return out, nil
}

// appendLead writes what stands between the tag and the byte string, whose heads will take head
// bytes: its name, if it needs one, and the padding.
func (p *transfer) appendLead(dst []byte, e enc, head int, align bool) []byte {
	items, size := byte(1), 0
	if e.named {
		items, size = 2, 1+stringSize(len(p.name))
	}
	pad := align && (e.offset(dst)+size+head)%transferAlign != 0
	if pad {
		items++
	}
	if items > 1 {
		dst = append(dst, cborhead.Array<<5|items)
	}
	if e.named {
		dst = append(cborhead.Append(dst, cborhead.Text, uint64(len(p.name))), p.name...)
	}
	if pad {
		n, width := padding(e.offset(dst), head)
		dst = cborhead.AppendWide(dst, cborhead.Bytes, uint64(n), width)
		dst = append(dst, make([]byte, n)...)
	}
	return dst
}

func (p *transfer) appendUnsized(dst []byte, v reflect.Value, e enc) ([]byte, error) {
	dst = append(dst, cborhead.Bytes<<5|27, 0, 0, 0, 0, 0, 0, 0, 0)
	out, err := p.write(dst, v, e)
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
	if h.Major != cborhead.Array && !h.bytes() {
		return wrong(fmt.Sprintf("the transferable %q", p.name), h)
	}
	name, c, err := d.transferableBehind(h)
	if err != nil {
		return err
	}
	if name != "" && name != p.name {
		return fmt.Errorf("want the transferable %q, have %q", p.name, clip(name))
	}
	return p.decodeContent(d, c, v)
}

// decodeContent makes v of its bytes.
func (p *transfer) decodeContent(d *dec, c content, v reflect.Value) (err error) {
	if c.attached && p.columns == nil {
		if c.bytes, err = d.inlineColumns(c.bytes); err != nil {
			return p.fault(err)
		}
	}
	read := p.read
	if d.view && p.view != nil && len(c.bytes) > 0 {
		read, d.borrowed = p.view, true
	}
	if err := read(d, c, v); err != nil {
		return p.fault(err)
	}
	return nil
}

// transferable takes what stands behind a transferable's tag: its name, if there is one, and its
// bytes.
func (d *dec) transferable() (name string, c content, err error) {
	h, err := d.head()
	if err != nil {
		return "", c, err
	}
	return d.transferableBehind(h)
}

// transferableBehind is transferable from behind its first head.
func (d *dec) transferableBehind(h head) (name string, c content, err error) {
	if h.Major == cborhead.Array {
		if name, h, err = d.transferableLead(h.Arg); err != nil {
			return name, c, err
		}
	}
	if c.attached = h.attached(); c.attached {
		if h, err = d.head(); err != nil {
			return name, c, err
		}
	}
	if h.Major != cborhead.Bytes {
		return name, c, wrong("a transferable's bytes", h)
	}
	c.bytes, err = d.take(h.Arg)
	return name, c, err
}

// transferableLead takes the name or the padding or both, as the elements of an array that has n,
// and the head of the last, which is behind them.
func (d *dec) transferableLead(n uint64) (name string, h head, err error) {
	if n != 2 && n != 3 {
		return "", h, fmt.Errorf("want a transferable's name, padding and bytes, have an array of %d", n)
	}
	if h, err = d.item(); err != nil {
		return "", h, err
	}
	if h.Major == cborhead.Text {
		b, err := d.text(h.Arg)
		if err != nil {
			return "", h, err
		}
		name = string(b)
		if h, err = d.item(); err != nil || n == 2 {
			return name, h, err
		}
	} else if n == 3 {
		return "", h, wrong("a transferable's name", h)
	}
	if h.Major != cborhead.Bytes {
		return name, h, wrong("padding", h)
	}
	if _, err = d.take(h.Arg); err == nil {
		h, err = d.item()
	}
	return name, h, err
}

func (p *transfer) fault(err error) error {
	return fmt.Errorf("transferable %q (%v): %w", p.name, p.typ, err)
}

func (p *transfer) describe(*describer) *Schema {
	s := named(KindTransferable, p.typ)
	s.Name, s.Fields = p.name, p.columns
	return s
}
