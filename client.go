package c2

import (
	"context"

	"github.com/ctwo-go/c2/ipc"
)

// sharedClient is the connection to one address that all of a node's links to it share.
type sharedClient struct {
	*ipc.Client
	node *Node

	// These are guarded by node.mu.
	refs int
	left bool // calls may go on of links that lead elsewhere by now
}

// client returns the node's connection to address.
func (n *Node) client(address string) (*sharedClient, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, nodeClosed()
	}
	c := n.clients[address]
	if c == nil {
		n.checkSharingLocked()
		c = &sharedClient{Client: ipc.NewClient(address, n.ipcConfig()), node: n}
		n.clients[address] = c
	}
	c.refs++
	return c, nil
}

func (c *sharedClient) describe(ctx context.Context, name string) (uint64, *Descriptor, error) {
	return describe(ctx, c, name)
}

func (c *sharedClient) list(ctx context.Context) ([]Descriptor, error) { return list(ctx, c) }

func (c *sharedClient) call(ctx context.Context, _ *binding, req ipc.Request) (*ipc.Payload, error) {
	return c.Call(ctx, req)
}

func (c *sharedClient) loans(ctx context.Context) (*ipc.Loans, error) { return c.Loans(ctx) }

func (c *sharedClient) release() { c.drop(false) }

func (c *sharedClient) leave() { c.drop(true) }

// drop counts one user less. The last one ends the client: at once, unless it may have calls of those that left.
func (c *sharedClient) drop(left bool) {
	n := c.node
	n.mu.Lock()
	c.refs--
	c.left = c.left || left
	last := c.refs == 0
	if last && n.clients[c.Address()] == c {
		delete(n.clients, c.Address())
	}
	peaceful := last && c.left && n.clients != nil
	if peaceful {
		n.retiring.Go(func() { c.Retire(n.http.closing) })
	}
	n.mu.Unlock()
	if last && !peaceful {
		c.Close()
	}
}

// closeClients ends the connections to other nodes, also those that would end by themselves.
func (n *Node) closeClients() {
	n.mu.Lock()
	clients := n.clients
	n.clients = nil
	n.mu.Unlock()
	for _, c := range clients {
		c.Close()
	}
	n.retiring.Wait()
}
