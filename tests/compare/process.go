package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/ctwo-go/c2/tests/compare/internal/turn"
)

const (
	// startLimit is how long a process may take until it can be used. Python's take seconds.
	startLimit = 2 * time.Minute
	// turnLimit is how long a turn may take before its process is taken for lost.
	turnLimit = time.Minute
	// endLimit is how long a process may take to end when it was told to.
	endLimit = 20 * time.Second
)

// process is a process that was started, and ends when its standard input does. No context cuts it off: some leave things behind
// in the system if they can't clear up, and what they are asked for takes seconds.
type process struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	said    tail
	address string // where a server is reached
	ended   func() error
}

// startProcess starts cmd and waits until it is ready.
func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd}
	if err := p.launch(); err != nil {
		return nil, err
	}
	if err := p.awaitReady(startLimit); err != nil {
		p.end() // how it ended says no more than err does
		return nil, err
	}
	return p, nil
}

// launch starts the process.
func (p *process) launch() (err error) {
	p.cmd.Stderr = &p.said
	p.cmd.WaitDelay = time.Second
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	p.out = bufio.NewReaderSize(out, 1<<16)
	p.ended = sync.OnceValue(p.wait)
	return p.cmd.Start()
}

// wait waits for the process to end, and says why it did if not because it was told to.
func (p *process) wait() error {
	timer := time.AfterFunc(endLimit, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	err := p.cmd.Wait()
	if err == nil {
		return nil
	}
	if last := lastLine(p.said.String()); last != "" {
		return fmt.Errorf("its process ended: %w: %s", err, last)
	}
	return fmt.Errorf("its process ended: %w", err)
}

// lost is the error of a process that is not there any more.
func (p *process) lost() error {
	if err := p.ended(); err != nil {
		return err
	}
	return errors.New("its process ended without being told to")
}

// awaitReady reads the line by which a process says that it can be used.
func (p *process) awaitReady(limit time.Duration) error {
	line, err := p.line(limit)
	if err != nil {
		return err
	}
	address, ok := strings.CutPrefix(line, ready)
	if !ok {
		return fmt.Errorf("it said %q instead of being ready", line)
	}
	p.address = address
	return nil
}

// line reads a line. If none comes in time, the process is ended.
func (p *process) line(limit time.Duration) (string, error) {
	timer := time.AfterFunc(limit, func() { p.cmd.Process.Kill() })
	line, err := p.out.ReadString('\n')
	if !timer.Stop() && err != nil {
		return "", fmt.Errorf("it said nothing for %v and was ended", limit)
	}
	if err != nil {
		return "", p.lost()
	}
	return strings.TrimSuffix(line, "\n"), nil
}

// turn has a client take a turn.
func (p *process) turn(req turn.Request) (a turn.Answer, err error) {
	text, err := json.Marshal(req)
	if err != nil {
		return a, err
	}
	if _, err := p.in.Write(append(text, '\n')); err != nil {
		return a, p.lost()
	}
	line, err := p.line(turnLimit)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal([]byte(line), &a); err != nil {
		return a, fmt.Errorf("reading what a turn came to: %w", err)
	}
	if a.Error != "" {
		return a, errors.New(a.Error)
	}
	return a, nil
}

// rest has a server give unused memory back.
func (p *process) rest() error {
	if _, err := io.WriteString(p.in, "rest\n"); err != nil {
		return p.lost()
	}
	return p.awaitReady(turnLimit)
}

// end tells the process to end, and waits for it.
func (p *process) end() error {
	p.in.Close()
	timer := time.AfterFunc(endLimit, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	io.Copy(io.Discard, p.out) // up to its end
	return p.ended()
}
