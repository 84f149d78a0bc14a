package reach

import (
	"context"
	"io"

	c2 "github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/relayapi"
)

// Format is how arguments and results are written.
type Format string

// The formats, as media types.
const (
	JSON Format = "application/json"
	CBOR Format = "application/cbor"
)

// Call is a call of a method.
type Call struct {
	Resource, Method string
	Args             []byte // all of them, an array
	Format           Format // of Args
	Results          Format // that is wanted
}

// Figures are what is known of a resource: of its process, or of a relay.
type Figures struct {
	Process *c2.ResourceStats
	Relay   *relayapi.Stats
}

// Place is where resources are. Errors are *c2.Error as far as they are of a resource or the way to it.
type Place interface {
	// Routes lists the resources.
	Routes(ctx context.Context) (*relayapi.Routes, error)
	// Describe describes one.
	Describe(ctx context.Context, name string) (*c2.Descriptor, error)
	// Call calls a method, and writes the results, an array, to w.
	Call(ctx context.Context, call Call, w io.Writer) error
	// Stats are the figures of a resource.
	Stats(ctx context.Context, name string) (Figures, error)
	// Ping asks for a resource, without running any code of its.
	Ping(ctx context.Context, name string) error
	// Close ends all connections.
	Close()
	// String names the place.
	String() string
}
