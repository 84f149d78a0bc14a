package c2

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2/internal/dotenv"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// nodeConfig holds what options set; nil is not set.
type nodeConfig struct {
	address      *string
	callTimeout  *time.Duration
	drainTimeout *time.Duration
	maxPayload   *int64
	memory       *MemoryConfig
	polling      *time.Duration
	sharing      *bool // whether there is shared memory
	relay        *string
	token        *string
	tls          *tls.Config
	logger       *zerolog.Logger
}

// settings are a node's settings after options, environment, .env and defaults have spoken.
type settings struct {
	address      string // empty: make one up
	callTimeout  time.Duration
	drainTimeout time.Duration
	maxPayload   int64
	memory       MemoryConfig
	polling      time.Duration
	relays       []string    // URLs; empty: there is none
	token        string      // empty: there is none
	tls          *tls.Config // nil: the defaults
	logger       zerolog.Logger
	unknown      []string // variables in .env that are no settings
}

const (
	defaultCallTimeout  = 30 * time.Second
	defaultDrainTimeout = 10 * time.Second
)

// resolve finds each setting's value. It reports everything that is wrong at once.
func (c *nodeConfig) resolve() (settings, error) {
	file, err := readDotenv()
	if err != nil {
		return settings{}, err
	}
	r := newResolver(file)
	s := settings{
		address:      setting(&r, c.address, "C2_ADDRESS", "", "an address", parseText),
		callTimeout:  setting(&r, c.callTimeout, "C2_CALL_TIMEOUT", defaultCallTimeout, "a duration like 30s, or 0 for none", parseDuration),
		drainTimeout: setting(&r, c.drainTimeout, "C2_DRAIN_TIMEOUT", defaultDrainTimeout, "a duration like 10s", parseDuration),
		maxPayload:   setting(&r, c.maxPayload, "C2_MAX_PAYLOAD", ipc.DefaultMaxPayload, "a number of bytes above 0", parsePositive),
	}
	s.memory = r.memory(c.memory, c.sharing)
	s.polling = setting(&r, c.polling, "C2_IPC_POLL", ipc.DefaultPoll, "a duration like 50us, or 0 for none", parseDuration)
	s.relays = r.relays(c.relay)
	s.token = r.token(c.token)
	s.tls = r.tls(c.tls)
	level := fromVariable(&r, "C2_LOG_LEVEL", zerolog.WarnLevel, "debug, info, warn, error or disabled", parseLevel)
	if c.logger != nil {
		s.logger = *c.logger
	} else {
		s.logger = zerolog.New(os.Stderr).Level(level).With().Timestamp().Logger()
	}
	r.check("CallTimeout", s.callTimeout >= 0, "a duration of 0 or more")
	r.check("DrainTimeout", s.drainTimeout >= 0, "a duration of 0 or more")
	r.check("Polling", s.polling >= 0, "a duration of 0 or more")
	r.check("MaxPayload", s.maxPayload > 0, "a number of bytes above 0")
	r.checkAddress("C2_ADDRESS", fromVariable(&r, "C2_ADDRESS", "", "an address", parseText))
	if c.address != nil {
		r.checkAddress("Address", *c.address)
	}
	if err := errors.Join(r.faults...); err != nil {
		return settings{}, newError(CodeInvalid, "%v", err)
	}
	s.unknown = r.unknown(file)
	return s, nil
}

// memory finds the settings of shared memory: of a field that the option leaves zero, its variable's.
func (r *resolver) memory(option *MemoryConfig, sharing *bool) MemoryConfig {
	var m MemoryConfig
	if option != nil {
		m = *option
	}
	m.Off = !setting(r, sharing, "C2_IPC_SHM", true, "on or off", parseSwitch)
	const size = "a number of bytes above 0"
	m.Inline = int(setting(r, given(int64(m.Inline)), "C2_SHM_INLINE", 0, size, parsePositive))
	m.Dedicated = int(setting(r, given(int64(m.Dedicated)), "C2_SHM_DEDICATED", 0, size, parsePositive))
	m.ConnBytes = setting(r, given(m.ConnBytes), "C2_SHM_CONN_BYTES", 0, size, parsePositive)
	m.MaxBytes = setting(r, given(m.MaxBytes), "C2_SHM_BYTES", 0, size, parsePositive)
	m.SpillDir = setting(r, given(m.SpillDir), "C2_SHM_SPILL_DIR", "", "a directory", parseText)
	m.SpillBytes = setting(r, given(m.SpillBytes), "C2_SHM_SPILL_BYTES", 0, "a number of bytes, or -1 for no files", parseSizeOrNone)
	m.Prefault = setting(r, given(m.Prefault), "C2_SHM_PREFAULT", 0, "a number of bytes, or -1 for none", parseSizeOrNone)
	m.Wait = setting(r, given(m.Wait), "C2_SHM_WAIT", 0, "a duration above 0, like 10s", parseWait)
	const want = "more, or 0 for the default"
	r.check("SharedMemory.Inline", m.Inline >= 0, want)
	r.check("SharedMemory.Dedicated", m.Dedicated >= 0, want)
	r.check("SharedMemory.ConnBytes", m.ConnBytes >= 0, want)
	r.check("SharedMemory.MaxBytes", m.MaxBytes >= 0, want)
	r.check("SharedMemory.Wait", m.Wait >= 0, want)
	return m
}

// given is v unless it is zero.
func given[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// resolver looks settings up and collects what is wrong with them.
type resolver struct {
	find   func(string) (string, bool)
	asked  map[string]bool // the variables that were looked up
	faults []error
}

// newResolver makes one that asks the environment first, and then what .env has.
func newResolver(file map[string]string) resolver {
	return resolver{find: dotenv.Lookup(os.LookupEnv, file), asked: make(map[string]bool)}
}

func (r *resolver) lookup(variable string) (string, bool) {
	r.asked[variable] = true
	return r.find(variable)
}

// unknown lists the variables of .env that are settings of nobody: neither looked up, nor of the command c3. Those of the
// environment are not looked at, where others than the user may put some.
func (r *resolver) unknown(file map[string]string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(file)) {
		if !r.asked[name] && name != "C2_AT" && name != "C2_TOKEN_FILE" && !strings.HasPrefix(name, "C2_RELAY_") {
			names = append(names, name)
		}
	}
	return names
}

func (r *resolver) check(option string, ok bool, want string) {
	if !ok {
		r.faults = append(r.faults, errors.New(option+": want "+want))
	}
}

// checkAddress finds fault with an address that the node is to have, unless it is empty.
func (r *resolver) checkAddress(source, address string) {
	if _, err := ipc.SocketPath(address); address != "" && err != nil {
		r.faults = append(r.faults, fmt.Errorf("%s: %w", source, err))
	}
}

// relays finds the URLs of the node's relays.
func (r *resolver) relays(option *string) []string {
	variable, _ := r.lookup("C2_RELAY")
	urls := r.relayURLs("C2_RELAY", variable)
	if option != nil {
		urls = r.relayURLs("RelayURL", *option)
	}
	return urls
}

func (r *resolver) relayURLs(source, text string) []string {
	urls, err := parseRelayURLs(text)
	if err != nil {
		r.faults = append(r.faults, fmt.Errorf("%s: %s", source, err.(*Error).Message))
	}
	return urls
}

// token finds what the node shows to relays. A fault does not print it.
func (r *resolver) token(option *string) string {
	token, _ := r.lookup("C2_TOKEN")
	const want = "letters, digits and signs of ASCII, without spaces"
	r.check("C2_TOKEN", relayapi.ValidToken(token), want)
	if option != nil {
		token = *option
		r.check("Token", relayapi.ValidToken(token), want)
	}
	return token
}

// setting is the value of one setting: the option's, else the variable's, else the default. A variable that is wrong is a
// fault even where the option has spoken: whoever set it expects it to do something.
func setting[T any](r *resolver, option *T, variable string, otherwise T, want string, parse func(string) (T, error)) T {
	v := fromVariable(r, variable, otherwise, want, parse)
	if option != nil {
		return *option
	}
	return v
}

func fromVariable[T any](r *resolver, variable string, otherwise T, want string, parse func(string) (T, error)) T {
	text, ok := r.lookup(variable)
	if !ok || text == "" {
		return otherwise
	}
	v, err := parse(text)
	if err != nil {
		r.faults = append(r.faults, errors.New(variable+"="+strconv.Quote(text)+": want "+want))
		return otherwise
	}
	return v
}

func parseText(s string) (string, error) { return s, nil }

func parseDuration(s string) (time.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err == nil && d < 0 {
		err = errors.New("negative")
	}
	return d, err
}

func parseSwitch(s string) (bool, error) {
	switch s {
	case "on":
		return true, nil
	case "off":
		return false, nil
	}
	return false, errors.New("neither on nor off")
}

func parseSizeOrNone(s string) (int64, error) {
	if s == "-1" {
		return -1, nil
	}
	return parsePositive(s)
}

func parseWait(s string) (time.Duration, error) {
	d, err := parseDuration(s)
	if err == nil && d == 0 {
		err = errors.New("zero")
	}
	return d, err
}

func parsePositive(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil && n <= 0 {
		err = errors.New("not positive")
	}
	return n, err
}

func parseLevel(s string) (zerolog.Level, error) { return zerolog.ParseLevel(s) }

// readDotenv reads .env in the working directory, if there is one.
func readDotenv() (map[string]string, error) {
	vars, err := dotenv.ReadFile(".env", "C2_")
	if err != nil {
		return nil, newError(CodeInvalid, "%v", err)
	}
	return vars, nil
}
