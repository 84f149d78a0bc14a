package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	c2 "github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/cmd/c3/internal/reach"
	"github.com/ctwo-go/c2/internal/dotenv"
)

// settings say where resources are, and how to get there.
type settings struct {
	root *cobra.Command

	relay, at, token, tokenFile, ca, cert, key string
	timeout                                    time.Duration
}

// defaultTimeout bounds what a command may take.
const defaultTimeout = 30 * time.Second

// newSettings adds the flags that every command has.
func newSettings(root *cobra.Command) *settings {
	s := &settings{root: root}
	f := root.PersistentFlags()
	f.StringVar(&s.relay, "relay", "", "the `URL` of a relay (C2_RELAY)")
	f.StringVar(&s.at, "at", "", "the `ADDRESS` of a process of this host, ipc://name or ipc:///path.sock (C2_AT)")
	f.StringVar(&s.tokenFile, "token-file", "", "a `FILE` with the token for the relay (C2_TOKEN_FILE)")
	f.StringVar(&s.token, "token", "", "the `TOKEN` itself (C2_TOKEN); on a command line others can see it")
	f.StringVar(&s.ca, "ca", "", "a `FILE` of certificates that may sign the relay's (C2_TLS_CA)")
	f.StringVar(&s.cert, "cert", "", "a `FILE` with the certificate to show to the relay (C2_TLS_CERT)")
	f.StringVar(&s.key, "key", "", "a `FILE` with its key (C2_TLS_KEY)")
	f.DurationVar(&s.timeout, "timeout", defaultTimeout, "for how long to wait, 0 for ever (C2_CALL_TIMEOUT)")
	return s
}

// source is where the settings come from that no flag has: the environment, then .env, whose variables it has.
type source map[string]string

func readSource() (source, error) { return dotenv.ReadFile(".env", "C2_") }

// env and file look a variable up. One that is empty is not set.
func (source) env(name string) (string, bool)    { v := os.Getenv(name); return v, v != "" }
func (s source) file(name string) (string, bool) { v := s[name]; return v, v != "" }

// fill sets what the flag does not say to what the variable does.
func (s *settings) fill(from source, flag, variable string, value *string) {
	if s.root.PersistentFlags().Changed(flag) {
		return
	}
	if v, ok := dotenvLookup(from, variable); ok {
		*value = v
	}
}

func dotenvLookup(from source, variable string) (string, bool) {
	if v, ok := from.env(variable); ok {
		return v, true
	}
	return from.file(variable)
}

// where finds the one place that is meant: that of the first source that names any.
func (s *settings) where(from source) error {
	flag := s.root.PersistentFlags()
	if !flag.Changed("relay") && !flag.Changed("at") {
		for _, lookup := range []func(string) (string, bool){from.env, from.file} {
			list, _ := lookup("C2_RELAY")
			s.relay, _, _ = strings.Cut(list, ",") // the others are for programs that go on when it does not answer
			if s.relay == "" {
				s.at, _ = lookup("C2_AT")
			} else if at, ok := lookup("C2_AT"); ok {
				return fmt.Errorf("C2_RELAY is %s and C2_AT is %s; choose one by --relay or --at", s.relay, at)
			}
			if s.relay != "" || s.at != "" {
				break
			}
		}
	}
	switch {
	case s.relay != "" && s.at != "":
		return errors.New("--relay or --at, not both")
	case s.relay == "" && s.at == "":
		return errors.New("where? Give --relay http://host:port or --at ipc://name, or set C2_RELAY or C2_AT")
	}
	return nil
}

// place is the place that the settings name. It is to be closed.
func (s *settings) place() (reach.Place, error) {
	from, err := readSource()
	if err == nil {
		err = s.where(from)
	}
	if err != nil {
		return nil, err
	}
	if err := s.fillTimeout(from); err != nil {
		return nil, err
	}
	if s.at != "" {
		if !strings.HasPrefix(s.at, "ipc://") {
			return nil, fmt.Errorf("--at %s: want ipc://name or ipc:///path.sock; the URL of a relay goes into --relay", s.at)
		}
		return reach.Process(s.at)
	}
	s.fillTLS(from)
	if err := s.fillToken(from); err != nil {
		return nil, err
	}
	return reach.Relay(reach.Config{URL: s.relay, Token: s.token, CA: s.ca, Cert: s.cert, Key: s.key})
}

func (s *settings) fillTLS(from source) {
	s.fill(from, "ca", "C2_TLS_CA", &s.ca)
	s.fill(from, "cert", "C2_TLS_CERT", &s.cert)
	s.fill(from, "key", "C2_TLS_KEY", &s.key)
}

func (s *settings) fillToken(from source) (err error) {
	f := s.root.PersistentFlags()
	if f.Changed("token") && f.Changed("token-file") {
		return errors.New("--token or --token-file, not both")
	}
	if f.Changed("token") {
		return nil
	}
	if !f.Changed("token-file") {
		if s.fill(from, "token", "C2_TOKEN", &s.token); s.token != "" {
			return nil
		}
	}
	s.fill(from, "token-file", "C2_TOKEN_FILE", &s.tokenFile)
	if s.tokenFile == "" {
		return nil
	}
	s.token, err = readToken(s.tokenFile)
	return err
}

// readToken reads a token. A file without one is an error: it would open what it is to guard.
func readToken(file string) (string, error) {
	text, err := os.ReadFile(file)
	token := strings.TrimSpace(string(text))
	if err == nil && token == "" {
		err = fmt.Errorf("%s: want a token in it", file)
	}
	return token, err
}

// wantNone finds fault with flags that say where resources are, for the command that is such a place.
func (s *settings) wantNone(cmd *cobra.Command) error {
	for _, name := range []string{"relay", "at", "timeout"} {
		if s.root.PersistentFlags().Changed(name) {
			return fmt.Errorf("%s takes no --%s; the other relays of a mesh are named by --seeds", cmd.Name(), name)
		}
	}
	return nil
}

func (s *settings) fillTimeout(from source) error {
	text, ok := dotenvLookup(from, "C2_CALL_TIMEOUT")
	if ok && !s.root.PersistentFlags().Changed("timeout") {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return fmt.Errorf("C2_CALL_TIMEOUT=%q: want a duration like 30s, or 0 for none", text)
		}
		s.timeout = d
	}
	if s.timeout < 0 {
		return fmt.Errorf("--timeout %v: want 0 or more", s.timeout)
	}
	return nil
}

// do runs something at the place that is meant, for as long as it may take.
func (s *settings) do(cmd *cobra.Command, what func(context.Context, reach.Place) error) error {
	p, err := s.place()
	if err != nil {
		return err
	}
	defer p.Close()
	ctx, cancel := s.bounded(cmd.Context())
	defer cancel()
	return s.late(ctx, what(ctx, p))
}

// late makes the error of a resource whose context ended with the caller's what it is: the time was over. Which of the two
// sees that first is chance.
func (s *settings) late(ctx context.Context, err error) error {
	var failed *c2.Error
	until, bounded := ctx.Deadline()
	if !errors.As(err, &failed) || failed.Code != c2.CodeResource || !errors.Is(err, context.DeadlineExceeded) {
		return err // another one
	}
	if !bounded || time.Until(until) > s.timeout/10 {
		return err // the resource's own
	}
	return &c2.Error{Code: c2.CodeDeadline, Resource: failed.Resource, Method: failed.Method, Message: failed.Message, MayHaveRun: true}
}

// bounded is ctx for one thing that is asked.
func (s *settings) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, s.timeout)
}
