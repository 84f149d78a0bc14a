package arrow

import (
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ctwo-go/c2/codec"
)

// Name is what the transferable is called on the wire.
const Name = "arrow.ipc"

// Register makes arrow.RecordBatch a transferable, in every type that has it inside. It must come
// before a contract with one is used, so its place is at package level beside the contract:
//
//	var _ = arrow.Register()
//
// or the beginning of main, where its error can be seen. Calling it again does nothing.
func Register() error { return register() }

var register = sync.OnceValue(func() error {
	return codec.Register(codec.Transferable[arrow.RecordBatch]{
		Name: Name, Size: size, Append: appendStream, Decode: decode, View: view,
	})
})
