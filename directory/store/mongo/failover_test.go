package mongo_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
)

// R6: the primary of three nodes is killed under load: whatever was acknowledged is
// there, once; what was not is told as busy.
func TestR6PrimaryIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	server := mongotest.Set(t)
	uri := server.Database("usher")
	replicas := [2]*mongo.Store{dial(t, uri, mongo.Options{Timeout: 5 * time.Second}), dial(t, uri, mongo.Options{Timeout: 5 * time.Second})}
	if err := replicas[0].AddOrganization(t.Context(), directory.Organization{ID: orgA}); err != nil {
		t.Fatal(err)
	}
	rt := typeOf(t, "User")
	var next, busy atomic.Int64
	var longest atomic.Int64
	var mu sync.Mutex
	kept := map[string]bool{}
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i := range 4 {
		s := replicas[i%2]
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				n := int(next.Add(1))
				person := record(t, rt, n, fmt.Sprintf(`{"userName":"u%d"}`, n))
				event := directory.Event{ID: uuid.Must(uuid.NewV7()).String(), Time: time.Now(), Org: orgA, Action: "user.create", Resource: person.ID}
				began := time.Now()
				err := s.Update(t.Context(), func(tx directory.Tx) error {
					if err := tx.Put(t.Context(), orgA, nil, person); err != nil {
						return err
					}
					return tx.Emit(t.Context(), event)
				})
				longest.Store(max(longest.Load(), int64(time.Since(began))))
				switch {
				case err == nil:
					mu.Lock()
					kept[person.ID] = true
					mu.Unlock()
				case errors.Is(err, directory.ErrBusy):
					busy.Add(1)
				default:
					t.Errorf("neither done nor busy: %v", err)
				}
			}
		})
	}
	for range 2 {
		time.Sleep(3 * time.Second)
		primary := server.Primary()
		if primary < 0 {
			t.Error("there is no primary")
			break
		}
		if err := server.Signal(primary, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		if err := server.Restart(primary); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(2 * time.Second)
	close(stop)
	all.Wait()
	there := map[string]bool{}
	var p directory.Page
	err := replicas[1].View(t.Context(), func(r directory.Reader) (err error) {
		p, err = r.Find(t.Context(), directory.Query{Org: orgA, Type: rt, Start: 1, Count: 1 << 20})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range p.Resources {
		there[r.ID] = true
	}
	for id := range kept {
		if !there[id] {
			t.Errorf("%s was acknowledged and is lost", id)
		}
	}
	if err := replicas[0].Check(t.Context()); err != nil {
		t.Error(err)
	}
	t.Logf("%d kept, %d there, %d busy, the longest took %s", len(kept), len(there), busy.Load(), time.Duration(longest.Load()))
	if len(kept) < 100 || len(there) != p.Total {
		t.Errorf("%d kept, %d there, the total is %d", len(kept), len(there), p.Total)
	}
}
