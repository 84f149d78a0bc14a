// Package c2 makes stateful Go values callable from anywhere, through plain Go interfaces.
//
// A contract is an interface. A resource is any value that implements it, registered under a name. A client connects
// to that name and gets a value of the interface, made at run time: there is no interface definition language and no
// generated code.
//
//	type Counter interface {
//		Increment(ctx context.Context, by int) (int, error)
//		Value(ctx context.Context) (int, error)
//	}
//
//	type counter struct {
//		_ c2.Policy `read:"Value"` // may run beside other reads; everything else runs alone
//		n int
//	}
//
//	// one process
//	err := c2.Register[Counter]("counter", &counter{})
//	err = c2.Serve(ctx) // until ctx ends or SIGTERM
//
//	// the same one, or another
//	cnt, err := c2.Connect[Counter](ctx, "counter")                      // in this process: a direct call
//	cnt, err := c2.Connect[Counter](ctx, "counter", c2.At("ipc://demo")) // in another of this host
//	cnt, err := c2.Connect[Counter](ctx, "counter", c2.Relay("http://r:8080")) // anywhere
//	n, err := cnt.Increment(ctx, 10)
//	err = c2.Close(cnt)
//
// # Contracts
//
// A contract is an interface, or a struct whose fields are funcs. Each method may begin with a context.Context, takes
// any parameters that can be encoded (see package codec), and ends with an error: any call can fail. Its deadline and
// its cancellation reach the resource.
//
// A client's contract may have fewer methods than the resource's and struct types with fewer or more fields: what
// both sides have must agree, and that is checked by [Connect], not by the first call. [Contract] gives a contract a
// version.
//
// In a struct of funcs, a field's tag may say how the field is meant: `c2:"read"` and `c2:"write"` what the method does to
// the resource, and `c2:"name=Increment"` that it stands for the method of that name, which else is the field's own. There
// may be one of the first two, and a comma between them and the last. Where a resource is registered they count for the
// methods that its [Policy] does not name. Where a client connects, a method that it tags as read must be one: else that
// is an ErrMismatch.
//
// # Concurrency
//
// Resources need no locks: a method that reads runs beside others that read, any other runs alone, first come, first
// served. Which methods read is said by a [Policy] tag or by those of the contract, or follows from their names;
// [Concurrency] sets another rule. This holds for callers of the same process, too. A resource must not call its own methods
// through c2 in a way that would have to wait for itself: such a call ends with its context only.
//
// # Relays
//
// A relay makes the resources of one host callable from others, by HTTP, and finds them by name. A node that has one
// ([RelayURL], C2_RELAY) announces what is registered with it, and asks it for what this process does not have: then
// [Connect] takes no more than a name. [Token] and [TLS] are how nodes and relays know each other.
//
// # Memory
//
// Across processes everything is copied: callers and resources own what they get. In one process values are passed as
// they are, so that what pointers, slices and maps refer to is shared.
//
// Who asks for it gets large data where they are, in the shared memory of the other process: a caller by [Hold], a resource
// by [HoldInput]. What lies in memory from [Alloc], [Lend] or [Pin] is not even copied when it is sent. Which data that
// is about: byte slices, slices of numbers, columns (package codec), and other types with a View. [SharedMemory] has the
// bounds.
//
// # Errors
//
// An error that the resource returned has its own text, and its identity where that was given a name by
// [RegisterError]. All other errors are of type *[Error], with a sentinel for each code: errors.Is(err, c2.ErrBusy). A
// call that failed on the way runs at most once, and Error.MayHaveRun tells whether it may have. The sentinel alone does
// not: most calls that get ErrBusy never ran, but one whose result finds no shared memory gets it too, and has run.
package c2
