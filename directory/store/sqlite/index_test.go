package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

// model is what the store should hold, and the store whose index is written in
// small parts, so that values are found in every place they can be.
type model struct {
	*testing.T
	path  string
	store *Store
	rnd   *rand.Rand
	rt    *scim.ResourceType
	name  *scim.Attribute
	users map[string]*scim.Resource // by id
	next  int
}

func (m *model) open() {
	s, err := Open(m.Context(), m.path, Options{})
	if err != nil {
		m.Fatal(err)
	}
	m.store = s
	m.update(func(tx *tx) error {
		tx.store.index.Most = 4
		return nil
	})
}

func (m *model) close() {
	if err := m.store.Close(); err != nil {
		m.Fatal(err)
	}
}

func (m *model) update(fn func(*tx) error) {
	m.Helper()
	if err := m.store.Update(m.Context(), func(t directory.Tx) error { return fn(t.(*tx)) }); err != nil {
		m.Fatal(err)
	}
}

// owner is who should hold a name.
func (m *model) owner(name string) string {
	for id, r := range m.users {
		if scim.Key(r.Text(m.name)) == scim.Key(name) {
			return id
		}
	}
	return ""
}

func (m *model) any() *scim.Resource {
	n := m.rnd.IntN(max(1, len(m.users)))
	for _, r := range m.users {
		if n--; n < 0 {
			return r
		}
	}
	return nil
}

// put writes a user with the name; the store must refuse exactly names that
// somebody else has.
func (m *model) put(before *scim.Resource, name string) {
	m.Helper()
	var after *scim.Resource
	if before == nil {
		after = scim.New(m.rt)
		m.next++
		after.ID, after.Version = fmt.Sprintf("00000000-0000-4000-8000-%012d", m.next), 1
	} else {
		after = before.Clone()
		after.Version++
	}
	after.Created, after.Modified = time.UnixMilli(1), time.UnixMilli(1)
	after.Set(m.name, scim.TextValue(name))
	err := m.store.Update(m.Context(), func(tx directory.Tx) error { return tx.Put(m.Context(), "a", before, after) })
	var taken *directory.UniqueError
	if owner := m.owner(name); owner != "" && owner != after.ID {
		if !errors.As(err, &taken) {
			m.Fatalf("%q belongs to %s, and %s got it too: %v", name, owner, after.ID, err)
		}
		return
	}
	if err != nil {
		m.Fatalf("%s may be named %q: %v", after.ID, name, err)
	}
	m.users[after.ID] = after
}

func (m *model) remove(r *scim.Resource) {
	m.update(func(tx *tx) error { return tx.Delete(m.Context(), "a", r) })
	delete(m.users, r.ID)
}

// check compares every way to find a name.
func (m *model) check(names []string) {
	m.Helper()
	err := m.store.View(m.Context(), func(r directory.Reader) error {
		for _, name := range names {
			want := m.owner(name)
			got, err := r.Owner(m.Context(), directory.UniqueKey{Org: "a", Type: m.rt, Attr: m.name, Key: scim.Key(name)})
			if err != nil && !errors.Is(err, directory.ErrNotFound) || got != want {
				m.Errorf("%q belongs to %q, not %q (%v)", name, want, got, err)
			}
			for op, test := range map[string]func(a, b string) bool{"eq": func(a, b string) bool { return a == b }, "sw": strings.HasPrefix, "co": strings.Contains} {
				f, _, err := filter.Compile(fmt.Sprintf("userName %s %q", op, name), m.rt, 0)
				if err != nil {
					return err
				}
				n := 0
				for _, r := range m.users {
					if test(scim.Fold(r.Text(m.name)), scim.Fold(name)) {
						n++
					}
				}
				if p, err := r.Find(m.Context(), directory.Query{Org: "a", Type: m.rt, Filter: f, Count: 10}); err != nil || p.Total != n {
					m.Errorf("userName %s %q finds %d users, not %d (%v)", op, name, p.Total, n, err)
				}
			}
		}
		return nil
	})
	if err != nil || m.Failed() {
		m.Fatal(err)
	}
}

// K65: wherever a value is on its way from memory to the tables, it is found,
// belongs to one, and is free once it is given up; over restarts as well.
func TestK65IndexAtEveryStage(t *testing.T) {
	rt, _ := schemas.Default.Type("User")
	name, _ := rt.Root("userName")
	seed := rand.Uint64()
	defer func() {
		if t.Failed() {
			t.Logf("the seed was %d", seed)
		}
	}()
	m := &model{T: t, path: filepath.Join(t.TempDir(), "usher.db"), rnd: rand.New(rand.NewPCG(seed, 0)), rt: rt, name: name, users: map[string]*scim.Resource{}}
	m.open()
	if err := m.store.AddOrganization(t.Context(), directory.Organization{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range 12 {
		names = append(names, fmt.Sprintf("anna%d", i), fmt.Sprintf("Anna-Maria%d", i))
	}
	for step := range 1500 {
		pick := names[m.rnd.IntN(len(names))]
		if m.rnd.IntN(2) == 0 {
			pick = strings.ToUpper(pick)
		}
		switch r := m.any(); {
		case r == nil || m.rnd.IntN(5) < 2:
			m.put(nil, pick)
		case m.rnd.IntN(4) > 0:
			m.put(r, pick)
		case m.rnd.IntN(20) == 0:
			m.close()
			m.open()
		case m.rnd.IntN(10) == 0:
			time.Sleep(2 * indexPace)
		default:
			m.remove(r)
		}
		if step%25 == 0 {
			m.check(names)
		}
	}
	m.check(names)
	if err := m.store.Check(t.Context()); err != nil {
		t.Error(err)
	}
	m.close()
}

// A change that fails after it has written takes nobody along, and leaves
// nothing behind.
func TestFailuresInABatch(t *testing.T) {
	rt, _ := schemas.Default.Type("User")
	name, _ := rt.Root("userName")
	s := opened(t)
	failed := errors.New("failed after writing")
	var all sync.WaitGroup
	for i := range 400 {
		all.Go(func() {
			r := scim.New(rt)
			r.ID, r.Version = fmt.Sprintf("00000000-0000-4000-8000-%012d", i), 1
			r.Set(name, scim.TextValue(fmt.Sprintf("user%d", i)))
			err := s.Update(context.Background(), func(tx directory.Tx) error {
				if err := tx.Put(context.Background(), "a", nil, r); err != nil {
					return err
				}
				if i%7 == 0 {
					panic("here")
				}
				if i%5 == 0 {
					return failed
				}
				return nil
			})
			if bad := i%5 == 0 || i%7 == 0; bad != (err != nil) {
				t.Errorf("change %d: %v", i, err)
			}
		})
	}
	all.Wait()
	err := s.View(t.Context(), func(r directory.Reader) error {
		for i := range 400 {
			_, err := r.Get(t.Context(), directory.Ref{Org: "a", Type: rt, ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i)})
			if there := err == nil; there == (i%5 == 0 || i%7 == 0) {
				t.Errorf("user %d is there: %t", i, there)
			}
			_, err = r.Owner(t.Context(), directory.UniqueKey{Org: "a", Type: rt, Attr: name, Key: fmt.Sprintf("user%d", i)})
			if there := err == nil; there == (i%5 == 0 || i%7 == 0) {
				t.Errorf("the name of user %d is taken: %t", i, there)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// What is written to the index in pauses waits for a pause of the readers too, but not
// for ever.
func TestIndexWaitsForReaders(t *testing.T) {
	t.Parallel()
	rt, _ := schemas.Default.Type("User")
	name, _ := rt.Root("userName")
	s := opened(t)
	began := time.Now()
	err := s.Update(t.Context(), func(tx directory.Tx) error {
		r := scim.New(rt)
		r.ID, r.Version = "00000000-0000-7000-8000-000000000001", 1
		r.Set(name, scim.TextValue("ada"))
		return tx.Put(t.Context(), "a", nil, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	for s.index.Behind() {
		s.read.Store(time.Now().Add(time.Hour).UnixNano()) // as if reads never ended
		time.Sleep(indexPace / 4)
	}
	if took := time.Since(began); took < readersFirst {
		t.Errorf("the index was written %v after the change, beside readers", took)
	}
}
