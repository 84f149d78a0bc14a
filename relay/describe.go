package relay

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/ipc"
)

// describe is the method of every node's directory that tells of one resource. docs/wire.md specifies it.
const describe = 0

// Bounds of what a server may say of a resource.
const (
	maxDescriptor = 1 << 20 // bytes
	maxMethods    = 1024
)

// describeAt asks a server for a resource: its id and descriptor.
func describeAt(ctx context.Context, client *ipc.Client, name string) (uint64, *c2.Descriptor, error) {
	text, err := codec.For(reflect.TypeFor[string]())
	if err != nil {
		return 0, nil, err
	}
	args, err := text.Append(codec.AppendArrayHead(nil, 1), reflect.ValueOf(name))
	if err != nil {
		return 0, nil, &ipc.Error{Code: ipc.CodeInvalid, Message: err.Error()}
	}
	p, err := client.Call(ctx, ipc.Request{Method: describe, Args: ipc.Bytes(args)})
	if err != nil {
		return 0, nil, fromDirectory(err)
	}
	defer p.Release()
	id, desc, err := readDescription(p.Bytes())
	if err == nil && desc.Name != name {
		err = fmt.Errorf("it speaks of %q", desc.Name)
	}
	if err != nil {
		return 0, nil, &ipc.Error{Code: ipc.CodeInternal, Message: fmt.Sprintf("what the server says of %q makes no sense: %v", name, err)}
	}
	return id, desc, nil
}

// fromDirectory is what err of a call to a server's directory means: that a resource is not there is an error of the directory's own.
func fromDirectory(err error) error {
	if e := asError(err); e.Code == ipc.CodeResource && slices.Contains(e.Names, nameNotFound) {
		return &ipc.Error{Code: ipc.CodeNotFound, Message: e.Message}
	}
	return err
}

// nameNotFound is how package c2 names its ErrNotFound.
const nameNotFound = "c2.not_found"

// readDescription reads the results of describe.
func readDescription(src []byte) (uint64, *c2.Descriptor, error) {
	if len(src) > maxDescriptor {
		return 0, nil, fmt.Errorf("it is %d bytes long, at most %d are taken", len(src), maxDescriptor)
	}
	n, src, err := codec.DecodeArrayHead(src)
	if err != nil || n != 2 {
		return 0, nil, errors.Join(err, errors.New("want two results"))
	}
	var id uint64
	var desc c2.Descriptor
	for _, v := range []reflect.Value{reflect.ValueOf(&id).Elem(), reflect.ValueOf(&desc).Elem()} {
		c, err := codec.For(v.Type())
		if err != nil {
			return 0, nil, err
		}
		if src, err = c.Decode(src, v); err != nil {
			return 0, nil, err
		}
	}
	if len(src) > 0 || len(desc.Methods) > maxMethods {
		return 0, nil, fmt.Errorf("%d methods, at most %d are taken, and %d bytes behind them", len(desc.Methods), maxMethods, len(src))
	}
	return id, &desc, nil
}
