package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
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
	for range 2 {
		conn, err := s.readers.Take(t.Context(), s.stopped)
		if err != nil {
			t.Fatal(err)
		}
		defer s.readers.Put(conn)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		t.Errorf("busy: %v", err)
	}
	if err := s.View(canceled(t), func(directory.Reader) error { return nil }); err == nil {
		t.Error("there was a reader left")
	}
}

// canceled is a context that has ended.
func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
