package relay

import (
	"bytes"
	"fmt"

	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// checkName finds fault with a resource's name.
func checkName(name string) error {
	if !relayapi.ValidName(name) {
		return &ipc.Error{Code: ipc.CodeInvalid, Message: fmt.Sprintf("resource name %.80q: want 1 to %d bytes of UTF-8 without control characters", name, relayapi.MaxName)}
	}
	return nil
}

// splitTarget splits a request's target as it came into its path and query.
func splitTarget(target []byte) (path, query []byte, err error) {
	target = withoutAuthority(target)
	if len(target) == 0 || target[0] != '/' || bytes.IndexByte(target, '#') >= 0 {
		return nil, nil, &ipc.Error{Code: ipc.CodeInvalid, Message: "the request's target is no path; ask for /v1/…"}
	}
	path, query, _ = bytes.Cut(target, []byte("?"))
	return path, query, nil
}

// withoutAuthority is the path of a target that has the form that proxies are asked for, which RFC 9112 wants every server to take.
func withoutAuthority(target []byte) []byte {
	scheme, rest, ok := bytes.Cut(target, []byte("://"))
	if !ok || !bytes.EqualFold(scheme, []byte("http")) && !bytes.EqualFold(scheme, []byte("https")) {
		return target
	}
	if i := bytes.IndexByte(rest, '/'); i > 0 {
		return rest[i:]
	}
	return target
}

// unescape decodes one segment of a path, once. What has no escapes is returned as it is.
func unescape(segment []byte) ([]byte, error) {
	if bytes.IndexByte(segment, '%') < 0 {
		return segment, nil
	}
	out := make([]byte, 0, len(segment))
	for i := 0; i < len(segment); i++ {
		b := segment[i]
		if b == '%' {
			if i+2 >= len(segment) || unhex(segment[i+1]) > 15 || unhex(segment[i+2]) > 15 {
				return nil, &ipc.Error{Code: ipc.CodeInvalid, Message: fmt.Sprintf("%.80q is not percent-encoded as it should be", segment)}
			}
			b = unhex(segment[i+1])<<4 | unhex(segment[i+2])
			i += 2
		}
		out = append(out, b)
	}
	return out, nil
}

// unhex is the value of a hexadecimal digit, 16 if it is none.
func unhex(b byte) byte {
	switch {
	case b >= '0' && b <= '9':
		return b - '0'
	case b >= 'a' && b <= 'f':
		return b - 'a' + 10
	case b >= 'A' && b <= 'F':
		return b - 'A' + 10
	}
	return 16
}
