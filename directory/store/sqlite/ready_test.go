package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/sqlite/internal/db"
)

// R12: a store that is busy is ready all the same. Whether it is does not wait for the
// requests that have all readers.
func TestR12ReadyWhileEveryReaderIsTaken(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "usher.db"), Options{Readers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	defer takeReaders(t, s)()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		t.Errorf("busy: %v", err)
	}
	if err := s.View(canceled(t), func(directory.Reader) error { return nil }); err == nil {
		t.Error("there was a reader left")
	}
}

// takeReaders takes every reader of a store, until they are given back.
func takeReaders(t *testing.T, s *Store) (back func()) {
	t.Helper()
	var all []*db.Reader
	for range s.opts.Readers {
		conn, err := s.readers.Take(t.Context(), s.stopped)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, conn)
	}
	return func() {
		for _, conn := range all {
			s.readers.Put(conn)
		}
	}
}

// canceled is a context that has ended.
func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
