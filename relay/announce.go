package relay

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// announceTimeout bounds how long a server may take to confirm what it announced.
const announceTimeout = 10 * time.Second

// announce takes what a server says of itself, after looking whether it is so.
func (r *Relay) announce(a *relayapi.Announcement) (*relayapi.Acceptance, error) {
	address, err := r.checkAnnouncement(a)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), announceTimeout)
	defer cancel()
	s, err := r.serverOf(a, address)
	if err != nil {
		return nil, err
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	if a.Resources == nil {
		return r.confirm(s, a)
	}
	if s.known && a.Revision < s.revision {
		return nil, &ipc.Error{Code: ipc.CodeStale, Message: fmt.Sprintf("revision %d came after %d", a.Revision, s.revision)}
	}
	if err := s.identify(ctx); err != nil {
		r.dismiss(s)
		return nil, err
	}
	refused := r.update(ctx, s, a.Resources)
	if s.gone.Load() {
		r.dismiss(s)
		return nil, &ipc.Error{Code: ipc.CodeUnavailable, Message: "the server went away while it was asked"}
	}
	s.revision = a.Revision
	return &relayapi.Acceptance{Relay: r.config.ID, Incarnation: r.incarnation, Revision: a.Revision, Refused: refused}, nil
}

// confirm answers the question whether the relay still has a revision.
func (r *Relay) confirm(s *server, a *relayapi.Announcement) (*relayapi.Acceptance, error) {
	if !s.known || s.gone.Load() || s.revision != a.Revision {
		return nil, errUnknownRevision
	}
	return &relayapi.Acceptance{Relay: r.config.ID, Incarnation: r.incarnation, Revision: s.revision}, nil
}

var errUnknownRevision = &ipc.Error{Code: ipc.CodeStale, Message: "this revision is not known; announce everything again"}

// dismiss ends what there is with a server that is not what it says.
func (r *Relay) dismiss(s *server) {
	r.drop(s)
	s.client.Close()
}

// checkAnnouncement finds fault with what needs no question. It returns the address to connect to.
func (r *Relay) checkAnnouncement(a *relayapi.Announcement) (string, error) {
	invalid := func(format string, args ...any) error {
		return &ipc.Error{Code: ipc.CodeInvalid, Message: fmt.Sprintf(format, args...)}
	}
	if b, err := hex.DecodeString(a.Instance); err != nil || len(b) != 16 || strings.ToLower(a.Instance) != a.Instance {
		return "", invalid("instance %q: want 32 lower-case hexadecimal digits", a.Instance)
	}
	seen := make(map[string]bool, len(a.Resources))
	for _, res := range a.Resources {
		if err := checkName(res.Name); err != nil {
			return "", err
		}
		if seen[res.Name] {
			return "", invalid("resource %q is there twice", res.Name)
		}
		seen[res.Name] = true
		if _, err := parseID(res.ID); err != nil {
			return "", err
		}
	}
	path, err := ipc.SocketPath(a.Address)
	if err != nil {
		return "", invalid("%v", err)
	}
	return r.checkSocket(path)
}

// checkSocket refuses a path outside the directories that the relay allows, wherever links lead, and what is no socket. That
// the server is of the relay's user is checked by the connection itself.
func (r *Relay) checkSocket(path string) (string, error) {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", socketError(path, err)
	}
	path = filepath.Join(dir, filepath.Base(path))
	if !r.allows(dir) {
		return "", &ipc.Error{Code: ipc.CodeDenied, Message: fmt.Sprintf("%s is in none of the directories whose sockets this relay takes (--socket-dir)", path)}
	}
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return "", socketError(path, err)
	case info.Mode().Type() != os.ModeSocket:
		return "", &ipc.Error{Code: ipc.CodeDenied, Message: path + " is no socket"}
	}
	return ipc.Scheme + path, nil
}

func socketError(path string, err error) error {
	code := ipc.CodeUnavailable
	if errors.Is(err, os.ErrPermission) {
		code = ipc.CodeDenied
	}
	return &ipc.Error{Code: code, Message: fmt.Sprintf("no server at %s: %v", path, err)}
}

func (r *Relay) allows(dir string) bool {
	for _, allowed := range r.config.SocketDirs {
		if real, err := filepath.EvalSymlinks(allowed); err == nil && (dir == real || strings.HasPrefix(dir, strings.TrimSuffix(real, "/")+"/")) {
			return true
		}
	}
	return false
}

// serverOf returns the server of an announcement, which is new unless it only asks.
func (r *Relay) serverOf(a *relayapi.Announcement, address string) (*server, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.servers[a.Instance]
	switch {
	case r.draining.Load():
		return nil, errDraining
	case s != nil && s.address == address && !s.gone.Load():
		return s, nil
	case s != nil && s.address != address:
		return nil, &ipc.Error{Code: ipc.CodeMismatch, Message: "a server of this instance is known at another address"}
	case a.Resources == nil:
		return nil, errUnknownRevision
	case len(r.servers) >= r.config.MaxServers:
		return nil, &ipc.Error{Code: ipc.CodeBusy, Message: fmt.Sprintf("the relay has %d servers already (--max-servers)", len(r.servers))}
	}
	s = r.newServerAt(a.Instance, address)
	r.servers[a.Instance] = s
	return s, nil
}

// update makes the server's routes those that it announced, and returns those that it has not.
func (r *Relay) update(ctx context.Context, s *server, want []relayapi.Announced) (refused []relayapi.Refusal) {
	keep := make(map[string]bool, len(want))
	for _, res := range want {
		keep[res.Name] = true
		if err := r.take(ctx, s, res); err != nil {
			keep[res.Name] = false
			e := asError(err)
			refused = append(refused, relayapi.Refusal{Name: res.Name, Code: relayapi.CodeName(e.Code), Detail: e.Error()})
			r.log.Warn().Str("resource", res.Name).Str("address", s.address).Err(e).Msg("announcement refused")
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, rt := range s.routes {
		if !keep[name] {
			r.removeLocked(rt)
		}
	}
	return refused
}

// take takes one route, if the server has the resource as it says.
func (r *Relay) take(ctx context.Context, s *server, res relayapi.Announced) error {
	id, _ := parseID(res.ID) // checked before
	r.mu.RLock()
	old := s.routes[res.Name]
	r.mu.RUnlock()
	if old != nil && old.id == id {
		return nil
	}
	has, desc, err := describeAt(ctx, s.client, res.Name)
	if err != nil {
		return err
	}
	if has != id {
		return &ipc.Error{Code: ipc.CodeMismatch, Message: fmt.Sprintf("the server's resource is %016x, not %016x", has, id)}
	}
	return r.insert(s, id, desc)
}

// insert enters a route that was checked.
func (r *Relay) insert(s *server, id uint64, desc *c2.Descriptor) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case s.gone.Load():
		return &ipc.Error{Code: ipc.CodeUnavailable, Message: "the server went away"}
	case s.routes[desc.Name] == nil && r.routes >= r.config.MaxRoutes:
		return &ipc.Error{Code: ipc.CodeBusy, Message: fmt.Sprintf("the relay has %d routes already (--max-routes)", r.routes)}
	}
	r.addLocked(r.newRouteLocked(s, id, desc))
	return nil
}

// refresh looks at a route whose resource turned out to have been replaced. It returns the one that is there now.
func (r *Relay) refresh(ctx context.Context, rt *route) (*route, error) {
	if err := rt.server.enter(ctx); err != nil {
		return nil, err
	}
	defer rt.server.leave()
	r.mu.RLock()
	now := rt.server.routes[rt.name]
	r.mu.RUnlock()
	if now != rt && now != nil {
		return now, nil
	}
	id, desc, err := describeAt(ctx, rt.server.client, rt.name)
	if err == nil {
		err = r.insert(rt.server, id, desc)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		if asError(err).Code == ipc.CodeNotFound {
			r.removeLocked(rt)
		}
		return nil, err
	}
	return rt.server.routes[rt.name], nil
}

// withdraw removes a route of one server, or of all if instance is empty. It tells whether there was any.
func (r *Relay) withdraw(name, instance string) (any bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.names[name]
	if e == nil {
		return false
	}
	for _, rt := range e.routes {
		if instance == "" || rt.server.instance == instance {
			r.removeLocked(rt)
			any = true
		}
	}
	return any
}
