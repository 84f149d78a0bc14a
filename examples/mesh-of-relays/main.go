// Mesh-of-relays: a resource lives at two relays of three, and a client goes on calling it while relays are killed and come
// back. Run it with: examples/mesh-of-relays/run.sh
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/ctwo-go/c2"
)

// Station is the contract.
type Station interface {
	Who(ctx context.Context) (string, error) // says which one answered
}

// station is the resource. There are several of this name, each with its own answer.
type station struct {
	_    c2.Policy `read:"Who"` // so that who got no answer may ask again
	name string
}

func (s *station) Who(context.Context) (string, error) { return s.name, nil }

func main() {
	serving := flag.String("serve", "", "be the server with this `NAME`")
	relays := flag.String("relays", "", "the `URLS` of relays: the server's, or all that the client may ask")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case *relays == "":
		err = errors.New("where? Give -relays http://host:port,…, or start run.sh, which does it all")
	case *serving != "":
		err = serve(ctx, *serving, *relays)
	default:
		err = ask(ctx, strings.Split(*relays, ","))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mesh-of-relays:", err)
		os.Exit(1)
	}
}

// serve is a server, until ctx ends.
func serve(ctx context.Context, name, relay string) error {
	if err := c2.Configure(c2.RelayURL(relay)); err != nil {
		return err
	}
	if err := c2.Register[Station]("station", &station{name: name}); err != nil {
		return err
	}
	return c2.Serve(ctx)
}
