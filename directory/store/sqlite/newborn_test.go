package sqlite

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/filter"
	"github.com/usher-scim/usher/scim/schemas"
)

// R2: a file of a version that had one externalId for all clients is opened as fast as
// ever. One that such a version has worked on in between is gone through.
func TestFileWithOneExternalIDForAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "usher.db")
	var built []string
	open := func() *Store {
		t.Helper()
		s, err := Open(t.Context(), path, Options{OnBuild: func(doing string) { built = append(built, doing) }})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	end := func(s *Store, script string) {
		t.Helper()
		drained(t, s)
		conn, err := (*sqlite.Conn)(nil), s.Close()
		if err == nil {
			conn, err = sqlite.OpenConn(path, sqlite.OpenReadWrite)
		}
		if err == nil {
			err = errors.Join(sqlitex.ExecuteScript(conn, script, nil), conn.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	rt, _ := schemas.Default.Type("User")
	put := func(s *Store, before *scim.Resource, r *scim.Resource) *scim.Resource {
		t.Helper()
		if err := s.Update(t.Context(), func(tx directory.Tx) error { return tx.Put(t.Context(), "a", before, r) }); err != nil {
			t.Fatal(err)
		}
		return r
	}
	r, _, err := scim.Decode(rt, []byte(`{"userName":"ada","externalId":"i1"}`), scim.Tolerant)
	if err != nil {
		t.Fatal(err)
	}
	r.ID, r.Version = "00000000-0000-7000-8000-000000000001", 1
	s := open()
	if err := s.AddOrganization(t.Context(), directory.Organization{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	put(s, nil, r)
	const earlier = `DELETE FROM listing WHERE attr IN (SELECT num FROM attribute WHERE path LIKE '$externalIds%');
		DELETE FROM term WHERE attr IN (SELECT num FROM attribute WHERE path LIKE '$externalIds%');`
	end(s, earlier+`DELETE FROM attribute WHERE path LIKE '$externalIds%'`)

	s = open()
	if len(built) > 0 {
		t.Errorf("the first start is %s", built)
	}
	next := r.Next(r.Modified)
	next.SetExternalIDOf("hr", "h1")
	put(s, r, next)
	finds := func() {
		t.Helper()
		f, _, err := filter.Compile(`externalId eq "h1"`, rt, scim.Tolerant)
		if err != nil {
			t.Fatal(err)
		}
		err = s.View(t.Context(), func(in directory.Reader) error {
			p, err := in.Find(t.Context(), directory.Query{Org: "a", Type: rt, Filter: directory.AnyExternalID(f), Start: 1, Count: 1})
			if p.Total != 1 {
				t.Errorf("%d have the externalId", p.Total)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	finds()
	end(s, earlier)
	s = open()
	defer s.Close()
	if finds(); !slices.Equal(built, []string{"building the index of $externalIds.value of Group, $externalIds.value of User, for 1 records"}) {
		t.Errorf("after an earlier version: %s", built)
	}
}
