package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/storetest"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

// opened is a new store with the organization a.
func opened(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "usher.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.AddOrganization(t.Context(), directory.Organization{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	return s
}

// drained waits until everything is in the tables of the index.
func drained(t *testing.T, s *Store) {
	t.Helper()
	for s.index.Behind() {
		time.Sleep(indexPace / 4)
	}
}

// R2, R16: what the index holds follows the configuration, also of what was written
// before it changed, whether that was in memory or in the tables.
func TestReindexing(t *testing.T) {
	for name, settle := range map[string]func(*testing.T, *Store){"in the tables": drained, "in memory": func(*testing.T, *Store) {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.RunReindexing(t, func(t *testing.T) storetest.Reopener { return reopener(t, settle) })
		})
	}
}

// R17: filters and orders mean the same for values of every type.
func TestValues(t *testing.T) {
	storetest.RunValues(t, func(t *testing.T) storetest.Reopener { return reopener(t, func(*testing.T, *Store) {}) })
}

func reopener(t *testing.T, settle func(*testing.T, *Store)) storetest.Reopener {
	path := filepath.Join(t.TempDir(), "usher.db")
	var open *Store
	end := func() {
		if open == nil {
			return
		}
		settle(t, open)
		if err := open.Check(context.Background()); err != nil {
			t.Error(err)
		}
		if err := open.Close(); err != nil {
			t.Error(err)
		}
		open = nil
	}
	t.Cleanup(end)
	return func(types *schemas.Registry) (storetest.Closer, error) {
		end()
		s, err := Open(t.Context(), path, Options{Registry: types})
		if err != nil {
			return nil, err
		}
		open = s
		return s, nil
	}
}

// R16: a file from before it was written down what the index holds gets it anew,
// without what it said too much.
func TestIndexOfAnOlderFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "usher.db")
	open := func() *Store {
		t.Helper()
		s, err := Open(t.Context(), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	if err := s.AddOrganization(t.Context(), directory.Organization{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	rt, _ := schemas.Default.Type("User")
	r, _, err := scim.Decode(rt, []byte(`{"userName":"Ada","displayName":"Ada L"}`), scim.Tolerant)
	if err != nil {
		t.Fatal(err)
	}
	r.ID, r.Version = "00000000-0000-7000-8000-000000000001", 1
	if err := s.Update(t.Context(), func(tx directory.Tx) error { return tx.Put(t.Context(), "a", nil, r) }); err != nil {
		t.Fatal(err)
	}
	drained(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err == nil {
		err = errors.Join(sqlitex.ExecuteScript(conn, `UPDATE uniq SET value='stale'; DELETE FROM term; DROP TABLE listing; PRAGMA user_version=3;`, nil), conn.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	s = open()
	defer s.Close()
	err = s.View(t.Context(), func(in directory.Reader) error {
		for key, want := range map[string]string{"ada": r.ID, "stale": ""} {
			got, err := in.Owner(t.Context(), directory.UniqueKey{Org: "a", Type: rt, Attr: schemas.User.UserName, Key: key})
			if got != want || err != nil && !errors.Is(err, directory.ErrNotFound) {
				t.Errorf("%s belongs to %q (%v), want %q", key, got, err, want)
			}
		}
		f, _, err := filter.Compile(`displayName eq "ada l"`, rt, scim.Tolerant)
		if err != nil {
			return err
		}
		p, err := in.Find(t.Context(), directory.Query{Org: "a", Type: rt, Filter: f})
		if p.Total != 1 {
			t.Errorf("the display name finds %d", p.Total)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
