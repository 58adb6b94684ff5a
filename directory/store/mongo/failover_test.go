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
	"github.com/usher-scim/usher/scim"
)

// load writes through two replicas and remembers what was acknowledged.
type load struct {
	*testing.T
	replicas            [2]*mongo.Store
	rt                  *scim.ResourceType
	next, busy, longest atomic.Int64
	stop                chan struct{}
	mu                  sync.Mutex
	kept                map[string]bool
}

// write adds one person after another until it is told to stop.
func (l *load) write(s *mongo.Store) {
	for {
		select {
		case <-l.stop:
			return
		default:
		}
		n := int(l.next.Add(1))
		person := record(l, l.rt, n, fmt.Sprintf(`{"userName":"u%d"}`, n))
		began := time.Now()
		err := l.add(s, person)
		l.mu.Lock()
		l.longest.Store(max(l.longest.Load(), int64(time.Since(began))))
		if err == nil {
			l.kept[person.ID] = true
		}
		l.mu.Unlock()
		if errors.Is(err, directory.ErrBusy) {
			l.busy.Add(1)
		} else if err != nil {
			l.Errorf("neither done nor busy: %v", err)
		}
	}
}

func (l *load) add(s *mongo.Store, person *scim.Resource) error {
	event := directory.Event{ID: uuid.Must(uuid.NewV7()).String(), Time: time.Now(), Org: orgA, Action: "user.create", Resource: person.ID}
	return s.Update(l.Context(), func(tx directory.Tx) error {
		if err := tx.Put(l.Context(), orgA, nil, person); err != nil {
			return err
		}
		return tx.Emit(l.Context(), event)
	})
}

// compare wants everything that was acknowledged to be there, and the totals right.
func (l *load) compare() {
	l.Helper()
	var p directory.Page
	err := l.replicas[1].View(l.Context(), func(r directory.Reader) (err error) {
		p, err = r.Find(l.Context(), directory.Query{Org: orgA, Type: l.rt, Start: 1, Count: 1 << 20})
		return err
	})
	if err != nil {
		l.Fatal(err)
	}
	there := map[string]bool{}
	for _, r := range p.Resources {
		there[r.ID] = true
	}
	for id := range l.kept {
		if !there[id] {
			l.Errorf("%s was acknowledged and is lost", id)
		}
	}
	if err := l.replicas[0].Check(l.Context()); err != nil {
		l.Error(err)
	}
	l.Logf("%d kept, %d there, %d busy, the longest took %s", len(l.kept), len(there), l.busy.Load(), time.Duration(l.longest.Load()))
	if len(l.kept) < 100 || len(there) != p.Total {
		l.Errorf("%d kept, %d there, the total is %d", len(l.kept), len(there), p.Total)
	}
}

// R6: the primary of three nodes is killed under load: whatever was acknowledged is
// there, once; what was not is told as busy.
func TestR6PrimaryIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a minute")
	}
	server := mongotest.Set(t)
	uri := server.Database("usher")
	open := func() *mongo.Store { return dial(t, uri, mongo.Options{Timeout: 5 * time.Second}) }
	l := &load{T: t, replicas: [2]*mongo.Store{open(), open()}, rt: typeOf(t, "User"), stop: make(chan struct{}), kept: map[string]bool{}}
	if err := l.replicas[0].AddOrganization(t.Context(), directory.Organization{ID: orgA}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() { l.write(l.replicas[i%2]) })
	}
	for range 2 {
		time.Sleep(3 * time.Second)
		primary := server.Primary()
		if primary < 0 {
			t.Error("there is no primary")
			break
		}
		if err := errors.Join(server.Signal(primary, syscall.SIGKILL), server.Restart(primary)); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(3 * time.Second)
	close(l.stop)
	all.Wait()
	l.compare()
}
