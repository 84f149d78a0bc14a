package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/ctwo-go/c2/cmd/c3/internal/reach"
	"github.com/ctwo-go/c2/relay"
)

const relayLong = `Serve the resources of this host by name, over HTTP, in JSON and CBOR.

Servers announce themselves (c2.RelayURL, or C2_RELAY in their environment), and anybody calls: Go programs by c2.Connect,
others by POST /v1/resources/NAME/METHOD. With --seeds or --gossip-bind the relay is one of a mesh, where any relay
answers for the resources of all.

Each flag has a variable: --bind is C2_RELAY_BIND, --max-calls is C2_RELAY_MAX_CALLS, in the environment or in the
file .env. Tokens are read from files or variables: C2_TOKEN for callers, C2_RELAY_ANNOUNCE_TOKEN for servers.

Certificates may be replaced at any time. To rotate the key of the gossip, put the new one in front in the file and send SIGHUP to
one relay; then let the files of the others follow, drop the old key, and send SIGHUP again.

SIGTERM and SIGINT end it: it takes no more calls, leaves the mesh, waits for those that run, and exits with 0.`

const relayExample = `  c3 relay
  c3 relay --bind 0.0.0.0:8080 --token-file /etc/c2/token --tls-cert relay.pem --tls-key relay.key
  c3 relay --bind 0.0.0.0:8080 --advertise-url http://relay-a:8080 --seeds http://relay-b:8080,http://relay-c:8080`

func newRelay(s streams, where *settings) *cobra.Command {
	f := new(relayFlags)
	cmd := &cobra.Command{
		Use: "relay", Short: "Serve the resources of this host over HTTP", Args: takes(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions, Long: relayLong, Example: relayExample,
	}
	f.add(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		from, err := readSource()
		if err == nil {
			err = where.wantNone(cmd)
		}
		if err == nil {
			err = fillFlags(cmd.Flags(), from)
		}
		if err == nil {
			err = where.fillToken(from)
		}
		if err != nil {
			return err
		}
		where.fillTLS(from)
		return f.serve(cmd.Context(), s, where, from, unknownVariables(cmd.Flags(), from))
	}
	return cmd
}

// serve runs a relay until ctx ends. It tells of variables that are unknown.
func (f *relayFlags) serve(ctx context.Context, s streams, where *settings, from source, unknown []string) error {
	log, err := f.logger(s, from)
	if err != nil {
		return err
	}
	config, err := f.config(where, from, log)
	if err != nil {
		return err
	}
	if err := checkBind(f.bind); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", f.bind)
	if err != nil {
		return fmt.Errorf("--bind %s: %w", f.bind, err)
	}
	if config.Mesh != nil && config.URL == "" {
		config.URL, err = ownURL(ln.Addr(), config.TLS != nil)
	}
	var r *relay.Relay
	if err == nil {
		r, err = relay.New(config)
	}
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	served := make(chan error, 1)
	go func() { served <- r.Serve(ln) }()
	log.Info().Str("id", r.ID()).Stringer("address", ln.Addr()).Bool("https", config.TLS != nil).Msg("relay serves")
	f.warn(ln.Addr(), &config, log)
	if len(unknown) > 0 {
		log.Warn().Strs("variables", unknown).Msg("the file .env sets what is no flag of c3 relay; are the names right?")
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-ctx.Done():
			return errors.Join(f.drain(r, log), other(<-served))
		case err := <-served:
			return errors.Join(other(err), f.drain(r, log))
		case <-hup:
			f.rotate(r, log)
		}
	}
}

// checkBind finds fault with the form of an address to serve at.
func checkBind(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return fmt.Errorf("--bind %s: want host:port, with a port up to 65535", address)
	}
	return nil
}

// rotate has the mesh use the keys that are in the file now.
func (f *relayFlags) rotate(r *relay.Relay, log zerolog.Logger) {
	keys, err := readKeys(f.gossipKeyFile)
	if err == nil {
		err = r.RotateKeys(keys)
	}
	if err != nil {
		log.Error().Err(err).Msg("the keys of the gossip stay as they are; mend it and send SIGHUP again")
		return
	}
	log.Info().Int("keys", len(keys)).Msg("the mesh uses the first key of the file")
}

// drain ends the relay in an orderly way.
func (f *relayFlags) drain(r *relay.Relay, log zerolog.Logger) error {
	log.Info().Dur("ms", f.drainTimeout).Msg("relay drains")
	ctx, cancel := context.WithTimeout(context.Background(), f.drainTimeout)
	defer cancel()
	if err := r.Shutdown(ctx); err != nil {
		return otherError{fmt.Errorf("calls were cut off after %v (--drain-timeout): %w", f.drainTimeout, err)}
	}
	log.Info().Msg("relay ended")
	return nil
}

// warn tells of what is more open than it may be meant to be.
func (f *relayFlags) warn(addr net.Addr, config *relay.Config, log zerolog.Logger) {
	if config.Mesh != nil && len(config.Mesh.Keys) == 0 && !onLoopback(config.Mesh.Bind) {
		what := "whoever reaches the gossip's port may join the mesh"
		if config.Token != "" || config.AnnounceToken != "" {
			what += ", and relays of a mesh show each other their tokens"
		}
		log.Warn().Str("gossip", config.Mesh.Bind).Msg(what + ": give --gossip-key-file")
	}
	if onLoopback(addr.String()) {
		return
	}
	if config.Token == "" && (config.TLS == nil || f.clientCA == "") {
		log.Warn().Stringer("address", addr).Msg("whoever reaches this address may call: give --token-file, or --client-ca with --tls-cert")
	}
	if config.TLS == nil && config.Token != "" {
		log.Warn().Stringer("address", addr).Msg("tokens are sent in the clear: give --tls-cert and --tls-key, unless something else encrypts")
	}
}

// onLoopback tells whether only this host reaches an address.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

func (f *relayFlags) logger(s streams, from source) (zerolog.Logger, error) {
	text, _ := dotenvLookup(from, "C2_LOG_LEVEL")
	level, err := zerolog.ParseLevel(cmp.Or(f.logLevel, text, "info"))
	if err != nil {
		return zerolog.Nop(), fmt.Errorf("log level %q: want debug, info, warn, error or disabled (--log-level, C2_LOG_LEVEL)", cmp.Or(f.logLevel, text))
	}
	return zerolog.New(s.err).Level(level).With().Timestamp().Logger(), nil
}

func (f *relayFlags) config(where *settings, from source, log zerolog.Logger) (relay.Config, error) {
	config := f.limits()
	config.ID, config.URL, config.Logger = f.id, strings.TrimSuffix(f.url, "/"), log
	config.Token = where.token
	config.Origins, config.SocketDirs, config.NoDirect, config.AccessLog = f.origins, f.socketDirs, f.noDirect, f.accessLog
	var err error
	if config.AnnounceToken, err = f.announceToken(from); err != nil {
		return config, err
	}
	if (f.cert == "") != (f.key == "") || f.cert == "" && f.clientCA != "" {
		return config, errors.New("HTTPS takes --tls-cert and --tls-key together, and --client-ca beside them")
	}
	if f.cert != "" {
		files := &relay.Certificates{Cert: f.cert, Key: f.key, ClientCA: f.clientCA}
		if config.TLS, err = files.Config(log); err != nil {
			return config, err
		}
	}
	config.Mesh, err = f.mesh(where)
	return config, err
}

// announceToken is what servers show, from a file or a variable: a command line is for others to see.
func (f *relayFlags) announceToken(from source) (string, error) {
	if f.announceTokenFile == "" {
		token, _ := dotenvLookup(from, "C2_RELAY_ANNOUNCE_TOKEN")
		return token, nil
	}
	return readToken(f.announceTokenFile)
}

// mesh is how the relay finds others, nil if it is alone.
func (f *relayFlags) mesh(where *settings) (*relay.MeshConfig, error) {
	if len(f.seeds) == 0 && f.gossipBind == "" {
		return nil, nil
	}
	m := &relay.MeshConfig{Bind: f.gossipBind, Advertise: f.gossipAdvertise, Seeds: f.seeds, Snapshot: f.snapshot}
	var err error
	if m.Keys, err = readKeys(f.gossipKeyFile); err != nil {
		return nil, err
	}
	client := reach.Config{CA: where.ca, Cert: where.cert, Key: where.key}
	if m.TLS, err = client.TLS(); err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(f.bind)
	if err != nil {
		return nil, fmt.Errorf("--bind %s: want host:port", f.bind)
	}
	if m.Bind == "" {
		m.Bind = net.JoinHostPort(cmp.Or(host, "0.0.0.0"), defaultGossipPort)
	}
	if m.Advertise == "" && f.url != "" {
		m.Advertise = addressOf(f.url)
	}
	return m, nil
}

// defaultGossipPort is serf's.
const defaultGossipPort = "7946"

// addressOf is the address of a URL's host with port 0, for the gossip's own, or nothing if it can't be found now.
func addressOf(relayURL string) string {
	u, err := url.Parse(relayURL)
	if err != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ips, err := net.DefaultResolver.LookupHost(ctx, u.Hostname())
	if err != nil || len(ips) == 0 {
		return ""
	}
	return net.JoinHostPort(ips[0], "0")
}

// ownURL is where others reach a listener, if it has one address.
func ownURL(addr net.Addr, secure bool) (string, error) {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || tcp.IP.IsUnspecified() {
		return "", fmt.Errorf("where do the other relays reach this one? Give --advertise-url, as %s is every address of this host", addr)
	}
	if secure {
		return "https://" + addr.String(), nil
	}
	return "http://" + addr.String(), nil
}
