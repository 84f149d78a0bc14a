package gossip

import (
	"cmp"
	"errors"
	"fmt"
)

// Limits bound what a relay may have in its table, its own as well as others'. The zero value of each field means its default.
// All relays of a mesh should have the same.
type Limits struct {
	// Routes is how many one relay may have. Default 10,000.
	Routes int
	// TableBytes is how large one relay's table may be, counted as [Route.Size] does. Default 4 MiB.
	TableBytes int
	// TotalRoutes is how many are kept of all other relays together. Default 1,000,000.
	TotalRoutes int
	// Peers is of how many other relays tables are kept. Serf takes twice as many nodes, as former starts are among them.
	// Default 4096.
	Peers int
}

func (l Limits) withDefaults() Limits {
	l.Routes = cmp.Or(l.Routes, 10_000)
	l.TableBytes = cmp.Or(l.TableBytes, 4<<20)
	l.TotalRoutes = cmp.Or(l.TotalRoutes, 1_000_000)
	l.Peers = cmp.Or(l.Peers, 4096)
	return l
}

func (l Limits) check() error {
	if l.Routes < 0 || l.TableBytes < 0 || l.TotalRoutes < 0 || l.Peers < 0 {
		return errors.New("gossip: a limit is negative; leave it 0 for the default")
	}
	return nil
}

// DeltaBytes is the size of the largest encoded delta: what a reader of a pull's answer or of a push should take.
func (l Limits) DeltaBytes() int { return l.withDefaults().TableBytes + 1<<10 }

// The longest strings that a route may have, in bytes.
const (
	maxName  = 255 // of a resource, a contract, a namespace
	maxShort = 128 // a version, an instance, an id
)

// ErrFull is returned for routes beyond [Limits].
var ErrFull = errors.New("the table is full")

func full(what string, have, limit int) error {
	return fmt.Errorf("gossip: %d %s, at most %d are allowed: %w", have, what, limit, ErrFull)
}
