// Command compare does the same work with c2 and with other systems, two processes each, in one run, and tells how long it took.
//
//	go run .                              what this machine comes to, on standard output
//	go run . -quick                       the same in some seconds: it shows that all works, and no more
//	go run . -only c2,raw,grpc            some of them
//	go run . -write ../../docs/compare.md to a page with charts beside it
//
// Systems written in Python take part when they are there:
//
//	python/install.sh DIR                 installs what can be had of them
//	go run . -python DIR
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	played, err := play()
	if !played {
		err = comparePeers(os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// comparePeers is the program when it plays no role.
func comparePeers(args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "compare")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	entrants, absent, err := allEntrants(ctx, o.python, dir)
	if err != nil {
		return err
	}
	if entrants, err = choose(entrants, o.only); err != nil {
		return err
	}
	plan := fullPlan()
	if o.quick {
		plan = quickPlan()
	}
	before := load()
	r, err := compare(ctx, plan, entrants, dir, os.Stderr)
	if ctx.Err() != nil {
		return err
	}
	r.absent = append(absent, r.absent...)
	return errors.Join(err, publish(r, before, o.write))
}
