package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// both starts this program again as the server, is its client, and ends it.
func both(ctx context.Context, save string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	address := fmt.Sprintf("ipc://mesh-%d", os.Getpid())
	server := exec.CommandContext(ctx, self, "-serve", address, "-save", save)
	server.Cancel = func() error { return server.Process.Signal(os.Interrupt) }
	server.Stderr = os.Stderr
	stdout, err := server.StdoutPipe()
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	said := bufio.NewReader(stdout)
	if first, ended := said.ReadString('\n'); ended == nil { // it says so when it can be reached
		fmt.Print(first)
		err = errors.Join(visit(ctx, address), server.Process.Signal(os.Interrupt))
	}
	io.Copy(os.Stdout, said)
	if exit := server.Wait(); exit != nil {
		err = errors.Join(err, fmt.Errorf("the server: %w", exit))
	}
	return err
}
