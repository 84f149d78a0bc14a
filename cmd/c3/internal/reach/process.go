package reach

import (
	"context"
	"fmt"
	"io"

	"github.com/rs/zerolog"

	c2 "github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/jsonvalue"
	"github.com/ctwo-go/c2/internal/relayapi"
)

// process is a place with one node, at an ipc address.
type process struct {
	node    *c2.Node
	address string
	known   map[string]*c2.Dynamic
}

// Process makes the place of the node at that address. It connects when it is first asked something. It is not safe for
// concurrent use.
func Process(address string) (Place, error) {
	node, err := c2.NewNode(c2.Logger(zerolog.Nop()), c2.CallTimeout(0))
	if err != nil {
		return nil, err
	}
	return &process{node: node, address: address, known: map[string]*c2.Dynamic{}}, nil
}

func (p *process) String() string { return p.address }

// Close implements [Place].
func (p *process) Close() {
	for _, d := range p.known {
		d.Close()
	}
	p.node.Shutdown(context.Background()) // it has no resources, so there is nothing to wait for
}

func (p *process) at() []c2.ConnectOption {
	return []c2.ConnectOption{c2.On(p.node), c2.At(p.address)}
}

// connect is the connection to a resource, the same each time.
func (p *process) connect(ctx context.Context, name string) (*c2.Dynamic, error) {
	if d := p.known[name]; d != nil {
		return d, nil
	}
	d, err := c2.ConnectDynamic(ctx, name, p.at()...)
	if err == nil {
		p.known[name] = d
	}
	return d, err
}

// Routes implements [Place].
func (p *process) Routes(ctx context.Context) (*relayapi.Routes, error) {
	list, err := c2.List(ctx, p.at()...)
	if err != nil {
		return nil, err
	}
	routes := &relayapi.Routes{Resources: []relayapi.Route{}}
	for i := range list {
		d := &list[i]
		r := relayapi.Route{
			Name: d.Name, Contract: d.Contract, Namespace: d.Namespace, Version: d.Version,
			Place: relayapi.Place{Address: p.address},
		}
		for _, m := range d.Methods {
			if m.Access == "read" {
				r.Reads++
			} else {
				r.Writes++
			}
		}
		if f, err := p.Stats(ctx, d.Name); err == nil { // an older c2 has none, and it may be gone by now
			r.Calls = f.Process.Calls
		}
		routes.Resources = append(routes.Resources, r)
	}
	return routes, nil
}

// Describe implements [Place].
func (p *process) Describe(ctx context.Context, name string) (*c2.Descriptor, error) {
	d, err := p.connect(ctx, name)
	if err != nil {
		return nil, err
	}
	return d.Descriptor(), nil
}

// Call implements [Place].
func (p *process) Call(ctx context.Context, call Call, w io.Writer) error {
	d, err := p.connect(ctx, call.Resource)
	if err != nil {
		return err
	}
	m := d.Descriptor().Method(call.Method)
	args := call.Args
	if m != nil && call.Format == JSON {
		if args, err = jsonvalue.AppendArgs(nil, m.Params, m.Variadic, args); err != nil {
			return &c2.Error{Code: c2.CodeInvalid, Resource: call.Resource, Method: call.Method, Message: fmt.Sprintf("%v; the method is %s", err, m)}
		}
	}
	results, err := d.CallCBOR(ctx, call.Method, args) // says which methods there are, if m is nil
	if err != nil {
		return err
	}
	if call.Results == CBOR || m == nil {
		_, err = w.Write(results)
		return err
	}
	return jsonvalue.Write(w, m.Results, results)
}

// Stats implements [Place].
func (p *process) Stats(ctx context.Context, name string) (Figures, error) {
	d, err := p.connect(ctx, name)
	if err != nil {
		return Figures{}, err
	}
	s, err := d.Stats(ctx)
	return Figures{Process: &s}, err
}

// Ping implements [Place]: it asks the process's directory.
func (p *process) Ping(ctx context.Context, name string) error {
	if _, err := p.connect(ctx, name); err != nil { // this one keeps the connection open
		return err
	}
	d, err := c2.ConnectDynamic(ctx, name, p.at()...)
	if err != nil {
		return err
	}
	return d.Close()
}
