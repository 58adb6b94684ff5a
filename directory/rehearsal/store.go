// Package rehearsal is a store on which changes can be tried one after the other
// without any being made: they are kept in memory, above a store that is only read.
// A directory.Service over it decides by the same rules and on the same plans as the
// one below, and each change finds those before it done.
package rehearsal

import (
	"context"
	"sync"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
)

// Of is a service that decides as another one does and only rehearses what it executes.
func Of(s interface {
	Over(func(directory.Store) directory.Store) *directory.Service
}) *directory.Service {
	return s.Over(Over)
}

// Most is how many bytes of changes a rehearsal keeps. It lies in the memory of a server
// that needs little.
const Most = 64 << 20

// weight is what a resource or document costs beside what is in it.
const weight = 512

// Over is a store that begins with what the one below holds. What that holds later is
// seen as well, but for what was written here.
func Over(below directory.Store) directory.Store { return &store{Store: below, made: newLayer()} }

type store struct {
	directory.Store // below

	mu   sync.Mutex // for whoever changes or reads: a rehearsal is one caller's
	made *layer
}

// View calls fn with a snapshot of the store below and all that was written here.
func (s *store) View(ctx context.Context, fn func(directory.Reader) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Store.View(ctx, func(r directory.Reader) error { return fn(&reader{r, s.made}) })
}

// Update calls fn with a transaction, which is taken back if fn fails.
func (s *store) Update(ctx context.Context, fn func(directory.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made.bytes > Most {
		return scim.Errorf(scim.TooMany, "The rehearsal holds %d MiB of changes, which is the most that is kept; try fewer at a time.", Most>>20)
	}
	t := &tx{}
	defer t.takeBack()
	return s.Store.View(ctx, func(r directory.Reader) error {
		t.reader = reader{r, s.made}
		err := fn(t)
		if err == nil {
			t.undo = nil
		}
		return err
	})
}

// Close leaves the store below open, which is another's.
func (s *store) Close() error { return nil }

// tx is a directory.Tx that writes to memory.
type tx struct {
	reader
	undo []func()
}

// takeBack undoes what was written, the last first.
func (t *tx) takeBack() {
	for i := len(t.undo) - 1; i >= 0; i-- {
		t.undo[i]()
	}
}

// set gives a key its value until the transaction is taken back.
func set[K comparable, V any](t *tx, m map[K]V, key K, v V) {
	was, had := m[key]
	m[key] = v
	t.undo = append(t.undo, func() {
		if had {
			m[key] = was
		} else {
			delete(m, key)
		}
	})
}

// Alone does nothing: no change runs beside another.
func (t *tx) Alone(context.Context, directory.OrgID) error { return nil }

// Emit tells nobody.
func (t *tx) Emit(context.Context, ...directory.Event) error { return nil }

// Record notes nothing.
func (t *tx) Record(context.Context, ...directory.Event) error { return nil }
