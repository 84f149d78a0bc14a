package relay_test

import (
	"context"
	"fmt"
	"reflect"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// announcementOf asks the server at an ipc address what it would announce: its instance, and the names and ids of what it
// has, by the directory that docs/wire.md specifies.
func announcementOf(address string, revision uint64) (relayapi.Announcement, error) {
	client := ipc.NewClient(address, ipc.Config{})
	defer client.Close()
	instance, err := client.Instance(context.Background())
	if err != nil {
		return relayapi.Announcement{}, err
	}
	a := relayapi.Announcement{Instance: hexOf(instance), Address: address, Revision: revision, Resources: []relayapi.Announced{}}
	var list []c2.Descriptor
	if err := ask(client, 1, nil, &list); err != nil {
		return a, err
	}
	for _, d := range list {
		var id uint64
		if err := ask(client, 0, []any{d.Name}, &id, new(c2.Descriptor)); err != nil {
			return a, err
		}
		a.Resources = append(a.Resources, relayapi.Announced{Name: d.Name, ID: fmt.Sprintf("%016x", id)})
	}
	return a, nil
}

// ask calls a method of the directory.
func ask(client *ipc.Client, method uint32, args []any, results ...any) error {
	if args == nil {
		args = []any{}
	}
	body, err := codec.Marshal(args)
	if err != nil {
		return err
	}
	p, err := client.Call(context.Background(), ipc.Request{Method: method, Args: ipc.Bytes(body)})
	if err != nil {
		return err
	}
	defer p.Release()
	_, src, err := codec.DecodeArrayHead(p.Bytes())
	for _, r := range results {
		if err != nil {
			return err
		}
		var c *codec.Codec
		v := reflect.ValueOf(r).Elem()
		if c, err = codec.For(v.Type()); err == nil {
			src, err = c.Decode(src, v)
		}
	}
	return err
}
