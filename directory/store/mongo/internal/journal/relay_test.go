package journal_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/dialtest"
	"github.com/usher-scim/usher/directory/store/storetest"
	"github.com/usher-scim/usher/scim"
)

// emit commits events of some resources, in the order of their versions.
func emit(t *testing.T, s interface {
	directory.Store
}, resources, versions int) {
	t.Helper()
	for v := 1; v <= versions; v++ {
		err := s.Update(t.Context(), func(tx directory.Tx) error {
			var all []directory.Event
			for i := range resources {
				all = append(all, directory.Event{ID: uuid.Must(uuid.NewV7()).String(), Time: time.Now(), Org: dialtest.Org, Action: "user.update", Resource: fmt.Sprint("r", i), After: scim.Version(v)})
			}
			return tx.Emit(t.Context(), all...)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// R10: two replicas share the outbox: every event is delivered, once where nothing
// fails, and those of one resource in their order.
func TestR10TwoRelaysShareTheOutbox(t *testing.T) {
	replicas := dialtest.Two(t)
	const resources, versions = 12, 15
	emit(t, replicas[0], resources, versions)
	oldest, n, err := replicas[0].Lag(t.Context())
	if err != nil || n != resources*versions || oldest <= 0 {
		t.Errorf("%d wait, the oldest for %s, %v", n, oldest, err)
	}
	var mu sync.Mutex
	last, got := map[string]scim.Version{}, 0
	deadline := time.Now().Add(20 * time.Second)
	storetest.Together(4, func(i int) {
		s := replicas[i%2]
		for time.Now().Before(deadline) {
			batch, err := s.Lease(t.Context(), 7, 10*time.Second)
			if err != nil {
				t.Error(err)
				return
			}
			var keys []string
			mu.Lock()
			for _, e := range batch {
				if was := last[e.Event.Resource]; e.Event.After != was+1 {
					t.Errorf("%s is at %d after %d", e.Event.Resource, e.Event.After, was)
				}
				last[e.Event.Resource] = e.Event.After
				got++
				keys = append(keys, e.Key)
			}
			done := got >= resources*versions
			mu.Unlock()
			if err := s.Ack(t.Context(), keys...); err != nil {
				t.Error(err)
			}
			if done {
				return
			}
		}
	})
	if got != resources*versions {
		t.Errorf("%d of %d were delivered", got, resources*versions)
	}
	if _, n, err := replicas[1].Lag(t.Context()); err != nil || n != 0 {
		t.Errorf("%d still wait, %v", n, err)
	}
}

// R10: what failed comes again, and what a lost replica had leased; the later events
// of its resource wait for it.
func TestR10RetryAndLostLease(t *testing.T) {
	s := dialtest.Two(t)[0]
	emit(t, s, 1, 2)
	batch, err := s.Lease(t.Context(), 1, 300*time.Millisecond)
	if err != nil || len(batch) != 1 {
		t.Fatalf("%d leased, %v", len(batch), err)
	}
	if again, err := s.Lease(t.Context(), 5, time.Second); err != nil || len(again) != 0 {
		t.Errorf("%d are handed out while an earlier one is under way, %v", len(again), err)
	}
	time.Sleep(400 * time.Millisecond)
	again, err := s.Lease(t.Context(), 5, time.Minute)
	if err != nil || len(again) != 2 || again[0].Key != batch[0].Key {
		t.Fatalf("after the lease %d are handed out, %v", len(again), err)
	}
	if err := s.Retry(t.Context(), again[0].Key, time.Now()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Millisecond)
	third, err := s.Lease(t.Context(), 5, time.Minute)
	if err != nil || len(third) != 1 || third[0].Tries != 1 {
		t.Errorf("%+v, %v", third, err)
	}
}

// The audit is read in its order, page by page and by what it is about.
func TestTrail(t *testing.T) {
	s := dialtest.Two(t)[0]
	emit(t, s, 3, 4)
	var seen []directory.Entry
	for after := int64(0); ; {
		page, err := s.Trail(t.Context(), directory.TrailQuery{Org: dialtest.Org, After: after, Limit: 5})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		seen, after = append(seen, page...), page[len(page)-1].Seq
	}
	if len(seen) != 12 {
		t.Fatalf("%d of 12 events", len(seen))
	}
	for i, e := range seen {
		if want := scim.Version(1 + i/3); e.Event.After != want || e.Event.Resource != fmt.Sprint("r", i%3) {
			t.Errorf("event %d is %s at %d", i, e.Event.Resource, e.Event.After)
		}
	}
	about, err := s.Trail(t.Context(), directory.TrailQuery{Org: dialtest.Org, Resource: "r1", Limit: 100})
	if err != nil || len(about) != 4 {
		t.Errorf("%d events of r1, %v", len(about), err)
	}
	one, err := s.Event(t.Context(), dialtest.Org, seen[3].Event.ID)
	if err != nil || one.ID != seen[3].Event.ID {
		t.Errorf("%v, %v", one.ID, err)
	}
	if _, err := s.Event(t.Context(), "b", seen[3].Event.ID); err == nil {
		t.Error("another organization finds the event")
	}
}
