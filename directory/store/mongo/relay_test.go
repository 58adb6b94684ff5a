package mongo_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/usher-scim/usher/directory"
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
				all = append(all, directory.Event{ID: uuid.Must(uuid.NewV7()).String(), Time: time.Now(), Org: orgA, Action: "user.update", Resource: fmt.Sprint("r", i), After: scim.Version(v)})
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
	replicas := two(t)
	const resources, versions = 12, 15
	emit(t, replicas[0], resources, versions)
	oldest, n, err := replicas[0].Lag(t.Context())
	if err != nil || n != resources*versions || oldest <= 0 {
		t.Errorf("%d wait, the oldest for %s, %v", n, oldest, err)
	}
	var mu sync.Mutex
	last, got := map[string]scim.Version{}, 0
	deadline := time.Now().Add(20 * time.Second)
	together(4, func(i int) {
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
	s := two(t)[0]
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
	s := two(t)[0]
	emit(t, s, 3, 4)
	var seen []directory.Entry
	for after := int64(0); ; {
		page, err := s.Trail(t.Context(), directory.TrailQuery{Org: orgA, After: after, Limit: 5})
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
	about, err := s.Trail(t.Context(), directory.TrailQuery{Org: orgA, Resource: "r1", Limit: 100})
	if err != nil || len(about) != 4 {
		t.Errorf("%d events of r1, %v", len(about), err)
	}
	one, err := s.Event(t.Context(), orgA, seen[3].Event.ID)
	if err != nil || one.ID != seen[3].Event.ID {
		t.Errorf("%v, %v", one.ID, err)
	}
	if _, err := s.Event(t.Context(), "b", seen[3].Event.ID); err == nil {
		t.Error("another organization finds the event")
	}
}

// A duty, such as what schedules bring, is had by one of two replicas at a time, from the first moment on; it goes
// to the other when the one is lost, or gives it up, and not before.
func TestDutiesHaveOneHolder(t *testing.T) {
	replicas := two(t)
	hold := func(i int, duty string, ttl time.Duration) bool {
		t.Helper()
		mine, err := replicas[i].Hold(t.Context(), duty, ttl)
		if err != nil {
			t.Fatal(err)
		}
		return mine
	}
	if !hold(0, "clock", time.Minute) || hold(1, "clock", time.Minute) {
		t.Error("the first holder does not have it at once")
	}
	if !hold(0, "clock", time.Minute) || hold(1, "clock", 0) {
		t.Error("the holder cannot prolong it, or another takes it for no time")
	}
	if !hold(0, "clock", 0) || !hold(1, "clock", time.Minute) || hold(0, "clock", time.Minute) {
		t.Error("what was given up does not go to the other")
	}

	// A holder that is not heard of any more loses it when its time is over.
	const ttl = 300 * time.Millisecond
	began := time.Now()
	if !hold(0, "relay", ttl) {
		t.Fatal("nobody has it, and it cannot be had")
	}
	for !hold(1, "relay", ttl) {
		if time.Since(began) > 20*time.Second {
			t.Fatal("the lease does not end")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if took := time.Since(began); took < ttl {
		t.Errorf("the lease of %s ended after %s", ttl, took)
	}

	// Of many that ask for a new one at once, one gets it.
	for round := range 20 {
		var got atomic.Int32
		together(6, func(i int) {
			mine, err := replicas[i%2].Hold(t.Context(), fmt.Sprint("new", round), time.Minute)
			if err != nil {
				t.Error(err)
			}
			if mine && i%2 == 0 {
				got.Or(1)
			} else if mine {
				got.Or(2)
			}
		})
		if n := got.Load(); n != 1 && n != 2 {
			t.Errorf("round %d: the duty is had by %b", round, n)
		}
	}
}
