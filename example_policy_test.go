package c2_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ctwo-go/c2"
)

// Journal is a contract with methods whose names do not tell all.
type Journal interface {
	Append(ctx context.Context, line string) error
	GetAndClear(ctx context.Context) ([]string, error)
	GetLast(ctx context.Context) (string, error)
	Lines(ctx context.Context) ([]string, error)
}

// journal says that Lines only reads, and that GetAndClear does not, whatever its name. GetLast reads by its name, and
// Append, of which nothing is said, writes.
type journal struct {
	_     c2.Policy `read:"Lines" write:"GetAndClear"`
	lines []string
}

func (j *journal) Append(_ context.Context, line string) error {
	j.lines = append(j.lines, line)
	return nil
}
func (j *journal) Lines(context.Context) ([]string, error) { return j.lines, nil }
func (j *journal) GetLast(context.Context) (string, error) { return j.lines[len(j.lines)-1], nil }

func (j *journal) GetAndClear(context.Context) ([]string, error) {
	lines := j.lines
	j.lines = nil
	return lines, nil
}

func ExamplePolicy() {
	ctx := context.Background()
	if err := c2.Register[Journal]("journal", &journal{}); err != nil {
		log.Fatal(err)
	}
	defer c2.Shutdown(ctx)

	resources, err := c2.List(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range resources[0].Methods {
		fmt.Println(m.Access, m)
	}
	// Output:
	// write Append(string) error
	// write GetAndClear() ([]string, error)
	// read GetLast() (string, error)
	// read Lines() ([]string, error)
}
