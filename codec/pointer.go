package codec

import "reflect"

// pointer is the plan of pointers: what they point to, or null.
type pointer struct {
	typ  reflect.Type
	elem plan
}

func (p *pointer) size(v reflect.Value, e enc) int {
	if v.IsNil() {
		return 1
	}
	e, err := e.in()
	if err != nil {
		return -1
	}
	return p.elem.size(v.Elem(), e)
}

func (p *pointer) append(dst []byte, v reflect.Value, e enc) ([]byte, error) {
	if v.IsNil() {
		return append(dst, byteNull), nil
	}
	e, err := e.in()
	if err != nil {
		return dst, err
	}
	return p.elem.append(dst, v.Elem(), e)
}

func (p *pointer) decode(d *dec, v reflect.Value) error {
	if d.null() {
		return nil
	}
	if err := allocate(d, v); err != nil {
		return err
	}
	return p.elem.decode(d, v.Elem())
}

// allocate makes the nil pointer v point to a zero value.
func allocate(d *dec, v reflect.Value) error {
	t := v.Type().Elem()
	if err := d.pay(1, int(t.Size())); err != nil {
		return err
	}
	v.Set(reflect.New(t))
	return nil
}

func (p *pointer) describe(x *describer) *Schema {
	s := p.elem.describe(x)
	s.Nullable = true
	return s
}
