package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/ctwo-go/c2/tests/compare/internal/peer"
	"github.com/ctwo-go/c2/tests/compare/internal/turn"
)

// roleVar is the environment variable by which this program tells a process that it starts what to be.
const roleVar = "C2_COMPARE_ROLE"

// What a process may be. Its arguments are the name of a peer and the path of a socket.
const (
	serverRole = "server"
	clientRole = "client"
)

// ready is what a process says when it can be used, followed by the address at which a server is reached.
const ready = "ready "

// play plays the role that the environment names, if any.
func play() (played bool, err error) {
	role := os.Getenv(roleVar)
	if role == "" {
		return false, nil
	}
	if len(os.Args) != 3 {
		return true, fmt.Errorf("a %s needs a peer and a socket, got %q", role, os.Args[1:])
	}
	p, ok := peer.ByName(os.Args[1])
	switch {
	case !ok:
		return true, fmt.Errorf("there is no peer %q", os.Args[1])
	case role == serverRole:
		return true, serve(p, os.Args[2], os.Stdin, os.Stdout)
	case role == clientRole:
		return true, call(p, os.Args[2], os.Stdin, os.Stdout)
	}
	return true, fmt.Errorf("%s=%s: want %s or %s", roleVar, role, serverRole, clientRole)
}

// serve serves a peer until in ends. For each line of it, it gives unused memory back.
func serve(p peer.Peer, socket string, in io.Reader, out io.Writer) error {
	stop, err := p.Serve(socket)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, ready+socket)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		debug.FreeOSMemory()
		fmt.Fprintln(out, ready+socket)
	}
	return errors.Join(lines.Err(), stop())
}

// call is a peer's client: it takes turns until in ends.
func call(p peer.Peer, socket string, in io.Reader, out io.Writer) error {
	c, err := p.Dial(context.Background(), socket)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, ready+socket)
	err = turn.Serve(in, out, func(req turn.Request) (turn.Call, error) { return callOf(c, req) })
	return errors.Join(err, c.Close())
}

// callOf is the call that a turn repeats.
func callOf(c *peer.Conn, req turn.Request) (turn.Call, error) {
	echo, table := c.Echo[req.Way], c.Table[req.Way]
	switch {
	case req.Work == turn.Echo && echo != nil:
		data := payload(req.Size)
		see := seeSome(data)
		if req.Whole {
			see = seeAll(data)
		}
		return func(ctx context.Context) (float64, error) { return 0, echo(ctx, data, see) }, nil
	case req.Work == turn.Table && table != nil:
		return func(ctx context.Context) (float64, error) { return table(ctx, req.Size) }, nil
	}
	return nil, fmt.Errorf("this client has no way %q to do %q", req.Way, req.Work)
}
