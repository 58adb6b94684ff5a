package mongo_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo"
	"github.com/usher-scim/usher/directory/store/mongo/internal/dialtest"
	"github.com/usher-scim/usher/scim"
)

// theatre has seats that two replicas give away.
type theatre struct {
	*testing.T
	replicas           [2]*mongo.Store
	rt                 *scim.ResourceType
	next, taken, freed atomic.Int64
	end                time.Time
}

// limit is how many seats there are, in a document at a version.
func (h *theatre) limit(tx directory.Tx) (n int64, v scim.Version, err error) {
	d, err := tx.Document(h.Context(), dialtest.Org, "pool", "core")
	if errors.Is(err, directory.ErrNotFound) {
		return 0, 0, nil
	}
	if err == nil {
		_, err = fmt.Sscan(string(d.Data), &n)
	}
	return n, d.Version, err
}

// set changes the limit, unless more are taken.
func (h *theatre) set(s *mongo.Store, n int64) error {
	return s.Update(h.Context(), func(tx directory.Tx) error {
		_, v, err := h.limit(tx)
		if err != nil {
			return err
		}
		used, err := tx.Tally(h.Context(), dialtest.Org, "seats")
		if err != nil || used > n {
			return errors.Join(err, directory.ErrLimit)
		}
		d := directory.Document{Org: dialtest.Org, Kind: "pool", ID: "core", Version: v + 1, Data: fmt.Append(nil, n)}
		return tx.PutDocument(h.Context(), d, directory.Document{Org: dialtest.Org, Kind: "pool", ID: "core", Version: v})
	})
}

// take adds a person who needs a seat; nil when there is none.
func (h *theatre) take(s *mongo.Store) (*scim.Resource, error) {
	id := int(h.next.Add(1))
	person := dialtest.Record(h, h.rt, id, fmt.Sprintf(`{"userName":"u%d"}`, id))
	err := s.Update(h.Context(), func(tx directory.Tx) error {
		most, _, err := h.limit(tx)
		if err == nil {
			err = tx.Count(h.Context(), dialtest.Org, "seats", 1, most)
		}
		if err == nil {
			err = tx.Put(h.Context(), dialtest.Org, nil, person)
		}
		return err
	})
	if errors.Is(err, directory.ErrLimit) {
		return nil, nil
	}
	h.taken.Add(1)
	return person, err
}

func (h *theatre) free(s *mongo.Store, person *scim.Resource) error {
	h.freed.Add(1)
	return s.Update(h.Context(), func(tx directory.Tx) error {
		return errors.Join(tx.Delete(h.Context(), dialtest.Org, person), tx.Count(h.Context(), dialtest.Org, "seats", -1, -1))
	})
}

// come and go, until the end.
func (h *theatre) come(s *mongo.Store) {
	var mine []*scim.Resource
	for n := 0; time.Now().Before(h.end); n++ {
		if len(mine) > 0 && n%3 == 0 {
			if err := h.free(s, mine[0]); err != nil {
				h.Error(err)
				return
			}
			mine = mine[1:]
			continue
		}
		person, err := h.take(s)
		if err != nil {
			h.Error(err)
			return
		}
		if person != nil {
			mine = append(mine, person)
		}
	}
}

// look wants a snapshot in which no seat is taken too many.
func (h *theatre) look(tx directory.Tx) error {
	most, _, err := h.limit(tx)
	if err != nil {
		return err
	}
	used, err := tx.Tally(h.Context(), dialtest.Org, "seats")
	if err == nil && used > most {
		h.Errorf("%d seats of %d are taken", used, most)
	}
	p, err := tx.Find(h.Context(), directory.Query{Org: dialtest.Org, Type: h.rt, Start: 1, Count: 0})
	if err == nil && int64(p.Total) != used {
		h.Errorf("%d seats are counted, %d people are there", used, p.Total)
	}
	return err
}

// K60, R7: two replicas give away seats while the limit is raised and lowered: never
// is one more taken than there are, and what is counted is what is held.
func TestK60SeatsOfTwoReplicas(t *testing.T) {
	h := &theatre{T: t, replicas: dialtest.Two(t), rt: dialtest.Type(t, "User"), end: time.Now().Add(4 * time.Second)}
	if err := h.set(h.replicas[0], 20); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() { h.come(h.replicas[i%2]) })
	}
	all.Go(func() {
		for n := int64(0); time.Now().Before(h.end); n++ {
			if err := h.set(h.replicas[n%2], []int64{5, 37, 16, 20, 11}[n%5]); err != nil && !errors.Is(err, directory.ErrLimit) {
				t.Error(err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	all.Go(func() {
		for time.Now().Before(h.end) {
			if err := h.replicas[1].Update(t.Context(), h.look); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
	t.Logf("%d taken, %d freed", h.taken.Load(), h.freed.Load())
	if h.taken.Load() < 20 {
		t.Error("too little happened")
	}
	for _, s := range h.replicas {
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
