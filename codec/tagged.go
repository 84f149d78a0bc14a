package codec

import (
	"fmt"
	"reflect"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// tagged is the plan of cbor.Tag, whose content is any.
type tagged struct{}

// errReference refuses what nobody but an [Attacher] can know.
var errReference = fmt.Errorf("tag %d refers to memory beside the payload; use another", tagAttachment)

func (tagged) size(v reflect.Value, e enc) int {
	e, err := e.in()
	if err != nil {
		return -1
	}
	n := dynamic{}.size(v.Field(1), e)
	if n < 0 {
		return -1
	}
	return cborhead.Size(v.Field(0).Uint()) + n
}

func (tagged) append(dst []byte, v reflect.Value, e enc) ([]byte, error) {
	e, err := e.in()
	if err != nil {
		return dst, err
	}
	if v.Field(0).Uint() == tagAttachment {
		return dst, errReference
	}
	return dynamic{}.append(cborhead.Append(dst, cborhead.Tag, v.Field(0).Uint()), v.Field(1), e)
}

func (tagged) decode(d *dec, v reflect.Value) error {
	h, err := d.head()
	if err != nil || h.null() {
		return err
	}
	if h.Major != cborhead.Tag || h.attached() {
		return wrong("a tag", h)
	}
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	v.Field(0).SetUint(h.Arg)
	if err := (dynamic{}).decode(d, v.Field(1)); err != nil {
		return fmt.Errorf("tag %d: %w", h.Arg, err)
	}
	return nil
}

func (tagged) describe(*describer) *Schema { return &Schema{Kind: KindAny, Type: "cbor.Tag"} }
