package ipc_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"testing"

	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/ipc"
)

// flow is a body that is read from data, and fails after some bytes of it.
type flow struct {
	data    []byte
	at      int
	fails   int // after so many bytes; zero is never
	rewinds int
	written int // by AppendTo, as it told of
}

var errFlow = errors.New("the flow ran dry")

func (f *flow) Size(*ipc.Attachments) int { return len(f.data) }

func (f *flow) AppendTo(dst []byte, a *ipc.Attachments) ([]byte, error) {
	start := len(dst)
	for rest := f.data; len(rest) > 0; rest = rest[min(len(rest), 1<<20):] {
		dst = append(dst, rest[:min(len(rest), 1<<20)]...)
		f.written = len(dst) - start
		a.Written(dst[start:])
	}
	return dst, nil
}

func (f *flow) Rewind() error {
	f.rewinds++
	f.at = 0
	return nil
}

func (f *flow) Read(p []byte) (int, error) {
	end := len(f.data)
	if f.fails > 0 {
		end = f.fails
	}
	if f.at == end && f.fails > 0 {
		return 0, errFlow
	}
	n := copy(p[:min(len(p), 100_000)], f.data[f.at:end])
	f.at += n
	return n, nil
}

// files is a spool in a directory of the test's.
type files struct {
	dir  string
	open atomic.Int64
	fail error
}

func (s *files) Create() (ipc.SpoolFile, error) {
	if s.fail != nil {
		return nil, s.fail
	}
	f, err := os.CreateTemp(s.dir, "")
	s.open.Add(1)
	return &openFile{f, s}, err
}

type openFile struct {
	*os.File
	spool *files
}

func (f *openFile) Close() error {
	f.spool.open.Add(-1)
	return f.File.Close()
}

// TestStreamedBody sends bodies that are read as they are sent, with shared memory and without.
func TestStreamedBody(t *testing.T) {
	for name, off := range map[string]bool{"shared": false, "chunks": true} {
		t.Run(name, func(t *testing.T) {
			leaktest.Check(t)
			f := serve(t, ipc.Config{})
			memory := ipc.NewMemory(ipc.MemoryConfig{Off: off})
			c := f.client(ipc.Config{Memory: memory})
			for _, n := range []int{0, 1, 200 << 10, 256 << 10, 256<<10 + 1, 3 << 20, 40 << 20} {
				body := &flow{data: pattern(n)}
				p, err := c.Call(t.Context(), ipc.Request{Method: methodEcho, Args: body})
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(p.Bytes(), body.data) {
					t.Errorf("%d bytes came back changed, or as %d", n, len(p.Bytes()))
				}
				p.Release()
				if streamed := body.rewinds > 0; streamed != (off && n > 256<<10) {
					t.Errorf("%d bytes: read as they were sent: %v", n, streamed)
				}
			}
		})
	}
}

// TestStreamThatFails breaks a call off in the middle of its arguments. The connection goes on.
func TestStreamThatFails(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{Memory: ipc.NewMemory(ipc.MemoryConfig{Off: true})})
	for _, after := range []int{1, 100_000, 2 << 20} {
		_, err := c.Call(t.Context(), ipc.Request{Method: methodEcho, Args: &flow{data: pattern(3 << 20), fails: after}})
		if !errors.Is(err, errFlow) {
			t.Errorf("after %d bytes: %v, want the body's own error", after, err)
		}
		if err := echo(t.Context(), c, pattern(1000)); err != nil {
			t.Errorf("the connection is of no use any more: %v", err)
		}
	}
	if len(f.lost.all()) > 0 {
		t.Errorf("connections were lost: %v", f.lost.all())
	}
}

// TestSpool has large answers come in files: those that would be copied into memory, and no others.
func TestSpool(t *testing.T) {
	dir := t.TempDir()
	off := func(c *ipc.MemoryConfig) { c.Off = true }
	spill := func(c *ipc.MemoryConfig) { c.SpillDir, c.SpillBytes = dir, 64<<20 }
	for _, test := range []struct {
		name   string
		change func(*ipc.MemoryConfig)
		size   int
		inFile bool
		own    int64 // files of the spool
	}{
		{"chunks", off, 5<<20 + 3, true, 1},
		{"small chunks", off, 900 << 10, false, 0},
		{"the server's file", spill, 5<<20 + 3, true, 0},
		{"shared memory", nil, 300 << 10, false, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			leaktest.Check(t)
			f := serve(t, ipc.Config{Memory: small(test.change)})
			c := f.client(ipc.Config{})
			spool := &files{dir: t.TempDir()}
			want := pattern(test.size)
			p, err := c.Call(t.Context(), ipc.Request{Method: methodEcho, Args: ipc.Bytes(want), Spool: spool})
			if err != nil {
				t.Fatal(err)
			}
			if p.InFile() != test.inFile || spool.open.Load() != test.own {
				t.Errorf("in a file: %v, %d of the spool's are open; want %v and %d", p.InFile(), spool.open.Load(), test.inFile, test.own)
			}
			if p.Len() != int64(test.size) {
				t.Errorf("%d bytes, want %d", p.Len(), test.size)
			}
			got := p.Bytes()
			if p.InFile() {
				if got, err = io.ReadAll(io.NewSectionReader(p, 0, p.Len())); err != nil {
					t.Error(err)
				}
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%d bytes came back changed, or as %d", len(want), len(got))
			}
			p.Release()
			if spool.open.Load() > 0 {
				t.Error("the file is open after Release")
			}
			if err := echo(context.Background(), c, pattern(1000)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSpoolThatFails ends the call, which has run, and nothing else.
func TestSpoolThatFails(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{Memory: ipc.NewMemory(ipc.MemoryConfig{Off: true})})
	full := errors.New("the disk is full")
	_, err := c.Call(t.Context(), ipc.Request{Method: methodEcho, Args: ipc.Bytes(pattern(3 << 20)), Spool: &files{fail: full}})
	if e := wantCode(t, err, ipc.CodeInternal); !e.MayHaveRun || e.Message != full.Error() {
		t.Errorf("got %+v", e)
	}
	if err := echo(t.Context(), c, pattern(1000)); err != nil {
		t.Error(err)
	}
}
