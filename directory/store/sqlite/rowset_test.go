package sqlite

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/scim"
	"github.com/usher-scim/usher/scim/schemas"
)

// A set of rows holds what was added, while it grows.
func TestRowset(t *testing.T) {
	t.Parallel()
	var s rowset
	want := map[int64]bool{}
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, reach := range []int64{1, 63, 70_000, 10_000_000} {
		for range 200 {
			row := rnd.Int64N(reach)
			s.add(row)
			want[row] = true
		}
		for row := range min(reach, 100_000) + 200 {
			if s.has(row) != want[row] {
				t.Fatalf("row %d is in the set: %t", row, s.has(row))
			}
		}
	}
}

// Who is a member of a group is known before and after the store has read who is:
// members shows it of whoever was made a member before the store was last opened,
// and since.
func TestMembersOfAReopenedStore(t *testing.T) {
	t.Parallel()
	const people = readStep + 200 // more of them are members than are read at a time
	member := func(n int) bool { return n%50 != 1 }
	path := filepath.Join(t.TempDir(), "usher.db")
	group := written(t, "Group", people, `{"displayName":"g"}`)
	ref := directory.Ref{Org: "a", Type: group.Type, ID: group.ID}
	s := reopened(t, nil, path)
	if err := s.AddOrganization(t.Context(), directory.Organization{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	change(t, s, func(tx directory.Tx) error { return tx.Put(t.Context(), "a", nil, group) })
	change(t, s, func(tx directory.Tx) error {
		var d directory.EdgeDelta
		for n := range people {
			r := written(t, "User", n, fmt.Sprintf(`{"userName":"u%d"}`, n))
			if err := tx.Put(t.Context(), "a", nil, r); err != nil {
				return err
			}
			if member(n) {
				d.Add = append(d.Add, directory.Member{ID: r.ID, Type: "User"})
			}
		}
		return tx.Link(t.Context(), ref, d)
	})
	s = reopened(t, s, path)
	groupsOf(t, s, people, member)
	<-s.joined.done
	if !s.joined.full.Load() || !s.joined.has(2) || s.joined.has(3) { // row 1 is the group, 2 and 3 are the first people
		t.Errorf("all were read: %t, row 2 is a member: %t, row 3: %t", s.joined.full.Load(), s.joined.has(2), s.joined.has(3))
	}
	groupsOf(t, s, people, member)
	joins := directory.Member{ID: written(t, "User", 1, `{"userName":"x"}`).ID, Type: "User"}
	change(t, s, func(tx directory.Tx) error {
		return tx.Link(t.Context(), ref, directory.EdgeDelta{Add: []directory.Member{joins}})
	})
	groupsOf(t, s, people, func(n int) bool { return member(n) || n == 1 })
	change(t, s, func(tx directory.Tx) error { return tx.Link(t.Context(), ref, directory.EdgeDelta{Clear: true}) })
	groupsOf(t, s, people, func(int) bool { return false })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func written(t *testing.T, kind string, n int, body string) *scim.Resource {
	t.Helper()
	rt, _ := schemas.Default.Type(kind)
	r, _, err := scim.Decode(rt, []byte(body), scim.Tolerant)
	if err != nil {
		t.Fatal(err)
	}
	r.ID, r.Version = fmt.Sprintf("00000000-0000-7000-8000-%012x", n), 1
	return r
}

func reopened(t *testing.T, s *Store, path string) *Store {
	t.Helper()
	if s != nil {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func change(t *testing.T, s *Store, fn func(directory.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// groupsOf reads a few people and asks which of them are in a group.
func groupsOf(t *testing.T, s *Store, people int, want func(n int) bool) {
	t.Helper()
	err := s.View(t.Context(), func(r directory.Reader) error {
		for _, n := range slices.Concat([]int{0, 1, 2, 3}, []int{people - 3, people - 2, people - 1}) {
			u := written(t, "User", n, `{"userName":"x"}`)
			if _, err := r.Get(t.Context(), directory.Ref{Org: "a", Type: u.Type, ID: u.ID}); err != nil {
				return err
			}
			groups, err := r.Groups(t.Context(), "a", []string{u.ID})
			if err != nil {
				return err
			}
			if is := len(groups[u.ID]) > 0; is != want(n) {
				t.Errorf("person %d is a member: %t", n, is)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
