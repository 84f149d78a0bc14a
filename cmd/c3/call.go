package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	c2 "github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/cmd/c3/internal/reach"
	"github.com/ctwo-go/c2/codec"
)

const callLong = `Call a method of a resource. Flags come before NAME, so that an argument may be a negative number.

Each ARG is one argument, and JSON: a number, "text", true, null, [a list], {"a": "struct"}; bytes are base64, times are
RFC 3339 text (docs/relay.md has them all). Where the method takes text, a time or bytes, the quotes may be left out: what
does not begin with one is taken as it is. A word that is no JSON is also taken for text where any value will do.

@FILE takes an argument from a file, - from standard input: JSON, but for a parameter that is text or bytes, which is
then just what is there. An argument that begins with @, or is a dash, is written in quotes: '"@me"'.

The results are printed as JSON, each on a line, with --json as one list. --raw prints one result of text or bytes without
quotes or base64. With --cbor the arguments are one ARG, @FILE or -, that has the CBOR array of all of them, or none, and
the results are printed as CBOR.`

const callExample = `  c3 call --at ipc://demo counter Increment -5
  c3 call --relay http://relay:8080 store Put photos/1.jpg @1.jpg
  c3 call --at ipc://demo --raw store Get photos/1.jpg > 1.jpg
  echo '{"X": 1, "Y": 2}' | c3 call --at ipc://demo map Find -`

// caller is a call command line.
type caller struct {
	streams
	json, raw, cbor bool
}

func newCall(s streams, where *settings) *cobra.Command {
	c := caller{streams: s}
	cmd := &cobra.Command{
		Use: "call [flags] NAME METHOD [ARG...]", Short: "Call a method", Long: callLong, Example: callExample,
		Args: takes(2, -1), ValidArgsFunction: where.completeMethods, DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if c.json && c.raw || c.json && c.cbor || c.raw && c.cbor {
				return errors.New("one of --json, --raw and --cbor")
			}
			return where.do(cmd, func(ctx context.Context, p reach.Place) error { return c.run(ctx, p, args) })
		},
	}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().BoolVar(&c.json, "json", false, "print the results as one JSON list")
	cmd.Flags().BoolVar(&c.raw, "raw", false, "print a result of text or bytes as it is")
	cmd.Flags().BoolVar(&c.cbor, "cbor", false, "take arguments and print results as CBOR")
	return cmd
}

func (c *caller) run(ctx context.Context, p reach.Place, args []string) error {
	call := reach.Call{Resource: args[0], Method: args[1], Format: reach.JSON, Results: reach.JSON}
	if c.cbor {
		return c.runCBOR(ctx, p, call, args[2:])
	}
	d, err := p.Describe(ctx, call.Resource)
	if err != nil {
		return err
	}
	m := d.Method(call.Method)
	if m == nil {
		return &c2.Error{
			Code: c2.CodeNotFound, Resource: call.Resource, Method: call.Method, Message: "there is no such method; see c3 describe " + call.Resource,
		}
	}
	if call.Args, err = c.arguments(m, args[2:]); err != nil {
		return err
	}
	if c.json {
		return c.print(ctx, p, call)
	}
	if c.raw && (len(m.Results) != 1 || !textual(m.Results[0]) && m.Results[0].Kind != codec.KindAny) {
		return fmt.Errorf("--raw is for one result of text or bytes, and the method is %s", m)
	}
	var out bytes.Buffer
	if c.raw {
		call.Results = reach.CBOR
	}
	if err := p.Call(ctx, call, &out); err != nil {
		return err
	}
	if c.raw {
		return c.printRaw(m, out.Bytes())
	}
	return c.printLines(out.Bytes())
}

// print calls, and prints what comes as it comes.
func (c *caller) print(ctx context.Context, p reach.Place, call reach.Call) error {
	out := &failing{w: c.out}
	err := p.Call(ctx, call, out)
	if out.err != nil {
		return other(out.err)
	}
	if err == nil && call.Results == reach.JSON && out.last != '\n' { // relays end it themselves
		_, err = io.WriteString(c.out, "\n")
		err = other(err)
	}
	return err
}

// failing remembers that writing failed, to tell that from a failure of the call, and what was written last.
type failing struct {
	w    io.Writer
	err  error
	last byte
}

// Write implements [io.Writer].
func (f *failing) Write(p []byte) (n int, err error) {
	n, err = f.w.Write(p)
	f.err = errors.Join(f.err, err)
	if n > 0 {
		f.last = p[n-1]
	}
	return n, err
}

func (c *caller) runCBOR(ctx context.Context, p reach.Place, call reach.Call, args []string) (err error) {
	call.Format, call.Results, call.Args = reach.CBOR, reach.CBOR, []byte{0x80}
	switch {
	case len(args) > 1 || len(args) == 1 && !indirect(args[0]):
		return errors.New("with --cbor the arguments are in one @FILE, or come from standard input by -")
	case len(args) == 1:
		if call.Args, err = c.read(args[0]); err != nil {
			return err
		}
	}
	return c.print(ctx, p, call)
}

// printLines prints a list of results, each on a line.
func (c *caller) printLines(list []byte) error {
	var results []json.RawMessage
	if err := json.Unmarshal(list, &results); err != nil {
		return otherError{fmt.Errorf("the results are no JSON list: %w", err)}
	}
	for _, r := range results {
		if _, err := c.out.Write(append(r, '\n')); err != nil {
			return other(err)
		}
	}
	return nil
}

// printRaw prints the one result as it is.
func (c *caller) printRaw(m *c2.MethodDescriptor, results []byte) error {
	values, err := m.DecodeResults(results)
	if err != nil {
		return otherError{err}
	}
	switch v := values[0].(type) {
	case nil:
	case string:
		_, err = io.WriteString(c.out, v)
	case []byte:
		_, err = c.out.Write(v)
	default:
		text, failed := json.Marshal(v)
		if failed != nil {
			return otherError{failed}
		}
		_, err = c.out.Write(text)
	}
	return other(err)
}
