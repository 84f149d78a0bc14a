package relay

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/ctwo-go/c2/ipc"
)

// server is one that has announced itself. All its routes are called through one connection, and go when that ends.
type server struct {
	relay    *Relay
	instance string
	address  string
	client   *ipc.Client
	turn     chan struct{} // holds a value while an announcement is looked into
	gone     atomic.Bool

	// These belong to who has the turn.
	known    bool // it is the server that it says
	revision uint64

	routes map[string]*route // guarded by relay.mu
}

func (r *Relay) newServerAt(instance, address string) *server {
	s := &server{relay: r, instance: instance, address: address, turn: make(chan struct{}, 1), routes: make(map[string]*route)}
	s.client = ipc.NewClient(address, ipc.Config{
		MaxPayload: r.config.MaxBody, Memory: r.memory, Polling: r.polling,
		IdleTimeout: math.MaxInt64, // the connection is what tells that the server lives
		Ended:       s.ended,
	})
	return s
}

// ended is told that the connection to the server has ended.
func (s *server) ended() {
	if s.gone.Swap(true) {
		return
	}
	go func() { // Close waits for who calls this
		s.relay.drop(s)
		s.client.Close()
	}()
}

// drop forgets a server with all its routes.
func (r *Relay) drop(s *server) {
	s.gone.Store(true)
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(s.routes)
	for _, rt := range s.routes {
		r.removeLocked(rt)
	}
	if r.servers[s.instance] == s {
		delete(r.servers, s.instance)
		r.log.Info().Str("server", s.instance).Str("address", s.address).Int("routes", n).Msg("server gone")
	}
}

// dropAll lets go of all servers.
func (r *Relay) dropAll() {
	r.mu.RLock()
	servers := make([]*server, 0, len(r.servers))
	for _, s := range r.servers {
		servers = append(servers, s)
	}
	r.mu.RUnlock()
	for _, s := range servers {
		r.drop(s)
		s.client.Close()
	}
}

// enter takes the turn to look into what the server announces.
func (s *server) enter(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &ipc.Error{Code: ipc.CodeBusy, Message: "an earlier announcement of this server is still looked into"}
	}
}

func (s *server) leave() { <-s.turn }

// identify checks that the server is the one that it says.
func (s *server) identify(ctx context.Context) error {
	if s.known {
		return nil
	}
	instance, err := s.client.Instance(ctx)
	if err != nil {
		return err
	}
	if has := hex.EncodeToString(instance[:]); has != s.instance {
		return &ipc.Error{Code: ipc.CodeMismatch, Message: fmt.Sprintf("the server at %s is %s, not %s", s.address, has, s.instance)}
	}
	s.known = true
	return nil
}
