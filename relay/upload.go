package relay

import (
	"errors"
	"io"
	"slices"

	"github.com/ctwo-go/c2/ipc"
)

// upload is a large body on its way into the memory that is shared with a server. It can be sent once, unless it waits in
// a file.
type upload struct {
	body
	spool *spool
	file  *spoolFile // the body, or nil
	at    int64      // how much of the file has been read
	used  bool
}

var (
	// errSlow ends the sending of a body that comes slowly: what has come is in the file, and so will be the rest.
	errSlow = errors.New("the body comes slowly")
	// errUsed tells that the body is gone, with a connection that ended before the server saw any of it.
	errUsed = &ipc.Error{Code: ipc.CodeUnavailable, Message: "the connection to the server ended while the body was sent; call again"}
)

// uploadStep is how much is read at a time.
const uploadStep = 1 << 20

// Size implements [ipc.Body].
func (u *upload) Size(*ipc.Attachments) int { return int(u.length) }

// AppendTo implements [ipc.Body]. As long as the body comes quickly it is read to where the server sees it.
func (u *upload) AppendTo(dst []byte, a *ipc.Attachments) ([]byte, error) {
	start := len(dst)
	dst = slices.Grow(dst, int(u.length))
	in := dst[start : start+int(u.length)]
	if err := u.Rewind(); err != nil {
		return dst, err
	}
	u.patience = min(slowAfter, u.stall)
	for got := 0; got < len(in); {
		n, err := u.Read(in[got:min(len(in), got+uploadStep)])
		got += n
		if err == errStalled {
			return dst, u.setAside(in[:got])
		}
		if err != nil && err != io.EOF {
			return dst, err
		}
		a.Written(in[:got])
	}
	return dst[:start+len(in)], nil
}

// Rewind implements [ipc.Streamed].
func (u *upload) Rewind() error {
	if u.used && u.file == nil {
		return errUsed
	}
	u.used, u.at, u.patience = true, 0, u.stall
	return nil
}

// Read implements [ipc.Streamed].
func (u *upload) Read(p []byte) (int, error) {
	if u.file == nil {
		return u.body.Read(p)
	}
	n, err := u.file.ReadAt(p, u.at)
	u.at += int64(n)
	if err != nil && err != io.EOF {
		return n, spoolError(err)
	}
	return n, err
}

// setAside saves what has come of a slow body. It returns errSlow.
func (u *upload) setAside(part []byte) error {
	if err := u.open(); err != nil {
		return err
	}
	if _, err := u.file.Write(part); err != nil {
		return err
	}
	return errSlow
}

func (u *upload) open() (err error) {
	u.file, err = u.spool.create()
	return err
}

// finish takes the rest of a body into the file.
func (u *upload) finish() error {
	u.patience = u.stall
	_, err := io.CopyBuffer(struct{ io.Writer }{u.file}, struct{ io.Reader }{&u.body}, make([]byte, smallBody))
	u.length = u.file.size
	return err
}

// close gives the file back.
func (u *upload) close() {
	if u.file != nil {
		u.file.Close()
		u.file = nil
	}
}
