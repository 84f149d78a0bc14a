package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/ctwo-go/c2"
)

// MeshStore is the contract.
type MeshStore interface {
	GetMesh(ctx context.Context) (Mesh, error) // reads, by its name
	Centroid(ctx context.Context) (Vec3, error)
	UpdatePositions(ctx context.Context, to Positions) (changed int, err error)
}

// store is the resource: an ordinary struct with ordinary methods and no locks.
type store struct {
	_       c2.Policy `read:"Centroid"` // and GetMesh; what is left, UpdatePositions, runs alone
	mesh    Mesh
	updates int
	save    string // where to, at the end; empty for nowhere
}

func newStore(save string) (*store, error) {
	m, err := parseOBJ(bunny)
	return &store{mesh: m, save: save}, err
}

func (s *store) GetMesh(context.Context) (Mesh, error) { return s.mesh, nil }

func (s *store) Centroid(context.Context) (Vec3, error) { return centroid(s.mesh.Vertices), nil }

// UpdatePositions has its argument where the caller wrote it, for as long as the call runs: it was registered with
// HoldInput. What is kept is cloned, which is the only copy on this side, and the old vertices stay whole for callers
// of this process, who have the slice itself.
func (s *store) UpdatePositions(_ context.Context, to Positions) (changed int, err error) {
	if len(to.Vertices) != len(s.mesh.Vertices) {
		return 0, fmt.Errorf("%d positions: want %d, one for each vertex", len(to.Vertices), len(s.mesh.Vertices))
	}
	for i, v := range to.Vertices {
		if v != s.mesh.Vertices[i] {
			changed++
		}
	}
	s.mesh.Vertices = slices.Clone(to.Vertices)
	s.updates++
	return changed, nil
}

// Shutdown is called once, when the server ends and no call runs any more. The contract does not have it, so no client can
// call it.
func (s *store) Shutdown(context.Context) error {
	fmt.Printf("\nprocess %d shuts the store down; updates: %d, centroid: %v\n", os.Getpid(), s.updates, centroid(s.mesh.Vertices))
	if s.save == "" {
		return nil
	}
	file, err := os.Create(s.save)
	if err != nil {
		return err
	}
	return errors.Join(s.mesh.writeOBJ(file), file.Close())
}
