package ipc

import (
	"context"
	"io"
	"net"
	"os"
	"time"
)

// stream is what the frames of a connection go over: its socket, or a pair of rings with the socket beside it. One goroutine
// may read and one may write at a time; the descriptors belong to who reads.
type stream interface {
	// start is called once the connection is there. bell is called, on another goroutine, when the peer wants something read
	// that has not been yet, as far as that can be told, and at the end; it must not block. Not every stream has that.
	start(bell func(end bool))
	hasBell() bool
	// pending tells whether there is something to read, as far as that can be told at once, peerSleeps whether the peer's
	// reader sleeps, and over whether bell has been called for the last time, or is about to be. Any goroutine may ask.
	pending() bool
	peerSleeps() bool
	over() bool
	// Read waits for bytes. io.EOF is the end of the peer.
	io.Reader
	// attend makes a Read that waits return an error (see interrupted) when ctx ends, until the reader calls ignore. An error
	// that comes late is for whoever reads then to ignore, after resume.
	attend(ctx context.Context)
	ignore()
	resume()

	// crowded tells the stream whether other goroutines wait for what the reader reads. Only the reader may.
	crowded(yes bool)

	// try writes as much of p as is taken at once. What it begins, write or another try has to end.
	try(p []byte) (int, error)
	// write writes all of bufs. Waiting for the peer to read for longer than stall is a *stallError; zero is for ever.
	write(bufs net.Buffers, stall time.Duration) error
	// sendFile writes a frame that tells of a descriptor, and that descriptor, as write does.
	sendFile(frame []byte, file *os.File, stall time.Duration) error
	// direct tells that try takes so little time that others may wait for it.
	direct() bool

	// position is how far the stream has been written; only who writes may ask. unread tells, once the peer is gone, whether it
	// certainly has read nothing that was written from there on.
	position() uint64
	unread(position uint64) bool

	// doze tells whether nobody needs to read until bell is called. Who reads again calls rouse first.
	doze() bool
	rouse()

	// takeFile returns the descriptor of the segment frame that was read. It is nil if this process has no room for it.
	takeFile() (*os.File, error)
	closeFiles()
	// linger gives the peer time to read what was written, before Close.
	linger()
	// end ends what only this side's reader may: it does not read any more.
	end()
	Close() error
}
