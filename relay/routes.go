package relay

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// entry is a name: the candidates for it, those that came first in front, and what was counted of it.
type entry struct {
	routes  []*route // replaced, never changed
	figures *figures
}

// route is one server's resource. It does not change.
type route struct {
	name    string
	id      uint64
	server  *server
	desc    *c2.Descriptor
	methods map[string]*method
	figures *figures
}

// method is a method of a route.
type method struct {
	index   uint32
	desc    *c2.MethodDescriptor
	figures *methodFigures
}

func (rt *route) idText() string { return relayapi.FormatID(rt.id) }

func parseID(text string) (uint64, error) {
	id, ok := relayapi.ParseID(text)
	if !ok {
		return 0, &ipc.Error{Code: ipc.CodeInvalid, Message: fmt.Sprintf("id %.40q: want 16 hexadecimal digits, not all zero", text)}
	}
	return id, nil
}

// newRouteLocked makes a route of what the server said of a resource.
func (r *Relay) newRouteLocked(s *server, id uint64, desc *c2.Descriptor) *route {
	e := r.names[desc.Name]
	if e == nil {
		e = &entry{figures: newFigures()}
		r.names[desc.Name] = e
	}
	rt := &route{name: desc.Name, id: id, server: s, desc: desc, methods: make(map[string]*method, len(desc.Methods)), figures: e.figures}
	for i := range desc.Methods {
		m := &desc.Methods[i]
		rt.methods[m.Name] = &method{index: uint32(i), desc: m, figures: e.figures.method(m.Name)}
	}
	return rt
}

// addLocked puts a route in the place of the server's former one of the name, or behind all others.
func (r *Relay) addLocked(rt *route) {
	e := r.names[rt.name]
	old := rt.server.routes[rt.name]
	rt.server.routes[rt.name] = rt
	r.mesh.put(rt)
	if i := slices.Index(e.routes, old); old != nil && i >= 0 {
		e.routes = slices.Clone(e.routes)
		e.routes[i] = rt
		return
	}
	e.routes = append(slices.Clip(e.routes), rt)
	r.routes++
}

func (r *Relay) removeLocked(rt *route) {
	delete(rt.server.routes, rt.name)
	r.mesh.remove(rt)
	e := r.names[rt.name]
	if e == nil {
		return
	}
	i := slices.Index(e.routes, rt)
	if i < 0 {
		return
	}
	e.routes = slices.Delete(slices.Clone(e.routes), i, i+1)
	r.routes--
	if len(e.routes) == 0 {
		delete(r.names, rt.name)
	}
}

// candidates are the routes of a name, in the order in which they are to be tried.
func (r *Relay) candidates(name []byte) []*route {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if e := r.names[string(name)]; e != nil {
		return e.routes
	}
	return nil
}

// listRoutes lists all routes, ordered by name.
func (r *Relay) listRoutes() []*route {
	r.mu.RLock()
	defer r.mu.RUnlock()
	list := make([]*route, 0, r.routes)
	for _, name := range slices.Sorted(maps.Keys(r.names)) {
		list = append(list, r.names[name].routes...)
	}
	return list
}

// place says where a route is.
func (r *Relay) place(rt *route) relayapi.Place {
	p := relayapi.Place{Relay: r.config.ID, URL: r.config.URL, Address: rt.server.address, Instance: rt.server.instance, ID: rt.idText()}
	if r.config.NoDirect {
		p.Address = ""
	}
	return p
}

// line is a route as the list of routes shows it.
func (r *Relay) line(rt *route) relayapi.Route {
	line := relayapi.Route{
		Name: rt.name, Contract: rt.desc.Contract, Namespace: rt.desc.Namespace, Version: rt.desc.Version,
		Place: r.place(rt), Calls: rt.figures.calls(),
	}
	line.Reads, line.Writes = rt.accesses()
	return line
}

// accesses counts the methods that read and those that write.
func (rt *route) accesses() (reads, writes int) {
	for i := range rt.desc.Methods {
		if rt.desc.Methods[i].Access == "read" {
			reads++
		}
	}
	return reads, len(rt.desc.Methods) - reads
}
