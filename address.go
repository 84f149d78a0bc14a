package c2

import (
	"strings"

	"github.com/ctwo-go/c2/ipc"
)

const addressForms = "want thread:// (this process), ipc://name, ipc:///abs/path.sock, http://host:port or https://host:port"

type scheme uint8

const (
	schemeThread scheme = iota
	schemeIPC
	schemeHTTP
)

// parseAddress tells what kind an address is of.
func parseAddress(address string) (scheme, error) {
	switch {
	case address == "" || address == "thread://":
		return schemeThread, nil
	case strings.HasPrefix(address, ipc.Scheme):
		if _, err := ipc.SocketPath(address); err != nil {
			return 0, newError(CodeInvalid, "%v", err)
		}
		return schemeIPC, nil
	case strings.HasPrefix(address, "http://"), strings.HasPrefix(address, "https://"):
		return schemeHTTP, nil
	}
	return 0, newError(CodeInvalid, "address %q: %s", address, addressForms)
}
