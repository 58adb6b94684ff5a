package token_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/usher-scim/usher/auth/token"
)

func TestFlush(t *testing.T) {
	t.Parallel()
	f := setup(t)
	plain, tok := f.create(t, "a", token.CreateOptions{})
	start := f.clock.now()
	used := func(want time.Duration) {
		t.Helper()
		if err := f.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := f.tokens[tok.ID].LastUsed; !got.Equal(start.Add(want)) {
			t.Fatalf("last used %v, want %v", got, start.Add(want))
		}
	}
	f.accepts(t, plain)
	f.refuses(t, plain+"x")
	f.clock.advance(59 * time.Second) // reads the record again, which was not written yet
	f.accepts(t, plain)
	used(0)
	f.clock.advance(time.Second)
	f.accepts(t, plain)
	used(time.Minute)
	f.clock.advance(time.Minute)
	f.accepts(t, plain)
	f.fail(errors.New("no"))
	if f.Flush(t.Context()) == nil {
		t.Fatal("the error was swallowed")
	}
	f.fail(nil)
	used(2 * time.Minute)
}

func TestFlushWhileUsed(t *testing.T) {
	t.Parallel()
	f := setup(t)
	plain, tok := f.create(t, "a", token.CreateOptions{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if _, err := f.Verify(t.Context(), plain); err != nil {
					t.Error(err)
				}
				f.clock.advance(300 * time.Millisecond)
				if err := f.Flush(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if f.tokens[tok.ID].LastUsed.IsZero() {
		t.Error("no use was recorded")
	}
}
