package gossip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// firstRetry is the time before the second attempt to join a seed; it doubles with each other one.
const firstRetry = 250 * time.Millisecond

func isURL(s string) bool { return strings.Contains(s, "://") }

// checkSeed says what is wrong with a seed, if anything.
func (c *Config) checkSeed(s string) error {
	if isURL(s) {
		if c.Resolve == nil {
			return fmt.Errorf("gossip: seed %q is a URL, and there is no Config.Resolve to ask it; give its gossip address, host:port", s)
		}
		return checkURL(s)
	}
	if _, _, err := splitAddress(s); err != nil {
		return fmt.Errorf("gossip: seed %q: want host:port or a relay's URL: %w", s, err)
	}
	return nil
}

func splitAddress(s string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("port %q is not a number up to 65535", text)
	}
	return host, int(n), nil
}

// lookup turns host:port into addresses of numbers, IPv4 first.
func lookup(ctx context.Context, address string) ([]string, error) {
	host, port, err := splitAddress(address)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(ips, func(a, b netip.Addr) int { return a.Unmap().BitLen() - b.Unmap().BitLen() })
	list := make([]string, len(ips))
	for i, ip := range ips {
		list[i] = net.JoinHostPort(ip.Unmap().String(), strconv.Itoa(port))
	}
	return list, nil
}

// seeker joins the seeds, and what the snapshot names as long as nobody else is there.
type seeker struct {
	mesh     *Mesh
	seeds    []string
	former   []string          // gossip addresses of the snapshot
	resolved map[string]string // a seed's gossip address, once known
	failing  bool              // that was said
	joined   bool              // likewise
}

// run tries until the mesh shuts down.
func (s *seeker) run() {
	if len(s.seeds)+len(s.former) == 0 {
		return
	}
	wait := firstRetry
	for !s.mesh.leaving.Load() {
		open := s.open()
		errs := make([]error, len(open))
		for i, seed := range open {
			errs[i] = s.join(seed)
		}
		wait = min(2*wait, s.mesh.config.Tuning.SeedRetryMax)
		if len(open) == 0 {
			wait = firstRetry
		}
		s.tell(errors.Join(errs...))
		pause := s.mesh.config.Tuning.SeedRetryMax
		if len(open) > 0 {
			pause = wait/2 + chance(wait/2)
		}
		if !s.mesh.sleep(pause) {
			return
		}
	}
}

// open returns what is to be tried now: the seeds that are no living members.
func (s *seeker) open() []string {
	members := s.mesh.Members()
	there := func(seed string) bool {
		return slices.ContainsFunc(members, func(m Member) bool {
			return m.Status == Alive && (m.Gossip == s.resolved[seed] || m.Gossip == seed || m.URL == strings.TrimSuffix(seed, "/"))
		})
	}
	open := slices.DeleteFunc(slices.Clone(s.seeds), there)
	if others(members) == 0 {
		open = append(open, slices.DeleteFunc(slices.Clone(s.former), there)...)
	}
	return open
}

func others(members []Member) int {
	n := 0
	for _, m := range members {
		if m.Status == Alive && !m.Self {
			n++
		}
	}
	return n
}

func (s *seeker) join(seed string) error {
	addresses, err := s.mesh.resolve(s.mesh.ctx, seed)
	if err != nil {
		return err
	}
	own := s.mesh.Address()
	s.resolved[seed] = own
	for _, address := range addresses { // of a name that stands for several relays, the first other one that answers
		if address == own {
			continue
		}
		s.resolved[seed] = address
		if err = s.mesh.join(s.mesh.ctx, address); err == nil {
			return nil
		}
	}
	return err
}

// tell logs once that the seeds don't answer, and once that the mesh is joined.
func (s *seeker) tell(err error) {
	alone := others(s.mesh.Members()) == 0
	log := &s.mesh.config.Logger
	switch {
	case !alone && !s.joined:
		log.Info().Int("members", len(s.mesh.Members())).Msg("joined the mesh")
		s.joined, s.failing = true, false
	case alone && err != nil && !s.failing && s.mesh.ctx.Err() == nil:
		log.Warn().Err(err).Strs("seeds", s.seeds).Msg("no seed can be joined; trying on")
		s.failing, s.joined = true, false
	}
}

// resolve turns a seed into gossip addresses of numbers, at least one.
func (m *Mesh) resolve(ctx context.Context, seed string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, m.config.Tuning.HTTPTimeout)
	defer cancel()
	address := seed
	if isURL(seed) {
		if m.config.Resolve == nil {
			return nil, m.config.checkSeed(seed)
		}
		var err error
		if address, err = m.config.Resolve(ctx, strings.TrimSuffix(seed, "/")); err != nil {
			return nil, fmt.Errorf("gossip: asking %s for its gossip address: %w", seed, err)
		}
	}
	list, err := lookup(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("gossip: joining %s: %w", seed, err)
	}
	return list, nil
}
