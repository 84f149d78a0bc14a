package buddy

import (
	"slices"
	"sync/atomic"
)

// table is segments, ordered by id. It is read without a lock; what changes it holds the lock of the pool.
type table struct {
	list atomic.Pointer[[]*member]
}

func (t *table) all() []*member {
	if list := t.list.Load(); list != nil {
		return *list
	}
	return nil
}

// find returns the segment with the given id, or nil.
func (t *table) find(id uint32) *member {
	all := t.all()
	if i, found := search(all, id); found {
		return all[i]
	}
	return nil
}

func (t *table) insert(m *member) {
	i, _ := search(t.all(), m.id)
	list := slices.Insert(slices.Clone(t.all()), i, m)
	t.list.Store(&list)
}

// remove does nothing if m is not there.
func (t *table) remove(m *member) {
	if i, found := search(t.all(), m.id); found {
		list := slices.Delete(slices.Clone(t.all()), i, i+1)
		t.list.Store(&list)
	}
}

func (t *table) clear() { t.list.Store(nil) }

// search returns where in list the segment with the given id is, or would be. It is written out as Free calls it.
func search(list []*member, id uint32) (i int, found bool) {
	end := len(list)
	for i < end {
		if middle := int(uint(i+end) / 2); list[middle].id < id {
			i = middle + 1
		} else {
			end = middle
		}
	}
	return i, i < len(list) && list[i].id == id
}
