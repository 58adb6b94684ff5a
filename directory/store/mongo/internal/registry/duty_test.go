package registry_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory/store/mongo/internal/dialtest"
	"github.com/usher-scim/usher/directory/store/storetest"
)

// A duty, such as what schedules bring, is had by one of two replicas at a time, from the first moment on; it goes
// to the other when the one is lost, or gives it up, and not before.
func TestDutiesHaveOneHolder(t *testing.T) {
	replicas := dialtest.Two(t)
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
		storetest.Together(6, func(i int) {
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
