package codec

import (
	"fmt"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// Opaque is a transferable whose type this program has not registered: it can be kept, passed on
// and sent back. Encoded by itself it is what the transferable inside any is.
type Opaque struct {
	Name string
	Data []byte
}

// MarshalCBOR implements cbor.Marshaler.
func (o Opaque) MarshalCBOR() ([]byte, error) {
	dst := cborhead.Append(nil, cborhead.Tag, tagTransferable)
	dst, err := appendText(cborhead.Append(dst, cborhead.Array, 2), o.Name)
	if err != nil {
		return nil, fmt.Errorf("name: %w", err)
	}
	return append(cborhead.Append(dst, cborhead.Bytes, uint64(len(o.Data))), o.Data...), nil
}

// UnmarshalCBOR implements cbor.Unmarshaler.
func (o *Opaque) UnmarshalCBOR(data []byte) error {
	var d dec
	d.start(data, &Decoding{}) // without views: UnmarshalCBOR must copy
	h, err := d.head()
	if err != nil {
		return err
	}
	if h.Major != cborhead.Tag || h.Arg != tagTransferable {
		return wrong("a transferable", h)
	}
	*o, err = d.opaque()
	return err
}

// opaque takes what stands behind a transferable's tag.
func (d *dec) opaque() (Opaque, error) {
	name, c, err := d.transferable()
	if err != nil {
		return Opaque{}, err
	}
	b, err := d.keepContent(c)
	return Opaque{name, b}, err
}

// keepContent is c for a value to hold that knows nothing of attachments.
func (d *dec) keepContent(c content) ([]byte, error) {
	if c.attached {
		return d.inlineColumns(c.bytes)
	}
	return d.keep(head{Major: cborhead.Bytes}, c.bytes)
}
