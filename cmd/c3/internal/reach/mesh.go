package reach

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/ctwo-go/c2/internal/relayapi"
)

// Mesh is a place that is one of a mesh, or may be.
type Mesh interface {
	// Members are the relays of the mesh.
	Members(ctx context.Context) (*relayapi.Members, error)
	// Join has the place join the mesh that is at the first of the addresses that can be reached.
	Join(ctx context.Context, addresses []string) (*relayapi.Members, error)
	// Leave has it leave.
	Leave(ctx context.Context) error
}

// Members implements [Mesh].
func (r relay) Members(ctx context.Context) (*relayapi.Members, error) {
	members := new(relayapi.Members)
	return members, r.get(ctx, relayapi.PathMembers, members)
}

// Join implements [Mesh].
func (r relay) Join(ctx context.Context, addresses []string) (*relayapi.Members, error) {
	body, err := json.Marshal(relayapi.Joining{Addresses: addresses})
	if err != nil {
		return nil, err
	}
	members := new(relayapi.Members)
	req := request{
		method: http.MethodPost, path: relayapi.PathMembers, body: body, header: http.Header{"Content-Type": {relayapi.TypeJSON}},
	}
	return members, r.ask(ctx, req, members)
}

// Leave implements [Mesh].
func (r relay) Leave(ctx context.Context) error {
	return r.do(ctx, request{method: http.MethodDelete, path: relayapi.PathMembers}, func(io.Reader) error { return nil })
}
