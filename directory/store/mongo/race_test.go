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
	"github.com/usher-scim/usher/directory/store/mongo/mongotest"
	"github.com/usher-scim/usher/scim"
)

// two are two replicas over one database with an organization.
func two(t *testing.T) [2]*mongo.Store {
	t.Helper()
	uri := mongotest.URI(t)
	all := [2]*mongo.Store{dial(t, uri, mongo.Options{}), dial(t, uri, mongo.Options{})}
	if err := all[0].AddOrganization(t.Context(), directory.Organization{ID: orgA}); err != nil {
		t.Fatal(err)
	}
	return all
}

// together runs fn n times at once.
func together(n int, fn func(i int)) {
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range n {
		done.Go(func() {
			start.Wait()
			fn(i)
		})
	}
	start.Done()
	done.Wait()
}

func document(kind directory.Kind, id string, v scim.Version) directory.Document {
	return directory.Document{Org: orgA, Kind: kind, ID: id, Version: v, Data: []byte("{}")}
}

// has reports whether there is a document.
func has(t *testing.T, r directory.Reader, kind directory.Kind, id string) bool {
	t.Helper()
	_, err := r.Document(t.Context(), orgA, kind, id)
	if err != nil && !errors.Is(err, directory.ErrNotFound) && !errors.Is(err, directory.ErrBusy) {
		t.Logf("document: %v", err)
	}
	return err == nil
}

// K61: two changes that each read what the other writes do not both succeed, on two
// replicas as little as on one: of two, one at least must remain.
func TestK61NoWriteSkew(t *testing.T) {
	replicas := two(t)
	errLast := errors.New("it is the last")
	for round := range 40 {
		names := [2]string{fmt.Sprint("x", round), fmt.Sprint("y", round)}
		err := replicas[0].Update(t.Context(), func(tx directory.Tx) error {
			return errors.Join(tx.PutDocument(t.Context(), document("role", names[0], 1), directory.Document{}), tx.PutDocument(t.Context(), document("role", names[1], 1), directory.Document{}))
		})
		if err != nil {
			t.Fatal(err)
		}
		var gone atomic.Int32
		together(2, func(i int) {
			err := replicas[i].Update(t.Context(), func(tx directory.Tx) error {
				other, err := tx.Document(t.Context(), orgA, "role", names[1-i])
				if errors.Is(err, directory.ErrNotFound) {
					return errLast
				}
				if err != nil || other.Version == 0 {
					return err
				}
				return tx.DeleteDocument(t.Context(), document("role", names[i], 1))
			})
			switch {
			case err == nil:
				gone.Add(1)
			case !errors.Is(err, errLast):
				t.Error(err)
			}
		})
		if gone.Load() != 1 {
			t.Fatalf("round %d: %d of two were removed", round, gone.Load())
		}
	}
}

// K61: a decision that reads where a person stands, and runs alone for it, does not
// pass beside a change of exactly that, though the two write nothing in common.
func TestK61NoWriteSkewAboutAPerson(t *testing.T) {
	replicas, rt := two(t), typeOf(t, "User")
	for round := range 30 {
		person := record(t, rt, 2*round, fmt.Sprintf(`{"userName":"p%d","active":true}`, round))
		bound := record(t, rt, 2*round+1, fmt.Sprintf(`{"userName":"b%d"}`, round))
		err := replicas[0].Update(t.Context(), func(tx directory.Tx) error { return tx.Put(t.Context(), orgA, nil, person) })
		if err != nil {
			t.Fatal(err)
		}
		errRefused := errors.New("refused")
		var done atomic.Int32
		together(2, func(i int) {
			err := replicas[i].Update(t.Context(), func(tx directory.Tx) error {
				now, err := tx.Get(t.Context(), directory.Ref{Org: orgA, Type: rt, ID: person.ID})
				if err != nil {
					return err
				}
				kinds, err := tx.Kinds(t.Context(), orgA, []string{bound.ID})
				if err != nil {
					return err
				}
				if directory.StatusOf(now) != directory.Active || len(kinds) > 0 {
					return errRefused
				}
				if i == 0 { // binds the person
					return errors.Join(tx.Alone(t.Context(), orgA), tx.Put(t.Context(), orgA, nil, bound))
				}
				after := record(t, rt, 2*round, fmt.Sprintf(`{"userName":"p%d","active":false}`, round))
				after.Version = now.Version + 1
				return tx.Put(t.Context(), orgA, now, after)
			})
			switch {
			case err == nil:
				done.Add(1)
			case !errors.Is(err, errRefused):
				t.Error(err)
			}
		})
		if done.Load() != 1 {
			t.Fatalf("round %d: %d of two passed", round, done.Load())
		}
	}
}

// K60, R7: two replicas give away seats while the limit is raised and lowered: never
// is one more taken than there are, and what is counted is what is held.
func TestK60SeatsOfTwoReplicas(t *testing.T) {
	replicas := two(t)
	limit := func(tx directory.Tx) (n int64, v scim.Version, err error) {
		d, err := tx.Document(t.Context(), orgA, "pool", "core")
		if errors.Is(err, directory.ErrNotFound) {
			return 0, 0, nil
		}
		if err == nil {
			_, err = fmt.Sscan(string(d.Data), &n)
		}
		return n, d.Version, err
	}
	set := func(s *mongo.Store, n int64) error {
		return s.Update(t.Context(), func(tx directory.Tx) error {
			_, v, err := limit(tx)
			if err != nil {
				return err
			}
			used, err := tx.Tally(t.Context(), orgA, "seats")
			if err != nil || used > n {
				return errors.Join(err, directory.ErrLimit)
			}
			d := directory.Document{Org: orgA, Kind: "pool", ID: "core", Version: v + 1, Data: fmt.Append(nil, n)}
			return tx.PutDocument(t.Context(), d, directory.Document{Org: orgA, Kind: "pool", ID: "core", Version: v})
		})
	}
	if err := set(replicas[0], 20); err != nil {
		t.Fatal(err)
	}
	rt := typeOf(t, "User")
	var next, taken, freed atomic.Int64
	end := time.Now().Add(4 * time.Second)
	var all sync.WaitGroup
	for i := range 8 {
		s := replicas[i%2]
		all.Go(func() {
			var mine []*scim.Resource
			for n := 0; time.Now().Before(end); n++ {
				if len(mine) > 0 && n%3 == 0 {
					gone := mine[0]
					err := s.Update(t.Context(), func(tx directory.Tx) error {
						return errors.Join(tx.Delete(t.Context(), orgA, gone), tx.Count(t.Context(), orgA, "seats", -1, -1))
					})
					if err != nil {
						t.Error(err)
						return
					}
					mine = mine[1:]
					freed.Add(1)
					continue
				}
				id := int(next.Add(1))
				person := record(t, rt, id, fmt.Sprintf(`{"userName":"u%d"}`, id))
				err := s.Update(t.Context(), func(tx directory.Tx) error {
					most, _, err := limit(tx)
					if err == nil {
						err = tx.Count(t.Context(), orgA, "seats", 1, most)
					}
					if err == nil {
						err = tx.Put(t.Context(), orgA, nil, person)
					}
					return err
				})
				switch {
				case err == nil:
					mine = append(mine, person)
					taken.Add(1)
				case !errors.Is(err, directory.ErrLimit):
					t.Error(err)
					return
				}
			}
		})
	}
	all.Go(func() {
		for n := int64(0); time.Now().Before(end); n++ {
			if err := set(replicas[n%2], []int64{5, 37, 16, 20, 11}[n%5]); err != nil && !errors.Is(err, directory.ErrLimit) {
				t.Error(err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	all.Go(func() { // no snapshot ever shows one too many
		for time.Now().Before(end) {
			err := replicas[1].Update(t.Context(), func(tx directory.Tx) error {
				most, _, err := limit(tx)
				if err != nil {
					return err
				}
				used, err := tx.Tally(t.Context(), orgA, "seats")
				if err == nil && used > most {
					t.Errorf("%d seats of %d are taken", used, most)
				}
				p, err := tx.Find(t.Context(), directory.Query{Org: orgA, Type: rt, Start: 1, Count: 0})
				if err == nil && int64(p.Total) != used {
					t.Errorf("%d seats are counted, %d people are there", used, p.Total)
				}
				return err
			})
			if err != nil && !errors.Is(err, directory.ErrBusy) {
				t.Error(err)
			}
		}
	})
	all.Wait()
	t.Logf("%d taken, %d freed", taken.Load(), freed.Load())
	if taken.Load() < 20 {
		t.Error("too little happened")
	}
	for _, s := range replicas {
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
