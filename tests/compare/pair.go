package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/ctwo-go/c2/tests/compare/internal/turn"
)

// pair is an entrant's two processes.
type pair struct {
	entrant
	server, client *process
	lost           error // once set, there are no more turns
}

// startPair starts an entrant's server and then its client, with their socket in dir.
func startPair(e entrant, dir string) (*pair, error) {
	server, err := startProcess(e.server(filepath.Join(dir, e.name+".sock")))
	if err != nil {
		return nil, fmt.Errorf("%s: starting the server: %w", e.title, err)
	}
	client, err := startProcess(e.client(server.address))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: starting the client: %w", e.title, err), server.end())
	}
	return &pair{entrant: e, server: server, client: client}, nil
}

// turn takes a turn. A failed call is the turn's failure alone; a process that is gone is that of all turns after it.
func (p *pair) turn(req turn.Request) (turn.Answer, error) {
	if p.lost != nil {
		return turn.Answer{}, p.lost
	}
	a, err := p.client.turn(req)
	if err != nil && a.Error == "" {
		p.lost = err
	}
	if p.lost == nil && turn.IsLarge(req) {
		p.lost = p.server.rest()
	}
	return a, err
}

// end ends both processes.
func (p *pair) end() error {
	if err := errors.Join(p.client.end(), p.server.end()); err != nil && p.lost == nil {
		return fmt.Errorf("%s: ending: %w", p.title, err)
	}
	return nil
}
