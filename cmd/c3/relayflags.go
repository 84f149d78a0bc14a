package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/ctwo-go/c2/ipc"
	"github.com/ctwo-go/c2/relay"
)

// relayFlags are the flags of c3 relay.
type relayFlags struct {
	bind, id, url                                          string
	seeds                                                  []string
	gossipBind, gossipAdvertise, gossipKeyFile, snapshot   string
	announceTokenFile, cert, key, clientCA                 string
	origins, socketDirs                                    []string
	noDirect, accessLog                                    bool
	maxCalls, maxConns, maxServers, maxRoutes              int
	maxHeader, maxBody, maxJSON, maxSpool, minRate         int64
	headerTimeout, idleTimeout, stallTimeout, drainTimeout time.Duration
	spoolDir, logLevel                                     string
	shmConnBytes, shmBytes                                 int64
}

func (f *relayFlags) add(set *pflag.FlagSet) {
	set.SortFlags = false
	set.StringVar(&f.bind, "bind", "127.0.0.1:8080", "`HOST:PORT` to serve at")
	set.StringVar(&f.id, "relay-id", "", "the relay's `NAME` among others (default: one that is made up)")
	set.StringVar(&f.url, "advertise-url", "", "the `URL` where others reach the relay (default: of --bind, if that is one address)")
	set.StringSliceVar(&f.seeds, "seeds", nil, "`URLS` of other relays, or HOST:PORT of their gossip, to make a mesh with")
	set.StringVar(&f.gossipBind, "gossip-bind", "", "`HOST:PORT` for gossip, UDP and TCP (default: the host of --bind, port 7946)")
	set.StringVar(&f.gossipAdvertise, "gossip-advertise", "", "`HOST:PORT` where others reach that (default: the host of --advertise-url)")
	set.StringVar(&f.gossipKeyFile, "gossip-key-file", "", "a `FILE` with the key that encrypts gossip, 16, 24 or 32 bytes as base64; more lines are older keys")
	set.StringVar(&f.snapshot, "snapshot", "", "a `FILE` by which the relay finds the mesh again after a restart")
	set.StringVar(&f.announceTokenFile, "announce-token-file", "", "a `FILE` with the token that servers show (default: that of callers)")
	set.StringVar(&f.cert, "tls-cert", "", "a `FILE` with the certificate for HTTPS; it may be replaced at any time")
	set.StringVar(&f.key, "tls-key", "", "a `FILE` with its key")
	set.StringVar(&f.clientCA, "client-ca", "", "a `FILE` of the authorities of which callers must show a certificate")
	set.StringSliceVar(&f.origins, "cors-origin", nil, "`ORIGINS` whose pages browsers may let call, * for all")
	set.StringSliceVar(&f.socketDirs, "socket-dir", nil, "`DIRS` whose sockets servers may announce (default: the one of ipc://name)")
	set.BoolVar(&f.noDirect, "no-direct", false, "have clients of this host call through the relay, too")
	set.BoolVar(&f.accessLog, "access-log", false, "log each request")
	set.StringVar(&f.logLevel, "log-level", "", "`LEVEL` to log from: debug, info, warn, error or disabled (default info)")
	set.DurationVar(&f.drainTimeout, "drain-timeout", 10*time.Second, "for how long to wait for calls at the end")
	f.addLimits(set)
}

func (f *relayFlags) addLimits(set *pflag.FlagSet) {
	set.IntVar(&f.maxCalls, "max-calls", relay.DefaultMaxCalls, "how `MANY` calls may be in flight")
	set.IntVar(&f.maxConns, "max-conns", relay.DefaultMaxConns, "how `MANY` connections may be open")
	set.IntVar(&f.maxServers, "max-servers", relay.DefaultMaxServers, "how `MANY` servers may announce themselves")
	set.IntVar(&f.maxRoutes, "max-routes", relay.DefaultMaxRoutes, "how `MANY` resources they may have together; the same at all relays of a mesh")
	sizeVar(set, &f.maxHeader, "max-header", relay.DefaultMaxHeader, "`BYTES` of a request's header, or KiB, MiB, GiB, as with all sizes")
	sizeVar(set, &f.maxBody, "max-body", relay.DefaultMaxBody, "`BYTES` of a body, each way")
	sizeVar(set, &f.maxJSON, "max-json", relay.DefaultMaxJSON, "`BYTES` of arguments in JSON")
	set.DurationVar(&f.headerTimeout, "header-timeout", relay.DefaultHeaderTimeout, "for how long a header may come")
	set.DurationVar(&f.idleTimeout, "idle-timeout", relay.DefaultIdleTimeout, "for how long a connection may have nothing to do")
	set.DurationVar(&f.stallTimeout, "stall-timeout", relay.DefaultStallTimeout, "for how long a body may not move")
	sizeVar(set, &f.minRate, "min-rate", relay.DefaultMinRate, "`BYTES` per second of a body that a caller must send or read, on average while it is waited for; -1 for any")
	set.StringVar(&f.spoolDir, "spool-dir", relay.DefaultSpoolDir, "a `DIR` where the bodies of slow callers wait")
	sizeVar(set, &f.maxSpool, "max-spool", relay.DefaultMaxSpool, "`BYTES` of those, together")
	sizeVar(set, &f.shmConnBytes, "shm-conn-bytes", 0, "`BYTES` of shared memory for the bodies on the way to one server (default: up to 4 GiB)")
	sizeVar(set, &f.shmBytes, "shm-bytes", 0, "`BYTES` of it for all servers (default: half of the memory)")
}

// limits are those of the relay.
func (f *relayFlags) limits() relay.Config {
	return relay.Config{
		MaxHeader: int(f.maxHeader), MaxBody: f.maxBody, MaxJSON: f.maxJSON, MaxCalls: f.maxCalls, MaxConns: f.maxConns,
		MaxServers: f.maxServers, MaxRoutes: f.maxRoutes,
		HeaderTimeout: f.headerTimeout, IdleTimeout: f.idleTimeout, StallTimeout: f.stallTimeout, MinRate: f.minRate,
		SpoolDir: f.spoolDir, MaxSpool: f.maxSpool,
		Memory: ipc.MemoryConfig{ConnBytes: f.shmConnBytes, MaxBytes: f.shmBytes},
	}
}

// fillFlags sets the flags that the command line does not to what their variables say.
func fillFlags(set *pflag.FlagSet, from source) (err error) {
	set.VisitAll(func(f *pflag.Flag) {
		name := variableOf(f.Name)
		value, ok := dotenvLookup(from, name)
		if f.Changed || !ok || err != nil || f.Name == "help" {
			return
		}
		if f.Value.Set(value) != nil {
			err = fmt.Errorf("%s=%q: want %s, as --%s does", name, value, wanted(f.Value.Type()), f.Name)
		}
	})
	return err
}

// unknownVariables lists the variables in .env that are named like those of flags, and are of none.
func unknownVariables(set *pflag.FlagSet, from source) (names []string) {
	known := map[string]bool{"C2_RELAY_ANNOUNCE_TOKEN": true}
	set.VisitAll(func(f *pflag.Flag) { known[variableOf(f.Name)] = true })
	for _, name := range slices.Sorted(maps.Keys(from)) {
		if strings.HasPrefix(name, variableOf("")) && !known[name] {
			names = append(names, name)
		}
	}
	return names
}

// wanted is what flags of a type take.
func wanted(kind string) string {
	switch kind {
	case "int":
		return "a whole number"
	case "duration":
		return "a duration like 30s"
	case "bool":
		return "true or false"
	case "size":
		return sizeForm
	}
	return "a " + kind
}

// variableOf is the variable of a flag.
func variableOf(flag string) string {
	return "C2_RELAY_" + strings.ReplaceAll(strings.ToUpper(strings.TrimPrefix(flag, "relay-")), "-", "_")
}

// readKeys reads the keys of the gossip, one in each line.
func readKeys(path string) (keys [][]byte, err error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return nil, fmt.Errorf("%s: want keys as base64: %w", path, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: want a key (head -c 32 /dev/urandom | base64)", path)
	}
	return keys, lines.Err()
}
