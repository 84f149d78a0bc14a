package relay

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"github.com/ctwo-go/c2/ipc"
)

// errFields is the end of a connection whose requests others may read in another way.
var errFields = &ipc.Error{Code: ipc.CodeInvalid, Message: "the request's header leaves open where its body ends, or is not HTTP"}

// checkRequest finds fault with a request that fasthttp took.
func checkRequest(h *fasthttp.RequestHeader) error {
	if !bytes.HasPrefix(h.Protocol(), version1) {
		return &ipc.Error{Code: ipc.CodeInvalid, Message: "the relay speaks HTTP/1.1 and HTTP/1.0"}
	}
	return checkFields(h.RawHeaders())
}

// checkFields finds fault with the lines of a request's header, as they came, where fasthttp lets pass what a proxy before the relay
// may read in another way: a length beside an encoding, an encoding other than chunked, names that are none, lines that go on.
func checkFields(raw []byte) error {
	length, encoded := false, false
	for len(raw) > 0 {
		var line []byte
		line, raw, _ = bytes.Cut(raw, newline)
		line = bytes.TrimSuffix(line, carriageReturn)
		if len(line) == 0 {
			continue
		}
		name, value, ok := bytes.Cut(line, colon)
		if !ok || !isToken(name) {
			return errFields
		}
		switch {
		case len(name) == len(fieldLength) && bytes.EqualFold(name, fieldLength):
			length = true
		case len(name) == len(fieldEncoding) && bytes.EqualFold(name, fieldEncoding):
			encoded = true
			if !bytes.EqualFold(bytes.TrimSpace(value), encodingChunked) {
				return errFields
			}
		}
	}
	if length && encoded {
		return errFields
	}
	return nil
}

var (
	version1        = []byte("HTTP/1.")
	colon           = []byte(":")
	carriageReturn  = []byte("\r")
	fieldLength     = []byte("Content-Length")
	fieldEncoding   = []byte("Transfer-Encoding")
	encodingChunked = []byte("chunked")
)

// isToken tells whether text may be the name of a field.
func isToken(text []byte) bool {
	for _, b := range text {
		if b <= ' ' || b >= 0x7f || bytes.IndexByte(delimiters, b) >= 0 {
			return false
		}
	}
	return len(text) > 0
}

var delimiters = []byte(`"(),/:;<=>?@[\]{}`)
