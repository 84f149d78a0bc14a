// Command c3 lists, describes and calls resources, by a relay or in a process of this host. It is made of one file for
// each command, which gets its streams and settings from the root: nothing is global.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(mainCode()) }

// mainCode runs the command line of the process, until it ends or is interrupted.
func mainCode() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process
	return run(ctx, streams{os.Stdin, os.Stdout, os.Stderr}, os.Args[1:])
}
