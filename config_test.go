package c2_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/ipc"
)

// settings gives the test an environment and a working directory with only these settings; an empty dotenv is no file.
func settings(t *testing.T, environment map[string]string, dotenv string) {
	t.Helper()
	for _, name := range []string{
		"C2_ADDRESS", "C2_CALL_TIMEOUT", "C2_DRAIN_TIMEOUT", "C2_MAX_PAYLOAD", "C2_LOG_LEVEL", "C2_IPC_SHM", "C2_SHM_INLINE", "C2_SHM_DEDICATED",
		"C2_SHM_CONN_BYTES", "C2_SHM_BYTES", "C2_SHM_SPILL_DIR", "C2_SHM_SPILL_BYTES", "C2_SHM_PREFAULT", "C2_SHM_WAIT",
		"C2_RELAY", "C2_TOKEN", "C2_TLS_CA", "C2_TLS_CERT", "C2_TLS_KEY",
	} {
		t.Setenv(name, "") // so that it is restored
		os.Unsetenv(name)
	}
	for name, value := range environment {
		t.Setenv(name, value)
	}
	t.Chdir(t.TempDir())
	if dotenv != "" {
		if err := os.WriteFile(".env", []byte(dotenv), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// plainNode makes a node with these options and none of the tests' own.
func plainNode(t *testing.T, opts ...c2.NodeOption) *c2.Node {
	t.Helper()
	node, err := c2.NewNode(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shutdown(t, node) })
	return node
}

func TestWhichSettingHolds(t *testing.T) {
	for name, test := range map[string]struct {
		options     []c2.NodeOption
		environment map[string]string
		dotenv      string
		want        string
	}{
		"default":                   {nil, nil, "", "ipc://c2-"},
		".env":                      {nil, nil, "C2_ADDRESS=ipc://file", "ipc://file"},
		"environment before .env":   {nil, map[string]string{"C2_ADDRESS": "ipc://environment"}, "C2_ADDRESS=ipc://file", "ipc://environment"},
		"empty environment":         {nil, map[string]string{"C2_ADDRESS": ""}, "C2_ADDRESS=ipc://file", "ipc://c2-"},
		"option before environment": {[]c2.NodeOption{c2.Address("ipc://option")}, map[string]string{"C2_ADDRESS": "ipc://environment"}, "", "ipc://option"},
		"the later option":          {[]c2.NodeOption{c2.Address("ipc://a"), c2.Address("ipc://b")}, nil, "", "ipc://b"},
	} {
		t.Run(name, func(t *testing.T) {
			settings(t, test.environment, test.dotenv)
			if got := plainNode(t, test.options...).Address(); !strings.HasPrefix(got, test.want) {
				t.Errorf("the address is %s, want %s", got, test.want)
			}
		})
	}
}

func TestNodesInventTheirAddresses(t *testing.T) {
	settings(t, nil, "")
	if a, b := plainNode(t).Address(), plainNode(t).Address(); a == b {
		t.Errorf("two nodes have the address %s", a)
	}
}

// TestUnknownVariablesAreLogged: a name that is misspelt is not ignored without a word.
func TestUnknownVariablesAreLogged(t *testing.T) {
	for name, test := range map[string]struct{ dotenv, logged string }{
		"misspelt": {"C2_CALL_TIMOUT=3s\nC2_ADRESS=ipc://demo\nC2_CALL_TIMEOUT=1s", `"variables":["C2_ADRESS","C2_CALL_TIMOUT"]`},
		"all": {`
			C2_ADDRESS=ipc://unknown-variables
			C2_CALL_TIMEOUT=1s
			C2_DRAIN_TIMEOUT=1s
			C2_MAX_PAYLOAD=1000
			C2_LOG_LEVEL=debug
			C2_IPC_SHM=on
			C2_IPC_POLL=0
			C2_SHM_INLINE=1
			C2_SHM_PREFAULT=1
			C2_SHM_DEDICATED=1
			C2_SHM_CONN_BYTES=1
			C2_SHM_BYTES=1
			C2_SHM_SPILL_DIR=/
			C2_SHM_SPILL_BYTES=-1
			C2_SHM_WAIT=1s
			C2_RELAY=http://127.0.0.1:1
			C2_TOKEN=t
			C2_TLS_CA=
			C2_TLS_CERT=
			C2_TLS_KEY=`, ""},
		"of the command":    {"C2_AT=ipc://demo\nC2_TOKEN_FILE=/token\nC2_RELAY_BIND=:80", ""},
		"of other programs": {"PORT=80\nC2=1\nXC2_ADRESS=1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			settings(t, map[string]string{"C2_SERVICE_HOST": "10.0.0.1"}, test.dotenv)
			var log bytes.Buffer
			// What the logger, and the settings of TLS, are set to by options is no reason to take their variables for unknown.
			plainNode(t, c2.Logger(zerolog.New(&log)), c2.TLS(new(tls.Config)), c2.Token("other"), c2.SharedMemory(c2.MemoryConfig{Off: true}))
			if got := log.String(); (got == "") != (test.logged == "") || !strings.Contains(got, test.logged) {
				t.Errorf("logged %q, want %q", got, test.logged)
			}
		})
	}
}

func TestSettingsThatAreWrong(t *testing.T) {
	for variable, test := range map[string]struct{ value, says string }{
		"C2_ADDRESS":         {"http://host", `C2_ADDRESS: address "http://host": want ipc://name or ipc:///abs/path.sock`},
		"C2_CALL_TIMEOUT":    {"30", `C2_CALL_TIMEOUT="30": want a duration like 30s, or 0 for none`},
		"C2_DRAIN_TIMEOUT":   {"-1s", `C2_DRAIN_TIMEOUT="-1s": want a duration like 10s`},
		"C2_MAX_PAYLOAD":     {"1GB", `C2_MAX_PAYLOAD="1GB": want a number of bytes above 0`},
		"C2_IPC_SHM":         {"no", `C2_IPC_SHM="no": want on or off`},
		"C2_SHM_INLINE":      {"0", `C2_SHM_INLINE="0": want a number of bytes above 0`},
		"C2_SHM_DEDICATED":   {"8M", `C2_SHM_DEDICATED="8M": want a number of bytes above 0`},
		"C2_SHM_CONN_BYTES":  {"-1", `C2_SHM_CONN_BYTES="-1": want a number of bytes above 0`},
		"C2_SHM_BYTES":       {"lots", `C2_SHM_BYTES="lots": want a number of bytes above 0`},
		"C2_SHM_SPILL_BYTES": {"-2", `C2_SHM_SPILL_BYTES="-2": want a number of bytes, or -1 for no files`},
		"C2_SHM_PREFAULT":    {"0", `C2_SHM_PREFAULT="0": want a number of bytes, or -1 for none`},
		"C2_SHM_WAIT":        {"0", `C2_SHM_WAIT="0": want a duration above 0, like 10s`},
		"C2_RELAY":           {"host:8080", `C2_RELAY: relay "host:8080": want http://host:port or https://host:port, and nothing behind it`},
		"C2_TOKEN":           {"a secret", `C2_TOKEN: want letters, digits and signs of ASCII, without spaces`},
		"C2_TLS_CA":          {"/nonexistent", `C2_TLS_CA: open /nonexistent`},
		"C2_TLS_CERT":        {"cert.pem", `C2_TLS_CERT and C2_TLS_KEY: want both or neither`},
		"C2_TLS_KEY":         {"key.pem", `C2_TLS_CERT and C2_TLS_KEY: want both or neither`},
		"C2_LOG_LEVEL":       {"loud", `C2_LOG_LEVEL="loud": want debug, info, warn, error or disabled`},
	} {
		t.Run(variable, func(t *testing.T) {
			settings(t, map[string]string{variable: test.value}, "")
			_, err := c2.NewNode()
			wantError(t, err, c2.ErrInvalid, test.says)
		})
		t.Run(variable+" in .env", func(t *testing.T) {
			settings(t, nil, variable+"='"+test.value+"'")
			_, err := c2.NewNode()
			wantError(t, err, c2.ErrInvalid, test.says)
		})
	}
	t.Run("beside options", func(t *testing.T) {
		settings(t, map[string]string{
			"C2_ADDRESS": "nonsense", "C2_CALL_TIMEOUT": "soon", "C2_IPC_SHM": "nonsense", "C2_SHM_INLINE": "few", "C2_SHM_WAIT": "long",
		}, "")
		_, err := c2.NewNode(c2.Address("ipc://option"), c2.CallTimeout(time.Second), c2.SharedMemory(c2.MemoryConfig{Inline: 4096, Wait: time.Second}))
		wantError(t, err, c2.ErrInvalid, `C2_ADDRESS: address "nonsense"`, `C2_CALL_TIMEOUT="soon"`, `C2_IPC_SHM="nonsense"`, `C2_SHM_INLINE="few"`, `C2_SHM_WAIT="long"`)
		_, err = c2.NewNode(c2.UseSharedMemory(true))
		wantError(t, err, c2.ErrInvalid, `C2_IPC_SHM="nonsense": want on or off`)
	})
	t.Run("several at once", func(t *testing.T) {
		settings(t, map[string]string{"C2_CALL_TIMEOUT": "soon", "C2_MAX_PAYLOAD": "0"}, "C2_LOG_LEVEL=loud")
		_, err := c2.NewNode(c2.DrainTimeout(-time.Second), c2.Address("demo"))
		wantError(t, err, c2.ErrInvalid, "C2_CALL_TIMEOUT", "C2_MAX_PAYLOAD", "C2_LOG_LEVEL", "DrainTimeout: want", `Address: address "demo"`)
	})
	t.Run("options", func(t *testing.T) {
		settings(t, nil, "")
		for says, option := range map[string]c2.NodeOption{
			"CallTimeout: want a duration of 0 or more":  c2.CallTimeout(-1),
			"DrainTimeout: want a duration of 0 or more": c2.DrainTimeout(-1),
			"MaxPayload: want a number of bytes above 0": c2.MaxPayload(0),
			"SharedMemory.Inline: want more, or 0":       c2.SharedMemory(c2.MemoryConfig{Inline: -1}),
			"SharedMemory.ConnBytes: want more, or 0":    c2.SharedMemory(c2.MemoryConfig{ConnBytes: -1}),
			"a name has 1 to 64 characters":              c2.Address("ipc://"),
			`RelayURL: relay "ipc://x": want http://`:    c2.RelayURL("ipc://x"),
			`RelayURL: relay "": want http://`:           c2.RelayURL("http://a:1,"),
			"RelayURL: 17 relays: want at most 16":       c2.RelayURL(manyRelays(17)),
			"Token: want letters, digits":                c2.Token("two\nlines"),
			"use a shorter one":                          c2.Address("ipc:///" + strings.Repeat("x", 200)),
			"want ipc://name or ipc:///abs/path.sock":    c2.Address("thread://"),
		} {
			_, err := c2.NewNode(option)
			wantError(t, err, c2.ErrInvalid, says)
		}
	})
	t.Run(".env itself", func(t *testing.T) {
		settings(t, nil, "# timeouts\nC2_CALL_TIMEOUT 5s\n")
		_, err := c2.NewNode()
		wantError(t, err, c2.ErrInvalid, ".env: line 2: no = after C2_CALL_TIMEOUT")
	})
	t.Run(".env is a directory", func(t *testing.T) {
		settings(t, nil, "")
		if err := os.Mkdir(".env", 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := c2.NewNode()
		wantError(t, err, c2.ErrInvalid, ".env")
	})
}

// Clock tells how much time its call was given. Without a context in the client's contract that is the call timeout.
type Clock interface {
	Left(ctx context.Context) (time.Duration, error)
}

type clock struct{}

func (clock) Left(ctx context.Context) (time.Duration, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0, nil
	}
	return time.Until(deadline), nil
}

func TestCallTimeout(t *testing.T) {
	for name, test := range map[string]struct {
		environment string
		least, most time.Duration
	}{
		"default":     {"", 20 * time.Second, 30 * time.Second},
		"environment": {"2h", 119 * time.Minute, 120 * time.Minute},
		"none":        {"0", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			settings(t, map[string]string{"C2_CALL_TIMEOUT": test.environment}, "")
			server := newNode(t)
			register[Clock](t, server, "clock", clock{})
			client := newNode(t)
			type contextless interface{ Left() (time.Duration, error) }
			for place, c := range map[string]contextless{
				"in process": connect[contextless](t, server, "clock"),
				"by ipc":     connect[contextless](t, client, "clock", c2.At(server.Address())),
			} {
				if left, err := c.Left(); err != nil || left < test.least || left > test.most {
					t.Errorf("%s: %v, %v, want %v to %v", place, left, err, test.least, test.most)
				}
			}
			withContext := connect[Clock](t, client, "clock", c2.At(server.Address()))
			if left, err := withContext.Left(context.Background()); err != nil || left != 0 {
				t.Errorf("with a context of its own: %v, %v, want none", left, err)
			}
		})
	}
}

func TestCallTimeoutEndsACall(t *testing.T) {
	node := newNode(t, c2.CallTimeout(time.Millisecond))
	register[Waiter](t, node, "waiter", &waiter{entered: make(chan struct{}, 1)})
	c := connect[interface{ Wait() error }](t, node, "waiter")
	if err := c.Wait(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// Mirror sends back what it gets.
type Mirror interface {
	Echo(ctx context.Context, data []byte) ([]byte, error)
	Make(ctx context.Context, n int) ([]byte, error)
}

type mirror struct{}

func (mirror) Echo(_ context.Context, data []byte) ([]byte, error) { return data, nil }
func (mirror) Make(_ context.Context, n int) ([]byte, error)       { return make([]byte, n), nil }

func TestMaxPayload(t *testing.T) {
	settings(t, map[string]string{"C2_MAX_PAYLOAD": "100000"}, "")
	server := newNode(t)
	register[Mirror](t, server, "mirror", mirror{})
	m := connect[Mirror](t, newNode(t), "mirror", c2.At(server.Address()))
	if data, err := m.Echo(t.Context(), make([]byte, 99_000)); err != nil || len(data) != 99_000 {
		t.Errorf("within the bound: %d bytes, %v", len(data), err)
	}
	_, err := m.Echo(t.Context(), make([]byte, 101_000))
	wantError(t, err, c2.ErrTooLarge, "mirror.Echo", "100000")
	var e *c2.Error
	if errors.As(err, &e) && e.MayHaveRun {
		t.Error("an argument that was never sent may have run")
	}
	_, err = m.Make(t.Context(), 101_000)
	wantError(t, err, c2.ErrTooLarge, "mirror.Make", "100000")
	if _, err := m.Echo(t.Context(), nil); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if data, err := connect[Mirror](t, server, "mirror").Make(t.Context(), 101_000); err != nil || len(data) != 101_000 {
		t.Errorf("in process, where nothing is sent: %d bytes, %v", len(data), err)
	}
}

// Bomb is the contract of a resource that panics.
type Bomb interface{ Explode() error }

type bomb struct{}

func (bomb) Explode() error { panic("the fuse was short") }

// logged gives what a node logs, to standard error, when a resource panics.
func logged(t *testing.T, opts ...c2.NodeOption) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	stderr := os.Stderr
	os.Stderr = w
	node, err := c2.NewNode(append(opts, c2.Address("ipc://"+t.TempDir()+"/n.sock"))...)
	os.Stderr = stderr
	if err != nil {
		t.Fatal(err)
	}
	register[Bomb](t, node, "bomb", bomb{})
	wantError(t, connect[Bomb](t, node, "bomb").Explode(), c2.ErrInternal, "bomb.Explode", "the fuse was short")
	shutdown(t, node)
	w.Close()
	log, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(log)
}

func TestLog(t *testing.T) {
	for level, want := range map[string]struct{ panics, listens bool }{
		"":         {true, false},
		"info":     {true, true},
		"error":    {true, false},
		"disabled": {false, false},
	} {
		t.Run("level "+level, func(t *testing.T) {
			settings(t, map[string]string{"C2_LOG_LEVEL": level}, "")
			log := logged(t)
			if got := strings.Contains(log, "the fuse was short") && strings.Contains(log, "bomb.Explode"); got != want.panics {
				t.Errorf("tells of the panic: %t, want %t\n%s", got, want.panics, log)
			}
			if got := strings.Contains(log, "listening"); got != want.listens {
				t.Errorf("tells of the address: %t, want %t\n%s", got, want.listens, log)
			}
		})
	}
	t.Run("of the user's", func(t *testing.T) {
		settings(t, map[string]string{"C2_LOG_LEVEL": "disabled"}, "")
		var log strings.Builder
		if stderr := logged(t, c2.Logger(zerolog.New(&log))); stderr != "" {
			t.Errorf("standard error has %s", stderr)
		}
		if !strings.Contains(log.String(), "the fuse was short") {
			t.Errorf("the logger got %s", log.String())
		}
	})
}

// TestLogOfWhatIsLacking expects a node to say once why payloads will not go the way that its settings have.
func TestLogOfWhatIsLacking(t *testing.T) {
	const says = "there can be no files"
	for name, test := range map[string]struct {
		memory c2.MemoryConfig
		want   int
	}{
		"nothing":          {c2.MemoryConfig{SpillDir: t.TempDir()}, 0},
		"a directory":      {c2.MemoryConfig{SpillDir: "/nonexistent"}, 1},
		"one that is moot": {c2.MemoryConfig{SpillDir: "/nonexistent", SpillBytes: -1}, 0},
		"what is off":      {c2.MemoryConfig{SpillDir: "/nonexistent", Off: true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			settings(t, nil, "")
			var log strings.Builder
			server := newNode(t)
			register[Bomb](t, server, "bomb", bomb{})
			node := newNode(t, c2.SharedMemory(test.memory), c2.Logger(zerolog.New(&log).Level(zerolog.WarnLevel)))
			connect[Bomb](t, node, "bomb", c2.At(server.Address()))
			register[Counter](t, node, "counter", &counter{})
			shutdown(t, node)
			if got := strings.Count(log.String(), says); got != test.want || strings.Count(log.String(), "\n") != test.want {
				t.Errorf("it is said %d times, want %d:\n%s", got, test.want, log.String())
			}
		})
	}
}

// useDefault lets a test use the default node, which listens in a directory of the test's.
func useDefault(t *testing.T) {
	t.Helper()
	leaktest.Check(t)
	settings(t, nil, "")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	t.Cleanup(func() {
		if err := errors.Join(c2.Shutdown(context.Background()), c2.Configure()); err != nil {
			t.Error(err)
		}
	})
}

func TestDefaultNode(t *testing.T) {
	useDefault(t)
	if err := c2.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown before any use: %v", err)
	}
	if err := c2.Register[Counter]("counter", &counter{}); err != nil {
		t.Fatal(err)
	}
	c, err := c2.Connect[Counter](t.Context(), "counter")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := c.Increment(t.Context(), 2); n != 2 || err != nil {
		t.Errorf("Increment: %d, %v", n, err)
	}
	first, err := c2.Default()
	if err != nil {
		t.Fatal(err)
	}
	if err := c2.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = c.Increment(t.Context(), 2)
	wantError(t, err, c2.ErrClosed, "counter.Increment")
	second, err := c2.Default()
	if err != nil {
		t.Fatal(err)
	}
	if second == first || second.Address() == first.Address() || len(second.Resources()) > 0 {
		t.Errorf("after Shutdown the default node is %s with %v", second.Address(), second.Resources())
	}
	if err := c2.Register[Counter]("counter", &counter{}); err != nil {
		t.Errorf("Register at the new default node: %v", err)
	}
}

func TestConfigure(t *testing.T) {
	useDefault(t)
	wantError(t, c2.Configure(c2.CallTimeout(-1)), c2.ErrInvalid, "CallTimeout")
	if err := c2.Configure(c2.Address("ipc://first")); err != nil {
		t.Fatal(err)
	}
	if err := c2.Configure(c2.Address("ipc://configured")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the options outlive the node
		node, err := c2.Default()
		if err != nil {
			t.Fatal(err)
		}
		if got := node.Address(); got != "ipc://configured" {
			t.Errorf("the address is %s", got)
		}
		wantError(t, c2.Configure(c2.Address("ipc://late")), c2.ErrInvalid, "in use already", "first")
		if err := c2.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDefaultNodeWithSettingsThatAreWrong: everything that would use the node says so, until they are right.
func TestDefaultNodeWithSettingsThatAreWrong(t *testing.T) {
	useDefault(t)
	t.Setenv("C2_CALL_TIMEOUT", "soon")
	_, connected := c2.Connect[Counter](t.Context(), "counter")
	_, dynamic := c2.ConnectDynamic(t.Context(), "counter")
	_, listed := c2.List(t.Context())
	for name, err := range map[string]error{
		"Register": c2.Register[Counter]("counter", &counter{}), "Unregister": c2.Unregister(t.Context(), "counter"),
		"Connect": connected, "ConnectDynamic": dynamic, "List": listed, "Serve": c2.Serve(t.Context()), "Configure": c2.Configure(),
	} {
		t.Run(name, func(t *testing.T) { wantError(t, err, c2.ErrInvalid, "C2_CALL_TIMEOUT") })
	}
	t.Setenv("C2_CALL_TIMEOUT", "5s")
	if err := c2.Register[Counter]("counter", &counter{}); err != nil {
		t.Errorf("once it is right: %v", err)
	}
}

func TestAddressesToConnectTo(t *testing.T) {
	node := newNode(t)
	const relayForm = "want http://host:port or https://host:port, and nothing behind it"
	const forms = "want thread:// (this process), ipc://name, ipc:///abs/path.sock, http://host:port or https://host:port"
	for address, test := range map[string]struct {
		is   error
		says string
	}{
		"demo":                               {c2.ErrInvalid, forms},
		"tcp://localhost:80":                 {c2.ErrInvalid, forms},
		"ipc:/tmp/x.sock":                    {c2.ErrInvalid, forms},
		"IPC://demo":                         {c2.ErrInvalid, forms},
		"thread://other":                     {c2.ErrInvalid, forms},
		" ":                                  {c2.ErrInvalid, forms},
		"ipc://":                             {c2.ErrInvalid, "1 to 64 characters"},
		"ipc://a/b":                          {c2.ErrInvalid, "for a path write ipc:///abs/path.sock"},
		"ipc://../x":                         {c2.ErrInvalid, "does not begin with a dot"},
		"ipc://ü":                            {c2.ErrInvalid, "letters, digits"},
		"ipc:///" + strings.Repeat("x", 200): {c2.ErrInvalid, "use a shorter one"},
		"http://":                            {c2.ErrInvalid, relayForm},
		"http://:8080":                       {c2.ErrInvalid, relayForm},
		"http://host:":                       {c2.ErrInvalid, relayForm},
		"http://host:x":                      {c2.ErrInvalid, relayForm},
		"http://host:0":                      {c2.ErrInvalid, relayForm},
		"http://host:65536":                  {c2.ErrInvalid, relayForm},
		"http://host/path":                   {c2.ErrInvalid, relayForm},
		"http://user:secret@host":            {c2.ErrInvalid, relayForm},
		"https://host?x=1":                   {c2.ErrInvalid, relayForm},
		"https://host?":                      {c2.ErrInvalid, relayForm},
		"https://host#x":                     {c2.ErrInvalid, relayForm},
		"http://ho st":                       {c2.ErrInvalid, relayForm},
	} {
		t.Run(address, func(t *testing.T) {
			opts := []c2.ConnectOption{c2.On(node), c2.At(address)}
			_, connected := c2.Connect[Counter](t.Context(), "counter", opts...)
			_, dynamic := c2.ConnectDynamic(t.Context(), "counter", opts...)
			_, listed := c2.List(t.Context(), opts...)
			for _, err := range []error{connected, dynamic, listed} {
				wantError(t, err, test.is, test.says)
				if strings.Contains(err.Error(), "secret") {
					t.Errorf("the password is in the error: %v", err)
				}
			}
		})
	}
}

// Slate is the contract of a resource that gives what it has.
type Slate interface {
	GetSlate(ctx context.Context) (*int, error)
}

type slate struct{ n int }

func (s *slate) GetSlate(context.Context) (*int, error) { return &s.n, nil }

// TestAddressesOfTheProcessItself: they are all the same direct way, on which nothing is copied.
func TestAddressesOfTheProcessItself(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	node := newNode(t, c2.Address("ipc://own"))
	mine := new(slate)
	register[Slate](t, node, "slate", mine)
	path, err := ipc.SocketPath("ipc://own")
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"", "thread://", "ipc://own", "ipc://" + path, "ipc:///." + path} {
		if n, err := connect[Slate](t, node, "slate", c2.At(address)).GetSlate(t.Context()); err != nil || n != &mine.n {
			t.Errorf("%q: %p is not %p; %v", address, n, &mine.n, err)
		}
	}
}

// TestAddressOfAnotherProcess: a client may have the server's settings, as in one .env for both. The address is the client's own
// only once it listens there.
func TestAddressOfAnotherProcess(t *testing.T) {
	server := newNode(t)
	client := newNode(t, c2.Address(server.Address()))
	at := []c2.ConnectOption{c2.On(client), c2.At(server.Address())}
	_, err := c2.Connect[Counter](t.Context(), "counter", at...)
	wantError(t, err, c2.ErrUnavailable, "no server at", server.Address())

	register[Counter](t, server, "counter", &counter{})
	if n, err := connect[Counter](t, client, "counter", at...).Increment(t.Context(), 2); err != nil || n != 2 {
		t.Errorf("called: %d, %v", n, err)
	}
	d, err := c2.ConnectDynamic(t.Context(), "counter", at...)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := d.Call(t.Context(), "Increment", 2); err != nil || !reflect.DeepEqual(out, []any{int64(4)}) {
		t.Errorf("called without types: %v, %v", out, err)
	}
	if list, err := c2.List(t.Context(), at...); err != nil || len(list) != 1 {
		t.Errorf("listed: %v, %v", list, err)
	}
	wantError(t, c2.Register[Counter]("mine", &counter{}, c2.On(client)), c2.ErrBusy, "another server listens there")
}

// Sheet is the contract of the tests of shared memory's settings.
type Sheet interface {
	GetBytes(ctx context.Context, n int) ([]byte, error)
}

type sheet struct{}

func (sheet) GetBytes(_ context.Context, n int) ([]byte, error) { return make([]byte, n), nil }

// TestLaterOfTwoSwitches: an option that speaks of shared memory holds over those before it, one that does not leaves it.
func TestLaterOfTwoSwitches(t *testing.T) {
	settings(t, nil, "")
	off, other, on := c2.SharedMemory(c2.MemoryConfig{Off: true}), c2.SharedMemory(c2.MemoryConfig{Inline: 1}), c2.UseSharedMemory(true)
	for name, test := range map[string]struct {
		options []c2.NodeOption
		shares  bool
	}{
		"off, on":        {[]c2.NodeOption{off, on}, true},
		"on, off":        {[]c2.NodeOption{on, off}, false},
		"off, something": {[]c2.NodeOption{off, other}, false},
	} {
		t.Run(name, func(t *testing.T) {
			node := plainNode(t, test.options...)
			pin, err := c2.Pin[int](100, c2.On(node))
			if err != nil {
				t.Fatal(err)
			}
			defer pin.Release()
			if got := node.MemoryStats().Pinned > 0; got != test.shares {
				t.Errorf("there is shared memory: %t, want %t", got, test.shares)
			}
		})
	}
}

// TestSharedMemorySettings tells from the way that results go which setting holds.
func TestSharedMemorySettings(t *testing.T) {
	const size = 100 << 10
	for _, test := range []struct {
		name      string
		variables map[string]string
		file      string
		option    c2.NodeOption
		way       func(ipc.MemoryStats) uint64
	}{
		{"default", nil, "", nil, func(s ipc.MemoryStats) uint64 { return s.Block }},
		{"off by variable", map[string]string{"C2_IPC_SHM": "off"}, "", nil, func(s ipc.MemoryStats) uint64 { return s.Inline }},
		{"off by .env", nil, "C2_IPC_SHM=off", nil, func(s ipc.MemoryStats) uint64 { return s.Inline }},
		{"on by variable, over .env", map[string]string{"C2_IPC_SHM": "on"}, "C2_IPC_SHM=off", nil, func(s ipc.MemoryStats) uint64 { return s.Block }},
		{"off by option", nil, "", c2.SharedMemory(c2.MemoryConfig{Off: true}), func(s ipc.MemoryStats) uint64 { return s.Inline }},
		{"off by variable, beside an option for something else", map[string]string{"C2_IPC_SHM": "off"}, "", c2.SharedMemory(c2.MemoryConfig{Wait: time.Second}), func(s ipc.MemoryStats) uint64 { return s.Inline }},
		{"off by .env, beside an option for something else", nil, "C2_IPC_SHM=off", c2.SharedMemory(c2.MemoryConfig{Wait: time.Second}), func(s ipc.MemoryStats) uint64 { return s.Inline }},
		{"off by option, over the variable", map[string]string{"C2_IPC_SHM": "on"}, "", c2.SharedMemory(c2.MemoryConfig{Off: true}), func(s ipc.MemoryStats) uint64 { return s.Inline }},
		{"on by option", map[string]string{"C2_IPC_SHM": "off"}, "", c2.UseSharedMemory(true), func(s ipc.MemoryStats) uint64 { return s.Block }},
		{"off by the other option", nil, "", c2.UseSharedMemory(false), func(s ipc.MemoryStats) uint64 { return s.Inline }},
		{"inline by variable", map[string]string{"C2_SHM_INLINE": "200000"}, "", nil, func(s ipc.MemoryStats) uint64 { return s.Inline }},
		{"inline by option", map[string]string{"C2_SHM_INLINE": "10"}, "", c2.SharedMemory(c2.MemoryConfig{Inline: 200_000}), func(s ipc.MemoryStats) uint64 { return s.Inline }},
		{"dedicated by variable", map[string]string{"C2_SHM_DEDICATED": "50000"}, "", nil, func(s ipc.MemoryStats) uint64 { return s.Dedicated }},
		{"variable for what the option leaves open", map[string]string{"C2_SHM_DEDICATED": "50000"}, "", c2.SharedMemory(c2.MemoryConfig{Inline: 10}), func(s ipc.MemoryStats) uint64 { return s.Dedicated }},
		{"too large for memory and files", map[string]string{"C2_SHM_CONN_BYTES": "65536", "C2_SHM_SPILL_BYTES": "-1"}, "", nil, func(s ipc.MemoryStats) uint64 { return s.Inline }},
		{"too large for memory", map[string]string{"C2_SHM_BYTES": "65536", "C2_SHM_DEDICATED": "50000"}, "", nil, func(s ipc.MemoryStats) uint64 { return s.Spilled }},
		{"too large for memory, and nowhere to spill", map[string]string{"C2_SHM_BYTES": "65536", "C2_SHM_DEDICATED": "50000", "C2_SHM_SPILL_DIR": "/nonexistent"}, "", nil, func(s ipc.MemoryStats) uint64 { return s.Inline }},
	} {
		t.Run(test.name, func(t *testing.T) {
			settings(t, test.variables, test.file)
			server, err := c2.NewNode(c2.Address("ipc://"+t.TempDir()+"/s.sock"), test.option)
			if err != nil {
				t.Fatal(err)
			}
			defer server.Shutdown(t.Context())
			client := newNode(t, c2.UseSharedMemory(true))
			if err := c2.Register[Sheet]("sheet", sheet{}, c2.On(server)); err != nil {
				t.Fatal(err)
			}
			s, err := c2.Connect[Sheet](t.Context(), "sheet", c2.On(client), c2.At(server.Address()))
			if err != nil {
				t.Fatal(err)
			}
			before := test.way(server.MemoryStats())
			if b, err := s.GetBytes(t.Context(), size); err != nil || len(b) != size {
				t.Fatalf("%d bytes, %v", len(b), err)
			}
			if stats := server.MemoryStats(); test.way(stats) != before+1 {
				t.Errorf("it went another way: %+v", stats)
			}
		})
	}
}

// manyRelays is a list of so many URLs.
func manyRelays(n int) string {
	urls := make([]string, n)
	for i := range urls {
		urls[i] = "http://relay-" + strconv.Itoa(i)
	}
	return strings.Join(urls, ",")
}
