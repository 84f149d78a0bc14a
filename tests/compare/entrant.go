package main

import (
	"context"
	"os"
	"os/exec"

	"github.com/ctwo-go/c2/tests/compare/internal/peer"
)

// entrant is a peer as the comparison sees it, whatever it is written in: what it does, and how its processes are started.
type entrant struct {
	name, title, version, how string

	echoes, tables []string // its ways

	// server and client are commands that are not started yet. The first is to serve at a socket; it says itself where it is
	// reached, and that is what the second is told.
	server, client func(address string) *exec.Cmd
}

// allEntrants are all peers that there are here.
func allEntrants(ctx context.Context, venvs, dir string) ([]entrant, []absence, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	inPython, absent, err := pythonEntrants(ctx, venvs, dir)
	return append(goEntrants(program), inPython...), absent, err
}

// goEntrants are the peers that this program itself can play.
func goEntrants(program string) []entrant {
	versions := moduleVersions()
	peers := peer.All()
	entrants := make([]entrant, len(peers))
	for i, p := range peers {
		entrants[i] = entrant{
			name:    p.Name,
			title:   p.Title,
			version: versions.of(p.Module),
			how:     p.How,
			echoes:  p.Echoes,
			tables:  p.Tables,
			server:  roleCommand(program, serverRole, p.Name),
			client:  roleCommand(program, clientRole, p.Name),
		}
	}
	return entrants
}

// memoryLimit has garbage collected before a process takes more than this, so that those of all peers fit into the machine.
const memoryLimit = "2GiB"

func roleCommand(program, role, name string) func(string) *exec.Cmd {
	return func(address string) *exec.Cmd {
		cmd := exec.Command(program, name, address)
		cmd.Env = append(os.Environ(), roleVar+"="+role, "GOMEMLIMIT="+memoryLimit)
		return cmd
	}
}
