package reach

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"

	c2 "github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/relayapi"
)

// relay is the place of a relay, by its HTTP interface.
type relay struct{ *client }

// Relay makes the place of the relay at that URL. It connects when it is first asked something.
func Relay(config Config) (Place, error) {
	c, err := newClient(config)
	if err != nil {
		return nil, err
	}
	return relay{c}, nil
}

// Close implements [Place].
func (r relay) Close() { r.http.CloseIdleConnections() }

func (r relay) String() string { return r.base }

func resourcePath(name string) string { return "/v1/resources/" + url.PathEscape(name) }

// Routes implements [Place].
func (r relay) Routes(ctx context.Context) (*relayapi.Routes, error) {
	routes := new(relayapi.Routes)
	return routes, r.get(ctx, "/v1/resources", routes)
}

// Describe implements [Place].
func (r relay) Describe(ctx context.Context, name string) (*c2.Descriptor, error) {
	d := new(c2.Descriptor)
	return d, r.get(ctx, resourcePath(name), d)
}

// Stats implements [Place].
func (r relay) Stats(ctx context.Context, name string) (Figures, error) {
	s := new(relayapi.Stats)
	return Figures{Relay: s}, r.get(ctx, "/v1/stats/"+url.PathEscape(name), s)
}

// Ping implements [Place]: it asks the relay for the descriptor.
func (r relay) Ping(ctx context.Context, name string) error {
	return r.get(ctx, resourcePath(name), new(json.RawMessage))
}

// Call implements [Place].
func (r relay) Call(ctx context.Context, call Call, w io.Writer) error {
	req := request{
		method: http.MethodPost, path: resourcePath(call.Resource) + "/" + url.PathEscape(call.Method), body: call.Args,
		header: http.Header{"Content-Type": {string(call.Format)}, "Accept": {string(call.Results)}},
	}
	err := r.do(ctx, req, func(body io.Reader) error {
		_, err := io.Copy(w, body)
		return err
	})
	if failed := (*c2.Error)(nil); errors.As(err, &failed) && failed.Resource == "" {
		failed.Resource, failed.Method = call.Resource, call.Method
	}
	return err
}
