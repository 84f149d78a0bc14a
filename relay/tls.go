package relay

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2/internal/certfile"
)

// Certificates are the files that HTTPS is served with. They may be replaced while the relay runs: connections made from then
// on use the new ones.
type Certificates struct {
	Cert, Key string
	// ClientCA, where set, has the authorities of which callers must show a certificate.
	ClientCA string

	log zerolog.Logger

	mu      sync.Mutex
	config  *tls.Config
	stamps  [3]stamp
	checked time.Time
}

// stamp tells one version of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

// recheck is how often the files are looked at, at most.
const recheck = time.Second

// Config reads the files and returns a configuration that follows them. Files that are wrong are an error; ones that become
// so later are logged, and the last good ones go on.
func (c *Certificates) Config(log zerolog.Logger) (*tls.Config, error) {
	c.log = log
	stamps, err := c.look()
	if err == nil {
		c.config, err = c.load()
	}
	if err != nil {
		return nil, err
	}
	c.stamps, c.checked = stamps, time.Now()
	base := c.config.Clone()
	base.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current(), nil }
	return base, nil
}

// current is the configuration for the next connection.
func (c *Certificates) current() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.checked) < recheck {
		return c.config
	}
	c.checked = time.Now()
	stamps, err := c.look()
	if err == nil && stamps == c.stamps {
		return c.config
	}
	var config *tls.Config
	if err == nil {
		config, err = c.load()
	}
	if err != nil {
		c.log.Error().Err(err).Msg("new certificates can't be used; the last good ones go on")
		return c.config
	}
	c.log.Info().Str("cert", c.Cert).Msg("certificates read again")
	c.config, c.stamps = config, stamps
	return config
}

func (c *Certificates) look() (stamps [3]stamp, err error) {
	for i, path := range []string{c.Cert, c.Key, c.ClientCA} {
		if path == "" && i == 2 {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return stamps, fmt.Errorf("certificates for HTTPS: %w", err)
		}
		stamps[i] = stamp{info.ModTime(), info.Size()}
	}
	return stamps, nil
}

func (c *Certificates) load() (*tls.Config, error) {
	pair, err := certfile.Pair(c.Cert, c.Key)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if c.ClientCA == "" {
		return config, nil
	}
	if config.ClientCAs, err = certfile.Authorities(c.ClientCA); err != nil {
		return nil, fmt.Errorf("authorities of callers: %w", err)
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	return config, nil
}
