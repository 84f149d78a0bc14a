package ipc

import (
	"io"
)

// Spool makes files for answers that are not to be in this process's memory whole. It is safe for concurrent use.
type Spool interface {
	Create() (SpoolFile, error)
}

// SpoolFile is a file that is written once, from its beginning to its end, and then read.
type SpoolFile interface {
	io.Writer
	io.ReaderAt
	io.Closer
}

const (
	// spoolFrom is the size in bytes from which on an answer in chunks goes to a file.
	spoolFrom = 1 << 20
	// spoolPiece is how much of it is written at a time.
	spoolPiece = 512 << 10
)

// spooled is what of a payload is in a file: that of a spool, or that of the peer's in which it came.
type spooled struct {
	spool Spool // nil if the payload is to be in memory
	file  SpoolFile
	size  int64 // bytes in file
	err   error // why the rest is not
	peers bool  // it is in the peer's file
}

// InFile tells that the payload lies in a file, as it may where the request has a Spool: Bytes is nothing then, and ReadAt
// reads it.
func (p *Payload) InFile() bool { return p.spooled.file != nil || p.spooled.peers }

// Len is how many bytes the payload has, attachments not counted.
func (p *Payload) Len() int64 {
	switch {
	case p.spooled.peers:
		return int64(p.in.refs[0].length)
	case p.spooled.file != nil:
		return p.spooled.size + int64(len(p.buf)-headroom)
	}
	return int64(len(p.Bytes()))
}

// ReadAt reads a payload that lies in a file; see [io.ReaderAt].
func (p *Payload) ReadAt(b []byte, off int64) (int, error) {
	if !p.spooled.peers {
		return p.spooled.file.ReadAt(b, off)
	}
	left := p.Len() - off
	if left <= 0 {
		return 0, io.EOF
	}
	n, err := p.in.parts[0].segment.view.ReadAt(b[:min(int64(len(b)), left)], int64(p.in.refs[0].offset)+off)
	if err == nil && n < len(b) {
		err = io.EOF
	}
	return n, err
}

// fileRoom is room for a payload that is to become total bytes long, if that is to be in a file: it returns where the
// next n of them go.
func (p *Payload) fileRoom(n int, total uint64) ([]byte, bool) {
	s := &p.spooled
	if s.file == nil {
		if s.spool == nil || s.err != nil || total < spoolFrom {
			return nil, false
		}
		if s.file, s.err = s.spool.Create(); s.err != nil {
			return nil, false // it is read into memory then, and fails in the end
		}
	}
	if len(p.buf)+n > cap(p.buf) {
		p.flush()
	}
	if len(p.buf)+n > cap(p.buf) {
		p.buf = append(make([]byte, 0, max(spoolPiece, headroom+n)), p.buf...)
	}
	return p.buf[len(p.buf) : len(p.buf)+n], true
}

// flush writes what has come to the file.
func (p *Payload) flush() {
	s := &p.spooled
	if s.err == nil {
		_, s.err = s.file.Write(p.buf[headroom:])
	}
	s.size += int64(len(p.buf) - headroom)
	p.buf = p.buf[:headroom]
}

// staysInFile tells whether the payload, all of which has come, is left in the file in which it is.
func (p *Payload) staysInFile() (bool, error) {
	s := &p.spooled
	if s.spool == nil {
		return false, nil
	}
	if s.file != nil {
		p.flush()
		return true, s.err
	}
	in := &p.in
	if s.err == nil && in.inBlock && len(in.parts) == 1 && in.parts[0].segment.view != nil && in.parts[0].segment.file {
		s.peers = true
		return true, nil
	}
	return false, s.err
}

// close gives the file up.
func (s *spooled) close() {
	if s.file != nil {
		_ = s.file.Close()
	}
	*s = spooled{}
}
