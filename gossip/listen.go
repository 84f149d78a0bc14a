package gossip

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/hashicorp/memberlist"
)

// ErrListen is what Start fails with where the address for gossip can't be had now, such as one that is in use.
var ErrListen = errors.New("gossip: can't listen")

// listenError is an [ErrListen] that says why.
type listenError struct{ error }

// Is tells what it is, which its text does not need to.
func (listenError) Is(target error) bool { return target == ErrListen }

// Unwrap is the error of who tried.
func (e listenError) Unwrap() error { return e.error }

// openTransport listens as the relay's configuration says, and has memberlist use that.
func (c *Config) openTransport(ctx context.Context, list *memberlist.Config, logger *log.Logger) error {
	ip, port, err := bindAddress(ctx, c.Bind)
	if err != nil {
		return err
	}
	transport, port, err := c.listen(ip, port, logger)
	if err != nil {
		return fmt.Errorf("gossip: listening for gossip on %s: %w", c.Bind, listenError{err})
	}
	list.BindAddr, list.BindPort = ip, port
	if list.AdvertiseAddr, list.AdvertisePort, err = c.advertised(ctx, transport, port); err != nil {
		transport.Shutdown()
		return err
	}
	list.Transport = transport
	if c.transport != nil {
		list.Transport = c.transport(transport)
	}
	return nil
}

// advertised is where others reach the relay, an empty address for what memberlist finds out by itself.
func (c *Config) advertised(ctx context.Context, transport memberlist.Transport, bound int) (ip string, port int, err error) {
	ip, port, err = advertiseAddress(ctx, c.Advertise, bound)
	if err != nil {
		return "", 0, err
	}
	others, _, err := transport.FinalAdvertiseAddr(ip, port)
	if err == nil && others.IsUnspecified() {
		err = fmt.Errorf("%s is none", others)
	}
	if err != nil {
		return "", 0, fmt.Errorf("gossip: which address of this host others reach is not clear; set the advertised one: %w", err)
	}
	return ip, port, nil
}

// listenFunc listens for gossip on an address, and returns the port.
type listenFunc func(ip string, port int, log *log.Logger) (memberlist.NodeAwareTransport, int, error)

// listen listens on TCP and UDP. It tries several times where any port will do, as it has to be free for both.
func listen(ip string, port int, log *log.Logger) (memberlist.NodeAwareTransport, int, error) {
	c := memberlist.NetTransportConfig{BindAddrs: []string{ip}, BindPort: port, Logger: log}
	for tries := 1; ; tries++ {
		t, err := memberlist.NewNetTransport(&c)
		switch {
		case err == nil:
			return t, t.GetAutoBindPort(), nil
		case port != 0 || tries == 10:
			return nil, 0, err
		}
	}
}

// bindAddress turns host:port into what memberlist wants: an IP.
func bindAddress(ctx context.Context, address string) (ip string, port int, err error) {
	if strings.HasPrefix(address, ":") {
		address = "0.0.0.0" + address
	}
	list, err := lookup(ctx, address)
	if err != nil {
		return "", 0, fmt.Errorf("gossip: the address to listen on, %q: want host:port: %w", address, err)
	}
	return splitAddress(list[0])
}

func advertiseAddress(ctx context.Context, address string, bound int) (ip string, port int, err error) {
	if address == "" {
		return "", bound, nil
	}
	list, err := lookup(ctx, address)
	if err != nil {
		return "", 0, fmt.Errorf("gossip: the advertised address %q: want host:port: %w", address, err)
	}
	ip, port, err = splitAddress(list[0])
	if port == 0 {
		port = bound
	}
	return ip, port, err
}
