package codec

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
)

// types is what the process knows about types: their codecs, and the transferables.
type types struct {
	codecs sync.Map // reflect.Type to *Codec
	names  sync.Map // string to *transfer

	mu        sync.Mutex
	transfers map[reflect.Type]*transfer
	used      map[reflect.Type]bool // has a plan, so it is too late to register it
}

// registry is the one instance: a type means the same everywhere in a process.
var registry = &types{transfers: map[reflect.Type]*transfer{}, used: map[reflect.Type]bool{}}

func (r *types) codec(t reflect.Type) *Codec {
	c, _ := r.codecs.Load(t)
	found, _ := c.(*Codec)
	return found
}

func (r *types) byName(name string) *transfer {
	p, _ := r.names.Load(name)
	found, _ := p.(*transfer)
	return found
}

func (r *types) add(p *transfer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.transfers[p.typ]; old != nil {
		return fmt.Errorf("transferable %q: %v is registered as %q already", p.name, p.typ, old.name)
	}
	if old := r.byName(p.name); old != nil {
		return fmt.Errorf("transferable %q: the name is taken by %v", p.name, old.typ)
	}
	if r.used[p.typ] {
		return fmt.Errorf("transferable %q: %v is in use by a codec already; register it before anything is encoded, described or connected with it", p.name, p.typ)
	}
	r.transfers[p.typ] = p
	r.names.Store(p.name, p)
	return nil
}

// make builds the codec of t, or finds that another goroutine has.
func (r *types) make(t reflect.Type) (*Codec, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.codec(t); c != nil {
		return c, nil
	}
	b := &builder{reg: r, plans: map[reflect.Type]plan{}}
	c := &Codec{typ: t, plan: b.build(t, "")}
	if err := errors.Join(b.errs...); err != nil {
		return nil, err
	}
	c.schema = c.plan.describe(&describer{seen: map[reflect.Type]*Schema{}})
	for used := range b.plans {
		r.used[used] = true
	}
	for _, used := range b.embedded {
		r.used[used] = true
	}
	r.codecs.Store(t, c)
	return c, nil
}
