package rehearsal_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/rehearsal"
	"github.com/usher-scim/usher/directory/store/chosen"
	"github.com/usher-scim/usher/directory/store/storetest"
	"github.com/usher-scim/usher/scim"
)

func TestMain(m *testing.M) { os.Exit(chosen.Suite{M: m}.Run()) }

// tried is a store of which all changes but the first are only rehearsed.
type tried struct {
	chosen.Store
	over directory.Store
	mu   sync.Mutex
	real int // changes that are made first
}

// View reads what was rehearsed.
func (s *tried) View(ctx context.Context, fn func(directory.Reader) error) error {
	return s.over.View(ctx, fn)
}

// Update rehearses a change.
func (s *tried) Update(ctx context.Context, fn func(directory.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.real > 0 {
		s.real--
		return s.Store.Update(ctx, fn)
	}
	return s.over.Update(ctx, fn)
}

// R1: a rehearsal answers as a store does: what is written to it alone, and what comes in
// place of what lies below or beside it.
func TestARehearsalIsAStore(t *testing.T) {
	parts := map[string]int{"all rehearsed": 0, "over one": 1, "over a few": 5 + rand.IntN(20), "over many": 100}
	if chosen.Mongo() { // what is below is asked the same questions there, each over the network
		parts = map[string]int{"over a few": 5 + rand.IntN(20)}
	}
	for name, real := range parts {
		t.Run(name, func(t *testing.T) {
			storetest.RunWithoutEvents(t, func(t *testing.T) storetest.Store {
				s := chosen.Open(t)
				return &tried{Store: s, over: rehearsal.Over(s), real: real}
			})
		})
	}
}

// A rehearsal that holds as much as is kept of one takes no more, and says what to do.
func TestARehearsalHasItsLimit(t *testing.T) {
	s := chosen.Open(t)
	if err := s.AddOrganization(t.Context(), directory.Organization{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	over, large := rehearsal.Over(s), make([]byte, rehearsal.Most/4) // which all of them share
	put := func(id string) error {
		return over.Update(t.Context(), func(tx directory.Tx) error {
			d := directory.Document{Org: "a", Kind: "note", ID: id, Version: 1, Data: large}
			return tx.PutDocument(t.Context(), d, directory.Document{})
		})
	}
	for _, id := range []string{"1", "2", "3", "4"} {
		if err := put(id); err != nil {
			t.Fatal(err)
		}
	}
	var full *scim.Error
	if err := put("5"); !errors.As(err, &full) || full.Type != scim.TooMany || full.Detail != "The rehearsal holds 64 MiB of changes, which is the most that is kept; try fewer at a time." {
		t.Errorf("one more is answered with %v", err)
	}
	err := over.View(t.Context(), func(r directory.Reader) error {
		_, err := r.Document(t.Context(), "a", "note", "4")
		return err
	})
	if err != nil {
		t.Errorf("what is kept cannot be read: %v", err)
	}
}
