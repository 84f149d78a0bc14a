package c2

import (
	"context"

	"github.com/ctwo-go/c2/internal/relayapi"
)

// address is the way to the resources at one address, which is not a relay's.
type address struct {
	node *Node
	at   string // thread:// or an ipc:// address
}

func (a address) find(ctx context.Context, name string, fit fitter, _ []relayapi.Place) (*binding, error) {
	e, err := a.endpoint()
	if err != nil {
		return nil, err
	}
	return bindAt(ctx, e, name, fit)
}

func (a address) endpoint() (endpoint, error) {
	if a.own() {
		return ownEndpoint{a.node}, nil
	}
	return a.node.client(a.at)
}

// own tells whether it is the node itself.
func (a address) own() bool { return a.at == "thread://" }

func (address) release() {}

// way finds the way that the options give to a resource of that name. It is to be released.
func (c *connectConfig) way(name string) (way, error) {
	n := c.node
	if c.address == "" && !c.relay {
		if len(n.settings.relays) == 0 || n.find(name) != nil {
			return address{n, "thread://"}, nil
		}
		return n.relayed(n.settings.relays...), nil
	}
	if c.relay {
		urls, err := parseRelayURLs(c.address)
		if err == nil && len(urls) == 0 {
			_, err = parseRelayURL(c.address)
		}
		if err != nil {
			return nil, err
		}
		return n.relayed(urls...), nil
	}
	s, at, err := parseAddress(c.address)
	switch {
	case err != nil:
		return nil, err
	case s == schemeHTTP:
		return n.relayed(at), nil
	case n.listensAt(at):
		at = "thread://"
	}
	return address{n, at}, nil
}

// notHere is the error of one who looks in this process for what is not there.
func notHere() *Error {
	return newError(CodeNotFound, "no resource of this name is registered in this process; "+
		"to reach another one, give its address, At(\"ipc://…\"), or a relay, Relay(\"http://…\") or C2_RELAY for all")
}
