package outbox_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/outbox"
	"github.com/usher-scim/usher/directory/store/chosen"
)

// flaky fails the first delivery of every event.
type flaky struct {
	mu   sync.Mutex
	seen map[string]int
	got  []string
}

func (f *flaky) Publish(_ context.Context, e outbox.Envelope) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen[e.Event.ID]++; f.seen[e.Event.ID] == 1 {
		return errors.New("receiver is down")
	}
	f.got = append(f.got, e.Event.ID)
	return nil
}

func (f *flaky) delivered() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string{}, f.got...)
}

func TestMain(m *testing.M) { os.Exit(chosen.Suite{M: m}.Run()) }

// R8: every event arrives, once the receiver takes it, in order.
func TestR8RelayDeliversInOrder(t *testing.T) {
	s := chosen.Open(t)
	if err := s.AddOrganization(t.Context(), directory.Organization{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	err := s.Update(t.Context(), func(tx directory.Tx) error {
		return tx.Emit(t.Context(), directory.Event{ID: "1", Org: "a", Resource: "r"}, directory.Event{ID: "2", Org: "a", Resource: "r"})
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	pub := &flaky{seen: map[string]int{}}
	ended := make(chan error, 1)
	go func() { ended <- outbox.New(s, pub, outbox.Options{Poll: 10 * time.Millisecond}).Run(ctx) }()
	for len(pub.delivered()) < 2 && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	for n := 1; n > 0 && ctx.Err() == nil; {
		if _, n, err = s.Lag(ctx); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"1", "2"}, pub.delivered()); diff != "" {
		t.Error(diff)
	}
}
